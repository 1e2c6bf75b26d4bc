"""How much memory a picture takes, told from its header before it is decoded."""

import ctypes
from contextlib import suppress
from functools import cache
from typing import Any

from PIL import Image

_BYTES_A_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""Of Pillow's pictures, by mode; all other modes take four."""
_BESIDE = {"WEBP": 12, "AVIF": 6, "JPEG2000": 16, "HEIF": 12}
"""Bytes a pixel that a decoder takes beside Pillow's picture, measured; the others take a few rows."""
_NARROW = 1024
"""Resizing for a network, and drawing, may make of a narrower picture one that is so wide."""
_LIMIT_A_PIXEL = 13
_LEAST_LIMIT = 384_000_000
_MANY = 256_000_000
"""Bytes. Pictures of less are worth no thought about what was freed before."""


def limit(max_pixels: int) -> int:
    """The bytes that a single picture may take where it may have so many pixels."""
    return max(_LIMIT_A_PIXEL * max_pixels, _LEAST_LIMIT)


def while_decoding(image: Image.Image, whole: tuple[int, int]) -> int:
    """Bytes at the most, from an opened file to a picture of mode RGB.

    `whole` is (width, height) of the file's picture where `image.draft` was asked for a smaller one.
    """
    width, height = image.size
    own = _rows(width, height, _BYTES_A_PIXEL.get(image.mode, 4))
    plain = image.format == "JPEG" and image.mode == "RGB"
    return own + max(_decoder(image, whole), 0 if plain else as_rgb(width, height))


def as_rgb(width: int, height: int) -> int:
    """Bytes of a picture of mode RGB."""
    return _rows(width, height, 4)


def in_use(width: int, height: int) -> int:
    """Bytes at the most while a decoded picture is resized for a network and drawn on."""
    return as_rgb(width, height) + as_rgb(max(width, _NARROW), max(height, _NARROW))


def _rows(width: int, height: int, each: int) -> int:
    # Rows end at a multiple of four bytes, and Pillow keeps the address of each.
    return height * ((width * each + 3) // 4 * 4 + 8)


def _decoder(image: Image.Image, whole: tuple[int, int]) -> int:
    pixels = whole[0] * whole[1]
    if "progressive" in image.info and (layers := getattr(image, "layer", None)):
        # The coefficients of all scans, two bytes each, of the whole picture. A layer: (id, across, down, table).
        finest = max(layer[1] for layer in layers) * max(layer[2] for layer in layers)
        return sum(2 * pixels * layer[1] * layer[2] // finest for layer in layers)
    return _BESIDE.get(image.format or "", 0) * pixels


def give_back(needed: int) -> None:
    """Returns what was freed to the system, where as many bytes are needed as a huge picture takes.

    The C library keeps freed memory for the thread that had it, so that each decoding thread would hold a picture.
    """
    if needed >= _MANY and (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Any:
    with suppress(AttributeError, OSError, TypeError):  # glibc alone has it
        return ctypes.CDLL(None).malloc_trim
    return None
