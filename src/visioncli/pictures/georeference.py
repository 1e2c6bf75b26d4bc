"""Where a picture lies in the world: of a GeoTIFF's tags, or of the world file beside a picture.

Formats: OGC GeoTIFF 1.1 (https://docs.ogc.org/is/19-008r4/19-008r4.html) and Esri's world files, whose six numbers
place the middle of the first pixel.
"""

import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image

from visioncli.errors import OutputError
from visioncli.inputs.addresses import is_url
from visioncli.pictures.orientation import Affine, orientation_of, to_stored

_PIXEL_SCALE, _TIE_POINTS, _TRANSFORMATION, _KEYS = 33550, 33922, 34264, 34735
_MODEL_TYPE, _RASTER_TYPE, _GEOGRAPHIC_TYPE, _PROJECTED_TYPE = 1024, 1025, 2048, 3072
_IS_GEOGRAPHIC, _IS_POINT, _USER_DEFINED = 2, 2, 32767
_LARGEST_TEXT = 1 << 16


@dataclass(frozen=True, slots=True)
class Georeference:
    """From pixels of the upright picture to the world: `affine`, and the EPSG code of its reference system.

    Pixel coordinates count from the picture's upper left corner, so that the first pixel's middle is .5, .5. `epsg`
    is None where it is not known. In a `geographic` system x and y are longitude and latitude in degrees.
    """

    affine: Affine
    epsg: int | None = None
    geographic: bool = False

    def apply(self, points: np.ndarray) -> np.ndarray:
        """`(N, 2)` pixels x y -> `(N, 2) float64` of the world."""
        a, b, c, d, e, f = self.affine
        x, y = points[:, 0], points[:, 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)

    @property
    def pixel_area(self) -> float:
        """The area of one pixel, in square units of the reference system."""
        a, b, _, d, e, _ = self.affine
        return abs(a * e - b * d)

    @property
    def pixel_side(self) -> float:
        """The shorter side of one pixel, in units of the reference system."""
        a, b, _, d, e, _ = self.affine
        return min(math.hypot(a, d), math.hypot(b, e))


def georeference(path: str, width: int, height: int) -> Georeference | None:
    """Where the picture in a file lies, whose upright size is `width` x `height`; None where nothing says so.

    Tags of a GeoTIFF go before a world file. The EXIF orientation, which neither knows of, is taken into account.
    Addresses have no place. Raises OutputError for a world file that is none.
    """
    if is_url(path) or not os.path.isfile(path):
        return None
    found, orientation = None, 1
    with suppress(Exception), Image.open(path) as image:  # the picture itself was read before this
        orientation = orientation_of(image)
        if image.format == "TIFF":
            found = _of_tags(dict(image.tag_v2))  # type: ignore[attr-defined]
    if found is None:
        found = _of_world_file(path)
    if found is None:
        return None
    return Georeference(_composed(found.affine, to_stored(orientation, width, height)), found.epsg, found.geographic)


def _of_tags(tags: dict[int, object]) -> Georeference | None:
    matrix, scale, ties = (_numbers(tags.get(tag)) for tag in (_TRANSFORMATION, _PIXEL_SCALE, _TIE_POINTS))
    keys = _geo_keys(_numbers(tags.get(_KEYS)))
    if len(scale) >= 2 and len(ties) == 6:
        (u, v, _, x, y, _), (across, down) = ties, scale[:2]
        affine = (across, 0.0, x - u * across, 0.0, -down, y + v * down)
    elif len(matrix) == 16:
        a, b, _, c, d, e, _, f = matrix[:8]
        affine = (a, b, c, d, e, f)
    else:
        return None  # several tie points without a scale are measured points, which no affine map fits
    if keys.get(_RASTER_TYPE) == _IS_POINT:
        affine = _composed(affine, (1, 0, -0.5, 0, 1, -0.5))
    projected, geographic = (_code(keys.get(key)) for key in (_PROJECTED_TYPE, _GEOGRAPHIC_TYPE))
    is_geographic = keys.get(_MODEL_TYPE) == _IS_GEOGRAPHIC
    found = Georeference(affine, geographic if is_geographic else projected, is_geographic)
    return found if _is_sound(affine) else None


def _numbers(value: object) -> tuple[float, ...]:
    if not isinstance(value, tuple | list):
        return ()
    return tuple(float(v) for v in value)


def _geo_keys(directory: tuple[float, ...]) -> dict[int, int]:
    """The keys whose value stands in the directory itself, as codes do."""
    entries = [directory[n : n + 4] for n in range(4, len(directory) - 3, 4)]
    return {int(key): int(value) for key, place, _, value in entries if place == 0}


def _code(value: int | None) -> int | None:
    return value if value is not None and 0 < value < _USER_DEFINED else None


def _of_world_file(path: str) -> Georeference | None:
    stem, extension = os.path.splitext(path)
    kind = extension[1:]
    names = [kind[0] + kind[-1] + "w", kind + "w"] if kind else []
    for ending in [*names, "wld"]:
        for spelt in dict.fromkeys((ending, ending.lower(), ending.upper())):
            if (text := _text(f"{stem}.{spelt}")) is not None:
                return _placed(f"{stem}.{spelt}", text, _text(f"{stem}.prj") or "")
    return None


def _placed(path: str, text: str, projection: str) -> Georeference:
    numbers: list[float] = []
    with suppress(ValueError):
        numbers = [float(word) for word in text.split()]
    if len(numbers) == 6:
        a, d, b, e, c, f = numbers
        affine = _composed((a, b, c, d, e, f), (1, 0, -0.5, 0, 1, -0.5))
        if _is_sound(affine):
            code = re.search(r'(?:AUTHORITY|ID)\s*\[\s*"EPSG"\s*,\s*"?(\d{1,6})"?\s*\]\s*\]\s*$', projection)
            return Georeference(affine, int(code[1]) if code else None, projection.lstrip().startswith("GEOG"))
    raise OutputError(
        f"{path} should place its picture in the world, but is not six numbers, one a line, that span an area. "
        "Repair it, or move it away for pixel coordinates."
    )


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read(_LARGEST_TEXT)
    except OSError:
        return None


def _is_sound(affine: Affine) -> bool:
    a, b, _, d, e, _ = affine
    return all(map(math.isfinite, affine)) and a * e - b * d != 0


def _composed(outer: Affine, inner: Affine) -> Affine:
    """`outer` after `inner`."""
    a, b, c, d, e, f = outer
    p, q, r, s, t, u = inner
    return a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f
