"""Fonts, colours and text strips that every drawing shares."""

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from visioncli.render.fonts import BUNDLED, font, typeface_of

Arrays = Mapping[str, np.ndarray]
"""What a task hands to its files beside the record, such as heat maps."""
Colour = tuple[int, int, int]

INK: Colour = (245, 245, 245)
FAINT: Colour = (170, 174, 182)
STRIP: Colour = (24, 26, 31)
TRACK: Colour = (62, 66, 76)
ACCENT: Colour = (64, 156, 255)


@lru_cache(maxsize=4096)
def _glyph(letters: str, size: int, typeface: str) -> tuple[Image.Image, int, int, float]:
    """Letters as a mask, where its left and top edges lie, and how far they move the pen.

    Remembered, because FreeType shapes a label's letters anew each time, which takes seven times as long.
    """
    face = font(size, typeface)
    box = face.getbbox(letters, anchor="lm")
    left, top = math.floor(box[0]), math.floor(box[1])
    mask = Image.new("L", (max(math.ceil(box[2]) - left, 1), max(math.ceil(box[3]) - top, 1)))
    ImageDraw.Draw(mask).text((-left, -top), letters, 255, face, anchor="lm")
    return mask, left, top, face.getlength(letters)


def _glyphs(text: str, size: int) -> list[tuple[Image.Image, int, int, float]]:
    """Pillow's font has no kerning, so that a line is its letters side by side; others are shaped as a whole."""
    typeface = typeface_of(text)
    return [_glyph(part, size, typeface) for part in (text if typeface == BUNDLED else (text,))]


@lru_cache(maxsize=4096)
def _length(text: str, size: int) -> float:
    return sum(advance for *_, advance in _glyphs(text, size))


def write(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, ink: Colour, side: str = "l"
) -> None:
    """Writes one line whose left end (side `l`) or right end (`r`) lies at `at`, half-way up the letters."""
    x = round(at[0]) - (_length(text, size) if side == "r" else 0)
    y = round(at[1])
    for mask, left, top, advance in _glyphs(text, size):
        pen.bitmap((round(x) + left, y + top), mask, ink)
        x += advance


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and line height of `text` in pixels."""
    return math.ceil(_length(text, size)), round(size * 1.25)


def fit(text: str, size: int, width: int) -> str:
    """`text`, shortened with an ellipsis where it is wider than `width` pixels."""
    if _length(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if _length(text[:middle].rstrip() + "…", size) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…" if low else ""


def readable_size(width: int, height: int) -> int:
    """A font size in pixels that suits the picture: by its area, and less where it is narrow or flat."""
    return max(12, min(72, round(min(math.sqrt(width * height) / 30, width / 12, height / 10))))


def below(image: Image.Image, strip_height: int, least_width: int) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """A canvas with the picture on top and a dark strip below it, at least `least_width` wide.

    Returns the canvas, a drawing handle and the y where the strip begins. The picture itself is not covered.
    """
    width = max(image.width, least_width)
    canvas = Image.new("RGB", (width, image.height + strip_height), STRIP)
    canvas.paste(image, ((width - image.width) // 2, 0))
    return canvas, ImageDraw.Draw(canvas), image.height
