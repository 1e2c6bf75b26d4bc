"""Who is who: the pairs of rows and columns whose costs add up to the least."""

import numpy as np


def pairs(costs: np.ndarray, most: float) -> list[tuple[int, int]]:
    """The pairs of the cheapest assignment of an `(N, M)` matrix in which no pair costs more than `most`.

    As many pairs as can be are made, in the order of the rows.
    """
    rows, columns = costs.shape
    if not rows or not columns:
        return []
    from scipy.optimize import linear_sum_assignment

    # A pair that is too dear costs more than all others together, so that it is made only where nothing else can.
    dear = (most + 1) * (min(rows, columns) + 1)
    allowed = costs <= most
    found = linear_sum_assignment(np.where(allowed, costs, dear))
    return [(int(row), int(column)) for row, column in zip(*found, strict=True) if allowed[row, column]]


def overlaps(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """`(N, 4)` and `(M, 4)` x1 y1 x2 y2 -> `(N, M)` intersection over union."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), 2)
    area, other = (np.prod(boxes[:, 2:] - boxes[:, :2], 1) for boxes in (ours, theirs))
    united: np.ndarray = shared / np.maximum(area[:, None] + other[None] - shared, 1e-12)
    return united
