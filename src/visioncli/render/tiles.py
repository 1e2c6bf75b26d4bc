"""Small pictures side by side, their pixels as they are or enlarged by whole factors."""

from collections.abc import Sequence

import numpy as np

from visioncli.render.canvas import fit
from visioncli.render.sheet import FAINT, Sheet, one_line

PAPER = 255


def tiles(pictures: np.ndarray, columns: int, gap: int = 2, scale: int = 1) -> np.ndarray:
    """`(N, S, S, C) uint8`, C 1 or 3, as one picture `(H, W, 3) uint8` of so many columns, on white."""
    count, side = len(pictures), pictures.shape[1] * scale
    rows = -(-count // columns)
    made = np.full((rows * (side + gap) + gap, columns * (side + gap) + gap, 3), PAPER, np.uint8)
    for n, picture in enumerate(pictures):
        y, x = gap + n // columns * (side + gap), gap + n % columns * (side + gap)
        made[y : y + side, x : x + side] = picture.repeat(scale, 0).repeat(scale, 1)
    return made


def scale_for(side: int, about: int = 56) -> int:
    """The whole factor by which pictures of `side` pixels become about so large."""
    return max(1, round(about / side))


def titled(pixels: np.ndarray, title: str, notes: Sequence[str] = ()) -> np.ndarray:
    """A picture `(H, W, 3) uint8` below a title and smaller lines."""
    from PIL import Image

    high = 34 + 18 * len(notes)
    sheet = Sheet(max(pixels.shape[1], 320), pixels.shape[0] + high)
    sheet.text((8, 8), fit(one_line(title), 16, sheet_width(pixels) - 16), 16)
    for n, words in enumerate(notes):
        sheet.text((8, 32 + 18 * n), fit(one_line(words), 13, sheet_width(pixels) - 16), 13, FAINT)
    sheet.picture((0, high), Image.fromarray(pixels))
    return np.asarray(sheet.finished())


def sheet_width(pixels: np.ndarray) -> int:
    """Of what `titled` makes."""
    return max(int(pixels.shape[1]), 320)
