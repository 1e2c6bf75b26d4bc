"""Heat maps at the picture's size: laid on the pixels that the network saw, and summed up in a few numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from visioncli.predictions import Box

AXIS = "pitches"
"""Where `extra` of a recording says which pitches the rows of its maps stand for."""
FULL = 65535
"""The value of the strongest point in a map of 16 bits."""

# Pixels that are enlarged at once; bounds the working memory.
_BLOCK = 1 << 20


def on_picture(heat: np.ndarray, seen: Box, width: int, height: int) -> np.ndarray:
    """A map `(h, w)` of 0 to 1 over the part `seen` (x1, y1, x2, y2) of a picture -> `(height, width) uint16`.

    Cells are enlarged bilinearly between their centres; what the network did not see is 0. Undoes resize and crop.
    """
    x1, y1 = max(int(np.floor(seen[0])), 0), max(int(np.floor(seen[1])), 0)
    x2, y2 = min(int(np.ceil(seen[2])), width), min(int(np.ceil(seen[3])), height)
    down = _weights(y1, y2, seen[1], seen[3], heat.shape[0])
    across = _weights(x1, x2, seen[0], seen[2], heat.shape[1])
    wide = heat.astype(np.float32) @ across.T
    canvas = np.zeros((height, width), np.uint16)
    step = max(1, _BLOCK // width)
    for start in range(y1, y2, step):
        rows = slice(start, min(start + step, y2))
        part = down[rows.start - y1 : rows.stop - y1] @ wide
        canvas[rows, x1:x2] = np.rint(np.clip(part, 0, 1) * FULL)
    return canvas


def packed(n: int, heat: np.ndarray, seen: Box) -> dict[str, np.ndarray]:
    """The `n`-th map of an answer on the network's own grid, which `unpacked` enlarges when it is needed."""
    return {f"map_{n}": heat, f"seen_{n}": np.array(seen)}


def unpacked(arrays: Mapping[str, np.ndarray], n: int, width: int, height: int) -> np.ndarray:
    """The `n`-th map at the picture's size, `(height, width) uint16`."""
    x1, y1, x2, y2 = arrays[f"seen_{n}"].tolist()
    return on_picture(arrays[f"map_{n}"], (x1, y1, x2, y2), width, height)


def _weights(first: int, last: int, start: float, end: float, cells: int) -> np.ndarray:
    """`(pixels, cells) float32`: how much each pixel of first..last takes from each cell of start..end."""
    at = (np.arange(first, last) + 0.5 - start) / (end - start) * cells - 0.5
    at = np.clip(at, 0, cells - 1)
    before = np.minimum(at.astype(int), max(cells - 2, 0))
    after = np.minimum(before + 1, cells - 1)
    share = (at - before).astype(np.float32)
    weights = np.zeros((last - first, cells), np.float32)
    rows = np.arange(last - first)
    weights[rows, before] += 1 - share
    weights[rows, after] += share
    return weights


@dataclass(frozen=True, slots=True)
class Hotspot:
    """The strongest point, the box around its region above half the maximum, and the share of the sum in it."""

    peak: tuple[float, float]
    box: Box
    energy: float


def hotspot(heat: np.ndarray) -> Hotspot:
    """Sums up a map at the picture's size, `(H, W) uint16`. A map of zeros has the whole picture as its box."""
    height, width = heat.shape
    highest = int(heat.max())
    if highest == 0:
        return Hotspot((width / 2, height / 2), (0.0, 0.0, float(width), float(height)), 0.0)
    # Several pixels may share the maximum: their middle is the peak.
    rows, columns = np.nonzero(heat == highest)
    middle = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    y, x = int(rows[middle]), int(columns[middle])
    x1, y1, x2, y2 = _region_around(heat >= highest / 2, y, x)
    total = float(heat.sum(dtype=np.float64))
    inside = float(heat[y1:y2, x1:x2].sum(dtype=np.float64))
    return Hotspot((x + 0.5, y + 0.5), (float(x1), float(y1), float(x2), float(y2)), inside / total)


def _region_around(mask: np.ndarray, y: int, x: int) -> tuple[int, int, int, int]:
    """The box around the connected part of a mask that holds (y, x), found on at most 512 cells a side."""
    step = max(1, -(-max(mask.shape) // 512))
    coarse = mask[y % step :: step, x % step :: step]
    # A copy, since an image that shares an array's memory ignores what is drawn on it.
    image = Image.fromarray(coarse.astype(np.uint8)).copy()
    ImageDraw.floodfill(image, (x // step, y // step), 2)
    part = np.asarray(image) == 2
    columns, rows = (np.flatnonzero(part.any(axis=axis)) for axis in (0, 1))
    return (
        max(int(columns[0]) * step + x % step, 0),
        max(int(rows[0]) * step + y % step, 0),
        min(int(columns[-1] + 1) * step + x % step, mask.shape[1]),
        min(int(rows[-1] + 1) * step + y % step, mask.shape[0]),
    )
