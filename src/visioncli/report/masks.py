"""Masks for the page: so small that those of ten thousand pictures fit, as COCO's run-length encodings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.predictions import Rle

SIDE = 288
"""Pixels of the longer side: the page shows masks over pictures of a few hundred pixels."""

MOST_PIXELS = 1 << 28
"""A few letters may encode a mask of any size: larger ones than this are none of a picture that was decoded."""


@dataclass(frozen=True, slots=True)
class SmallMask:
    """A mask of `height` x `width` cells over the whole picture, in COCO's compressed run lengths."""

    height: int
    width: int
    counts: str


def small_mask(mask: Rle) -> SmallMask | None:
    """The mask with a longer side of at most SIDE, by the pixel in the middle of each cell.

    None for a broken one, and for one of more pixels than MOST_PIXELS.
    """
    if mask.size[0] * mask.size[1] > MOST_PIXELS or min(mask.size) < 1:
        return None
    try:
        return of_pixels(mask.decode())
    except ValueError:
        return None


def of_pixels(inside: NDArray[np.bool_]) -> SmallMask:
    """As `small_mask`, of `(H, W) bool`."""
    from pycocotools import mask as coco

    height, width = inside.shape
    scale = min(1.0, SIDE / max(height, width, 1))
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    down = ((np.arange(rows) + 0.5) * height / rows).astype(np.int64)
    across = ((np.arange(columns) + 0.5) * width / columns).astype(np.int64)
    cells = np.asfortranarray(inside[down][:, across].astype(np.uint8))
    return SmallMask(rows, columns, coco.encode(cells)["counts"].decode("ascii"))


def masks_to_json(found: Sequence[SmallMask | None]) -> list[Any]:
    """`[height, width, counts]` each; 0 for none."""
    return [0 if m is None else [m.height, m.width, m.counts] for m in found]
