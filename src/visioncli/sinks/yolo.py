"""`OUT/yolo/labels/a/cat.txt`: one line an object, `class x y w h`, normalised centre and size; `classes.txt`."""

import re

from visioncli.files import write_whole
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink


class YoloSink(PictureSink):
    """Classes are numbered from 0 in the order of `classes.txt`; with `scores`, a sixth column holds the score."""

    def __init__(self, out: OutputFolder, labels: dict[int, str], *, scores: bool = False) -> None:
        self._numbers = {label_id: n for n, label_id in enumerate(labels)}
        self._scores = scores
        names = "".join(f"{_one_line(name)}\n" for name in labels.values())
        write_whole(out.file("yolo/classes.txt"), names.encode("utf-8", "backslashreplace"), out.partial)

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
        target = out.file(f"yolo/labels/{out.stem(base)}.txt")
        write_whole(target, "".join(lines).encode(), out.partial)
        return {"yolo": str(target)}


def _one_line(label: str) -> str:
    """A label without line ends and control characters: the line that it stands on is its number."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", label)
