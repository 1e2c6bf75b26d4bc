"""The foreground alone: on transparency (`cat.jpg.cutout.png`) or on another background."""

from pathlib import Path

from PIL import Image, ImageColor, ImageOps

from visioncli import pictures
from visioncli.errors import InputError, UsageError
from visioncli.files import write_picture
from visioncli.runner import Outcome
from visioncli.sinks.annotated import JPEG_QUALITY
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink


class CutoutSink(PictureSink):
    """The picture as PNG whose alpha channel is the foreground."""

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        if outcome.picture is None:
            return {}
        image = outcome.picture.image.copy()
        image.putalpha(Image.fromarray(outcome.arrays["alpha"]))
        target = out.file(f"{base}.cutout.png")
        write_picture(target, image, "PNG", out.partial, compress_level=4)
        return {"cutout": str(target)}


class BackgroundSink(PictureSink):
    """The foreground in front of a colour, or of a picture cropped to the same shape."""

    def __init__(self, background: str) -> None:
        self._colour, self._image = parse_background(background)

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        if outcome.picture is None:
            return {}
        front = outcome.picture.image
        if self._image is not None:
            behind = ImageOps.fit(self._image, front.size, Image.Resampling.BICUBIC)
        else:
            behind = Image.new("RGB", front.size, self._colour)
        behind.paste(front, mask=Image.fromarray(outcome.arrays["alpha"]))
        target = out.file(f"{base}.background.jpg")
        write_picture(target, behind, "JPEG", out.partial, quality=JPEG_QUALITY)
        return {"background": str(target)}


def parse_background(text: str) -> tuple[tuple[int, ...], Image.Image | None]:
    """A colour by name or `#rrggbb`, or a picture's path. Raises UsageError."""
    try:
        return ImageColor.getrgb(text)[:3], None
    except ValueError:
        if not Path(text).exists():
            raise UsageError(
                f"--background takes a colour (white, #20a0ff) or a picture's path; {text!r} is neither."
            ) from None
    try:
        return (0, 0, 0), pictures.read(text).image
    except InputError as problem:
        raise UsageError(f"--background {text}: {problem}") from None
