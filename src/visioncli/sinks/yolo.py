"""`OUT/yolo`: a data set that ultralytics and supervision load as it is.

`labels/a/cat.txt` holds one line an object, `class x y w h`, normalised centre and size; `images/a/cat.jpg` is its
picture; `data.yaml` and `classes.txt` name the classes.
"""

import json
import re

from visioncli.files import write_whole
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.sinks.picture_copy import copy_picture

DATA = """\
# This folder is a data set and can be moved as a whole. Train and val are the same pictures until you part them.
train: images
val: images
nc: {count}
names:
{names}"""


class YoloSink(PictureSink):
    """Classes are numbered from 0 in the order of `classes.txt`; with `scores`, a sixth column holds the score, which
    tools of training do not take. Without `pictures`, only labels are written.
    """

    def __init__(
        self, out: OutputFolder, labels: dict[int, str], *, scores: bool = False, pictures: bool = True
    ) -> None:
        self._numbers = {label_id: n for n, label_id in enumerate(labels)}
        self._scores, self._pictures = scores, pictures
        names = [_one_line(name).encode("utf-8", "backslashreplace").decode() for name in labels.values()]
        write_whole(out.file("yolo/classes.txt"), "".join(f"{name}\n" for name in names).encode(), out.partial)
        listed = "".join(f"  {n}: {_quoted(name)}\n" for n, name in enumerate(names)) or "  {}\n"
        data = DATA.format(count=len(names), names=listed)
        write_whole(out.file("yolo/data.yaml"), data.encode(), out.partial)

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        record = outcome.record
        assert record.width and record.height  # successes have a size
        lines = []
        for p in record.predictions or ():
            x1, y1, x2, y2 = p.box
            centre = ((x1 + x2) / 2 / record.width, (y1 + y2) / 2 / record.height)
            size = ((x2 - x1) / record.width, (y2 - y1) / record.height)
            numbers = " ".join(f"{v:.7g}" for v in (*centre, *size, *([p.score] if self._scores else [])))
            lines.append(f"{self._numbers[p.label_id]} {numbers}\n")
        stem = without_images(out.stem(base))
        target = out.file(f"yolo/labels/{stem}.txt")
        files = {"yolo": str(target)}
        if self._pictures and (picture := copy_picture(outcome, out, f"yolo/images/{stem}")):
            files["yolo_picture"] = str(picture)
        write_whole(target, "".join(lines).encode(), out.partial)
        return files


def without_images(stem: str) -> str:
    """A name whose folders are not called `images`: for the last folder so called, ultralytics reads `labels`."""
    *folders, last = stem.split("/")
    return "/".join([*(f"{f}_" if re.fullmatch("images_*", f) else f for f in folders), last])


def _one_line(label: str) -> str:
    """A label without line ends and control characters: the line that it stands on is its number."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", label)


def _quoted(name: str) -> str:
    """A name as a YAML text in quotes, which knows the escapes of JSON."""
    return re.sub(
        r"[\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(name, ensure_ascii=False)
    )
