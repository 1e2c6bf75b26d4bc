"""`OUT/a/cat.jpg.crops/00-person.jpg`: each detected object as a picture of its own."""

import math
import re

from visioncli.files import name_part, write_picture
from visioncli.runner import Outcome
from visioncli.sinks.annotated import JPEG_QUALITY
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink

CROP = re.compile(r"\d{2,}-[\w-]*\.jpg")
"""The name of a crop; no result of another input looks like it, since those keep its extension and more."""


class CropsSink(PictureSink):
    """Numbered in the order of the record; whole pixels that the box touches, at least one by one."""

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        if outcome.picture is None:
            return {}
        image = outcome.picture.image
        folder = f"{base}.crops"
        # Crops of an earlier run with other options would mix with these.
        out.remove_own(folder, CROP)
        if not outcome.record.predictions:
            return {}
        for n, p in enumerate(outcome.record.predictions):
            # Some networks of transformers place a border beyond the picture's.
            (x1, x2), (y1, y2) = (
                _whole_pixels(low, high, length)
                for low, high, length in zip(p.box[:2], p.box[2:], image.size, strict=True)
            )
            label = name_part(getattr(p, "label", "person"))
            write_picture(
                out.file(f"{folder}/{n:02d}-{label}.jpg"),
                image.crop((x1, y1, x2, y2)),
                "JPEG",
                out.partial,
                quality=JPEG_QUALITY,
            )
        return {"crops": str(out.path / folder)}


def _whole_pixels(low: float, high: float, length: int) -> tuple[int, int]:
    """The pixels of a side of `length` that reach from `low` to `high`: at least one, none beyond the border."""
    first = min(max(int(low), 0), length - 1)
    return first, min(max(first + 1, math.ceil(high)), length)
