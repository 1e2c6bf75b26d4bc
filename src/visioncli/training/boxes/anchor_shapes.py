"""The anchors that the data want: shapes of the boxes that are learned, for each level of the embedded SSD.

The network's codes are about the anchors that it was published with; by which shapes boxes are matched is the
training's own affair, for another anchor of the same centre differs in its codes by a constant and a factor only.
So a network with fitted shapes is read as any other, and its heads begin at these shapes (`code_offsets`).
"""

from itertools import pairwise

import numpy as np

from visioncli.networks.anchors import SSD_GRIDS, SSD_SCALES, ssd_anchors
from visioncli.networks.ssd_mobilenet_v2 import ANCHORS_PER_CELL

_BORDERS = (0.0, 0.27, 0.42, 0.57, 0.72, 0.87, np.inf)
"""Between the levels: roots of areas, relative to the picture, half-way between the published anchors' scales."""
_FEWEST = 5
"""Boxes for each anchor of a level, below which its published shapes stay: nothing could be learned from fewer."""
_ROUNDS = 50


def fitted_shapes(sides: np.ndarray) -> np.ndarray:
    """`(1917, 4) float32` as `ssd_anchors`, with the shapes of the boxes whose `sides` `(n, 2)` are height and width
    relative to the picture: the centres of clusters by IoU, as in YOLO9000 (arXiv 1612.08242), level by level."""
    anchors = ssd_anchors().copy()
    sizes, start = np.sqrt(sides.prod(1)), 0
    for grid, count, (low, high) in zip(SSD_GRIDS, ANCHORS_PER_CELL, pairwise(_BORDERS), strict=True):
        end = start + grid * grid * count
        mine = sides[(sizes >= low) & (sizes < high)]
        if len(mine) >= _FEWEST * count:
            anchors[start:end].reshape(-1, count, 4)[..., 2:] = clusters(mine, count)
        start = end
    return anchors


def clusters(sides: np.ndarray, count: int) -> np.ndarray:
    """`(count, 2)`: geometric means of clusters by IoU of boxes with these `sides` `(n, 2)`, n >= `count`, smallest
    first; the same for the same boxes."""
    order = np.argsort(sides.prod(1), kind="stable")
    centres: np.ndarray = sides[order[((np.arange(count) + 0.5) * len(sides) / count).astype(int)]]
    for _ in range(_ROUNDS):
        shared = np.minimum(sides[:, None], centres).prod(2)
        nearest = (shared / (sides.prod(1)[:, None] + centres.prod(1) - shared)).argmax(1)
        moved = np.stack(
            [
                np.exp(np.log(sides[nearest == k]).mean(0)) if (nearest == k).any() else centres[k]
                for k in range(count)
            ]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    found: np.ndarray = centres
    return found


def code_offsets(shapes: np.ndarray) -> list[np.ndarray]:
    """Of each level `(anchors in a cell, 4) float32`: the codes y, x, h, w by which `shapes` differ from the
    published anchors."""
    anchors, start, found = ssd_anchors(), 0, []
    for grid, count in zip(SSD_GRIDS, ANCHORS_PER_CELL, strict=True):
        cell = slice(start, start + count)
        offset = np.zeros((count, 4), np.float32)
        offset[:, 2:] = np.log(shapes[cell, 2:] / anchors[cell, 2:]) * SSD_SCALES[1]
        found.append(offset)
        start += grid * grid * count
    return found
