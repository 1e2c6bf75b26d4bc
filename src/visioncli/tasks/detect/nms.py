"""Greedy non-maximum suppression in numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def nms(boxes: NDArray[Any], scores: NDArray[Any], iou: float, most: int) -> NDArray[np.intp]:
    """Return the indices of the boxes to keep, best score first, at most `most`.

    `boxes` (N, 4) are x1, y1, x2, y2, `scores` (N,). A box goes when its IoU with a better one that stays
    is above `iou`. Equal scores keep the order of the input.
    """
    return batched_nms(boxes, scores, np.zeros(len(scores), np.int64), iou, most)


def batched_nms(
    boxes: NDArray[Any],
    scores: NDArray[Any],
    label_ids: NDArray[Any],
    iou: float,
    most: int,
    agnostic: bool = False,
) -> NDArray[np.intp]:
    """Return the indices to keep as `nms` does, where only boxes of one label (N,) suppress each other.

    With `agnostic`, boxes of different labels suppress each other too. `most` counts all labels together.
    """
    if len(scores) == 0:
        return np.empty(0, np.intp)
    order = np.argsort(-scores, kind="stable")
    sides = np.asarray(boxes, np.float64).reshape(-1, 4)[order].T.copy()
    labels = np.zeros(len(order), np.int64) if agnostic else np.asarray(label_ids)[order]
    areas = np.maximum(sides[2] - sides[0], 0) * np.maximum(sides[3] - sides[1], 0)
    # Positions (in order of score) that may still be kept, by label: each suppression looks at its own.
    by_label = np.argsort(labels, kind="stable")
    names, starts = np.unique(labels[by_label], return_index=True)
    waiting = dict(zip(names.tolist(), np.split(by_label, starts[1:]), strict=True))
    alive = np.ones(len(order), bool)
    kept: list[int] = []
    best = 0
    while len(kept) < most:
        ahead = alive[best:]
        if not ahead.any():
            break
        best += int(ahead.argmax())
        kept.append(best)
        label = labels[best].item()
        group = waiting[label]
        group = group[alive[group]]
        goes = (group == best) | (_iou(best, group, sides, areas) > iou)
        alive[group[goes]] = False
        waiting[label] = group[~goes]
    return order[kept]


def _iou(
    one: int, others: NDArray[np.intp], sides: NDArray[np.float64], areas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the IoU (M,) of one box with the others; `sides` is (4, N). Boxes without area have IoU 0."""
    x1, y1, x2, y2 = sides[:, others]
    shared = np.maximum(np.minimum(x2, sides[2, one]) - np.maximum(x1, sides[0, one]), 0)
    shared *= np.maximum(np.minimum(y2, sides[3, one]) - np.maximum(y1, sides[1, one]), 0)
    union = areas[one] + areas[others] - shared
    ratio: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio
