"""Fonts, colours and text strips that every drawing shares."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Arrays = Mapping[str, np.ndarray]
"""What a task hands to its files beside the record, such as heat maps."""
Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK: Colour = (245, 245, 245)
STRIP: Colour = (24, 26, 31)
TRACK: Colour = (62, 66, 76)
ACCENT: Colour = (64, 156, 255)


@lru_cache(maxsize=64)
def font(size: int) -> Font:
    """Pillow's own scalable font (Aileron) at `size` pixels."""
    return ImageFont.load_default(size)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and line height of `text` in pixels."""
    face = font(size)
    return int(face.getlength(text) + 0.999), round(size * 1.25)


def fit(text: str, size: int, width: int) -> str:
    """`text`, shortened with an ellipsis where it is wider than `width` pixels."""
    if font(size).getlength(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font(size).getlength(text[:middle].rstrip() + "…") <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…" if low else ""


def readable_size(width: int, height: int) -> int:
    """A font size in pixels that reads well at the picture's size."""
    return max(12, min(72, round(min(width, height) / 26)))


def below(image: Image.Image, strip_height: int, least_width: int) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """A canvas with the picture on top and a dark strip below it, at least `least_width` wide.

    Returns the canvas, a drawing handle and the y where the strip begins. The picture itself is not covered.
    """
    width = max(image.width, least_width)
    canvas = Image.new("RGB", (width, image.height + strip_height), STRIP)
    canvas.paste(image, ((width - image.width) // 2, 0))
    return canvas, ImageDraw.Draw(canvas), image.height
