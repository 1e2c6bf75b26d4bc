"""The anchors of detectors, and the boxes that their codes stand for.

The embedded SSD follows "SSD: Single Shot MultiBox Detector" (Liu et al., 2016), section 2.2, with the settings of
TensorFlow's object detection API: six levels, anchors centred in their cells. EfficientDet (Tan et al., 2020) has
five levels, with three scales of three shapes in each cell.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SSD_GRIDS = (19, 10, 5, 3, 2, 1)
_SMALLEST, _LARGEST = 0.2, 0.95
# (scale, width / height) on the finest level, which has fewer and smaller anchors than the others.
_FINEST = ((0.1, 1.0), (_SMALLEST, 2.0), (_SMALLEST, 0.5))
# A third is written as the network's configuration has it.
_RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
# What the SSD multiplies centres and sizes by in its codes.
SSD_SCALES = (10.0, 5.0)

_STRIDES = (8, 16, 32, 64, 128)
# An anchor's side, in strides, at the first of the three scales that an octave is divided into.
_EFFICIENTDET_SCALE = 3.0
# As its configuration has them: width and height, in sides.
_SHAPES = ((1.0, 1.0), (2**0.5, 0.5**0.5), (0.5**0.5, 2**0.5))


@cache
def ssd_anchors() -> NDArray[np.float32]:
    """Return the anchors (1917, 4) float32, read-only: centre y, centre x, height, width.

    They are relative to the picture. The order is level (finest first), row, column, anchor in the cell.
    """
    scales = [*np.linspace(_SMALLEST, _LARGEST, len(SSD_GRIDS)).tolist(), 1.0]
    levels = []
    for level, cells in enumerate(SSD_GRIDS):
        between = float(np.sqrt(scales[level] * scales[level + 1]))
        shapes = _FINEST if level == 0 else (*((scales[level], r) for r in _RATIOS), (between, 1.0))
        sizes = np.array([(scale / ratio**0.5, scale * ratio**0.5) for scale, ratio in shapes])
        centres = (np.arange(cells) + 0.5) / cells
        grid = np.empty((cells, cells, len(sizes), 4))
        grid[..., 0] = centres[:, None, None]
        grid[..., 1] = centres[None, :, None]
        grid[..., 2:] = sizes
        levels.append(grid.reshape(-1, 4))
    anchors = np.concatenate(levels).astype(np.float32)
    anchors.setflags(write=False)
    return anchors


@cache
def efficientdet_anchors(size: int) -> NDArray[np.float32]:
    """Return the anchors (A, 4) float32, read-only, of a square input: centre y, centre x, height, width.

    They are relative to the input, whose side is `size` pixels; 19206 where it is 320. The order is level (finest
    first), row, column, scale, shape.
    """
    levels = []
    for stride in _STRIDES:
        cells = -(-size // stride)
        sides = [_EFFICIENTDET_SCALE * stride * 2 ** (n / 3) for n in range(3)]
        sizes = np.array([(side * high, side * wide) for side in sides for wide, high in _SHAPES])
        centres = (np.arange(cells) + 0.5) * stride
        grid = np.empty((cells, cells, len(sizes), 4))
        grid[..., 0] = centres[:, None, None]
        grid[..., 1] = centres[None, :, None]
        grid[..., 2:] = sizes
        levels.append(grid.reshape(-1, 4))
    anchors = (np.concatenate(levels) / size).astype(np.float32)
    anchors.setflags(write=False)
    return anchors


def decode_boxes(
    codes: NDArray[Any], anchors: NDArray[np.float32], scales: tuple[float, float] = SSD_SCALES
) -> NDArray[np.float32]:
    """Return boxes (..., A, 4) float32 x1, y1, x2, y2 relative to the picture, not clipped to it.

    `codes` (..., A, 4) are y, x, h, w as the network gives them, `scales` what it multiplies centres and sizes by in
    them; `anchors` (A, 4) are those of `ssd_anchors` or `efficientdet_anchors`. The code is that of Faster R-CNN (Ren
    et al., 2015, equation 2).
    """
    codes = np.asarray(codes, np.float32)
    centre_scale, size_scale = scales
    centres = codes[..., :2] / np.float32(centre_scale) * anchors[:, 2:] + anchors[:, :2]
    # A size beyond any picture is clipped anyway; without a bound, a wild code would overflow to infinity.
    halves = np.exp(np.minimum(codes[..., 2:] / np.float32(size_scale), 20)) * anchors[:, 2:] / 2
    low, high = centres - halves, centres + halves
    return np.concatenate([low[..., ::-1], high[..., ::-1]], axis=-1)


YOLO_ANCHORS = {
    "full": (
        ((116, 90), (156, 198), (373, 326)),
        ((30, 61), (62, 45), (59, 119)),
        ((10, 13), (16, 30), (33, 23)),
    ),
    "tiny": (
        ((81, 82), (135, 169), (344, 319)),
        # The published weights were trained with the second to the fourth anchor, whatever today's .cfg says.
        ((23, 27), (37, 58), (81, 82)),
    ),
}
"""Width and height, in pixels of the input, of YOLOv3's anchors: of each map, the coarsest first, three."""
