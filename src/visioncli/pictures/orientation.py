"""How a picture is stored, against how it is upright (EXIF 2.32, Orientation)."""

import os
from contextlib import suppress

from PIL import ExifTags, Image

Affine = tuple[float, float, float, float, float, float]
"""`a, b, c, d, e, f`: x' = a x + b y + c, y' = d x + e y + f."""


def orientation_of(image: Image.Image) -> int:
    """What its EXIF block says, 1 to 8; 1 where that says nothing, or is broken."""
    with suppress(Exception):
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
        return orientation if 1 <= orientation <= 8 else 1
    return 1


def orientation_of_file(path: str) -> int:
    """As `orientation_of`; 1 for what is no file, or none that Pillow opens."""
    if os.path.isfile(path):
        with suppress(Exception), Image.open(path) as image:
            return orientation_of(image)
    return 1


def to_stored(orientation: int, width: int, height: int) -> Affine:
    """From pixels of the upright picture, of this width and height, to those of the picture as it is stored."""
    w, h = float(width), float(height)
    ways: dict[int, Affine] = {
        2: (-1, 0, w, 0, 1, 0),
        3: (-1, 0, w, 0, -1, h),
        4: (1, 0, 0, 0, -1, h),
        5: (0, 1, 0, 1, 0, 0),
        6: (0, 1, 0, -1, 0, w),
        7: (0, -1, h, -1, 0, w),
        8: (0, -1, h, 1, 0, 0),
    }
    return ways.get(orientation, (1, 0, 0, 0, 1, 0))
