"""Masks that do not lie where the picture shows what they mark, but a little beside it.

Who draws outlines, or lays a map over an aerial picture, may be off by the same part of a pixel or more everywhere. A
network that sees pictures from all sides cannot learn that: it answers where things are. What it answers is moved.
"""

import numpy as np


def moved(logits: np.ndarray, offset: tuple[float, float]) -> np.ndarray:
    """`(C, h, w) float32` moved down and to the right by `offset` cells, or parts of them, between which values are
    interpolated; what comes in is continued with the edge."""
    for axis, cells in zip((1, 2), offset, strict=True):
        length = logits.shape[axis]
        at = (np.arange(length) - cells).clip(0, length - 1)
        before = at.astype(np.intp)
        after = np.minimum(before + 1, length - 1)
        share = (at - before).astype(np.float32)
        share = share[:, None] if axis == 1 else share
        logits = logits.take(before, axis) * (1 - share) + logits.take(after, axis) * share
    return logits
