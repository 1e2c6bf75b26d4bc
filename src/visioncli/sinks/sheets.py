"""Contact sheets: `cat.jpg` gives `cat.jpg.similar.jpg`, with the pictures that look like it."""

import os
from collections.abc import Callable, Sequence

from visioncli import pictures
from visioncli.errors import InputError
from visioncli.files import write_picture
from visioncli.render.look_alikes import SIDE, Tile, draw
from visioncli.runner import Outcome
from visioncli.sinks.annotated import JPEG_QUALITY
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink

MOST = 30
"""Pictures on one sheet."""

Shown = tuple[str, str]
"""The path or address of a picture, and what is said of it."""


class SheetSink(PictureSink):
    """Writes a sheet of what `shown` names for an input, itself first; none where that is nothing else."""

    def __init__(self, shown: Callable[[Outcome], Sequence[Shown]], kind: str, max_pixels: int) -> None:
        self._shown, self._kind, self._max_pixels = shown, kind, max_pixels

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        every = self._shown(outcome)
        if len(every) < 2:
            return {}
        more = f", {MOST - 1} of them" if len(every) > MOST else ""
        count = "1 picture looks" if len(every) == 2 else f"{len(every) - 1:,} pictures look"
        title = f"{count} like {os.path.basename(outcome.record.input)}{more}"
        image = draw([self._tile(*one) for one in every[:MOST]], title)
        target = out.file(f"{base}.{outcome.record.task}.{self._kind}")
        if self._kind == "jpg":
            write_picture(target, image, "JPEG", out.partial, quality=JPEG_QUALITY)
        else:
            write_picture(target, image, "PNG", out.partial, compress_level=1)
        return {"annotated": str(target)}

    def _tile(self, path: str, about: str) -> Tile:
        try:
            image = pictures.read(path, max_pixels=self._max_pixels, enough=SIDE).image
        except InputError:
            return Tile(None, os.path.basename(path), about)
        return Tile(image, os.path.basename(path), about)
