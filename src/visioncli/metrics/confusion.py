"""The confusion table of detections: which class was found where which class is."""

from dataclasses import dataclass

import numpy as np

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import I64, Flags
from visioncli.metrics.pairs import Pairs


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """(C + 1, C + 1) int64 counts: rows are the true class, columns the predicted one.

    The last row counts detections where nothing is (spurious), the last column objects that nothing found (missed).
    `categories` holds the places of the C classes in the table of classes; `complete` where those are all that occur.
    """

    categories: I64
    counts: I64
    complete: bool = True


MOST_CLASSES = 2_000
"""With more classes the table shows those with the most objects: it would have millions of empty cells."""


def confused_pairs(free_truth: Flags, free_detection: Flags, across: Pairs) -> tuple[I64, I64]:
    """(P,) truths and (P,) detections of different classes that stand for each other.

    What is left over on both sides is paired over the borders of classes, greedily by overlap: `across` holds the
    pairs of one picture that reach the threshold.
    """
    free_truth, free_detection = free_truth.copy(), free_detection.copy()
    open_pairs = np.flatnonzero(free_truth[across.truth] & free_detection[across.detection])
    by_overlap = open_pairs[np.lexsort((across.detection[open_pairs], -across.iou[open_pairs]))]
    confused_truth, confused_detection = [], []
    for d, g in zip(across.detection[by_overlap].tolist(), across.truth[by_overlap].tolist(), strict=True):
        if free_truth[g] and free_detection[d]:
            free_truth[g] = free_detection[d] = False
            confused_truth.append(g)
            confused_detection.append(d)
    return np.array(confused_truth, np.int64), np.array(confused_detection, np.int64)


def confusion_table(data: Aligned, matched: I64, counted: Flags, void: Flags, confused: tuple[I64, I64]) -> Confusion:
    """Build the table.

    matched: (D,) the truth that each detection matched within its class, -1 for none; counted: (G,) truths that
    count; void: (D,) detections that do not; confused: as `confused_pairs` gives it.
    """
    truth, detections, classes = data.truth, data.detections, len(data.categories)
    free_truth = counted.copy()
    hits = np.flatnonzero((matched >= 0) & ~void)
    free_truth[matched[hits]] = False
    free_detection = (matched < 0) & ~void
    free_truth[confused[0]] = False
    free_detection[confused[1]] = False
    objects = np.bincount(truth.category[counted], minlength=classes)
    objects += np.bincount(detections.category[~void], minlength=classes)
    present = np.flatnonzero(objects)
    complete = len(present) <= MOST_CLASSES
    if not complete:
        present = np.sort(present[np.argsort(-objects[present], kind="stable")[:MOST_CLASSES]])
    nothing = len(present)
    # What is not shown gets a place of its own, which is cut off in the end.
    place = np.full(classes, nothing + 1, np.int64)
    place[present] = np.arange(nothing)
    counts = np.zeros((nothing + 2, nothing + 2), np.int64)
    for g, d in ((matched[hits], hits), confused):
        np.add.at(counts, (place[truth.category[g]], place[detections.category[d]]), 1)
    counts[:, nothing] += np.bincount(place[truth.category[free_truth]], minlength=nothing + 2)
    counts[nothing] += np.bincount(place[detections.category[free_detection]], minlength=nothing + 2)
    return Confusion(present, counts[: nothing + 1, : nothing + 1], complete)
