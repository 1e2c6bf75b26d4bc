"""Pictures of any mode that Pillow decodes -> mode RGB, in little more memory than the two pictures themselves.

What needs several copies on the way (alpha, 16 bits, floats) is done tile by tile. Every rule works on single pixels,
so that tiles change no result.
"""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageCms

_TILE = 1 << 22
"""Pixels that are converted at one time: up to here a picture is done in one piece."""

Convert = Callable[[Image.Image], Image.Image]


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture that owes nothing to the file it came from, of mode RGB."""
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return _detached(image)
    if mode.startswith("I;16"):
        return _in_tiles(image, _from_16_bit)
    if mode in ("I", "F"):
        return _in_tiles(image, _from_numbers(image))
    if mode == "LAB":
        return _lab_to_rgb(image)
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _in_tiles(image, _on_white)
    return image.convert("RGB")


def _in_tiles(image: Image.Image, convert: Convert) -> Image.Image:
    if image.width * image.height <= _TILE:
        return convert(image)
    whole = Image.new("RGB", image.size, None)
    for box in _tiles(*image.size):
        whole.paste(convert(image.crop(box)), box[:2])
    return whole


def _tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    across = min(width, _TILE)
    down = max(1, _TILE // across)
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield left, top, min(left + across, width), min(top + down, height)


def _detached(image: Image.Image) -> Image.Image:
    """The same pixels without the file's comments and colour profile, which Pillow would write into pictures made
    of it. Copies them, but for JPEG: its whole picture is in memory once it is loaded."""
    if image.format != "JPEG":
        image = image.copy()
    image.info = {}
    return image


def _on_white(image: Image.Image) -> Image.Image:
    rgba = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGBA")).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("LAB colours could not be converted")
    return converted


def _from_16_bit(image: Image.Image) -> Image.Image:
    return _grey(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))


def _from_numbers(image: Image.Image) -> Convert:
    """How this picture of 32-bit integers or floats becomes 8-bit: from its smallest to its largest finite value."""
    extremes = [e for box in _tiles(*image.size) if (e := _extremes(np.asarray(image.crop(box)))) is not None]
    low, high = min((e[0] for e in extremes), default=0.0), max((e[1] for e in extremes), default=0.0)
    # PNG and PNM define 16-bit samples; Pillow widens them to 32 bits.
    if image.mode == "I" and image.format in ("PNG", "PPM") and low >= 0 and high <= 65535:
        return _from_16_bit
    if image.mode == "F" and low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    return lambda tile: _grey(_stretch(np.asarray(tile), low, high))


def _extremes(values: np.ndarray) -> tuple[float, float] | None:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else None


def _stretch(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values of `low` to `high` onto 0..255, uint8; what is not finite becomes 0."""
    numbers = values.astype(np.float64)
    # Halves keep the difference of the largest doubles finite.
    span = high / 2 - low / 2 or 0.5
    with np.errstate(invalid="ignore"):
        scaled = np.where(np.isfinite(numbers), (numbers / 2 - low / 2) / span * 255.0, 0.0)
    return np.rint(scaled).astype(np.uint8)


def _grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values).convert("RGB")
