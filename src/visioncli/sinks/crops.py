"""`OUT/a/cat.jpg.crops/00-person.jpg`: each detected object as a picture of its own."""

import re
import shutil

from visioncli.files import write_picture
from visioncli.runner import Outcome
from visioncli.sinks.annotated import JPEG_QUALITY
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink


class CropsSink(PictureSink):
    """Numbered in the order of the record; whole pixels that the box touches, at least one by one."""

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        if outcome.picture is None or not outcome.record.predictions:
            return {}
        image = outcome.picture.image
        folder = out.file(f"{base}.crops")
        # Crops of an earlier run with other options would mix with these.
        shutil.rmtree(folder, ignore_errors=True)
        for n, p in enumerate(outcome.record.predictions):
            x1, y1 = min(int(p.box[0]), image.width - 1), min(int(p.box[1]), image.height - 1)
            x2, y2 = max(x1 + 1, -int(-p.box[2] // 1)), max(y1 + 1, -int(-p.box[3] // 1))
            label = re.sub(r"[^\w-]+", "_", getattr(p, "label", "person"))
            write_picture(
                folder / f"{n:02d}-{label}.jpg",
                image.crop((x1, y1, x2, y2)),
                "JPEG",
                out.partial,
                quality=JPEG_QUALITY,
            )
        return {"crops": str(folder)}
