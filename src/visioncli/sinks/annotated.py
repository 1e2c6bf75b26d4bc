"""The annotated picture of each input: `cat.jpg` gives `cat.jpg.detect.jpg`; of a recording, its spectrogram."""

from collections.abc import Callable

from PIL import Image

from visioncli.files import write_picture
from visioncli.render.canvas import Arrays
from visioncli.results import Record
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.sounds.pictures import as_picture
from visioncli.videos.frames import Frame

JPEG_QUALITY = 90
JPEG_MOST = 65_500
"""JPEG cannot hold longer sides; such pictures become PNG."""

Draw = Callable[[Image.Image, Record, Arrays], Image.Image]


class AnnotatedSink(PictureSink):
    """Draws predictions on the picture and writes it as JPEG, or as PNG without loss."""

    def __init__(self, draw: Draw, kind: str = "jpg") -> None:
        self._draw, self._kind = draw, kind

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        if isinstance(outcome.item, Frame):
            return {}  # its drawing goes into a video
        if outcome.picture is not None:
            image = outcome.picture.image
        elif "spectrogram" in outcome.arrays:
            image = as_picture(outcome.arrays["spectrogram"])
        else:
            return {}
        image = self._draw(image, outcome.record, outcome.arrays)
        kind = self._kind if max(image.size) <= JPEG_MOST else "png"
        target = out.file(f"{base}.{outcome.record.task}.{kind}")
        if kind == "jpg":
            write_picture(target, image, "JPEG", out.partial, quality=JPEG_QUALITY)
        else:
            write_picture(target, image, "PNG", out.partial, compress_level=1)
        return {"annotated": str(target)}
