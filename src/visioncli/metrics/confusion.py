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
    `categories` holds the places of the C classes in the table of classes.
    """

    categories: I64
    counts: I64


def confusion_table(data: Aligned, matched: I64, counted: Flags, void: Flags, across: Pairs) -> Confusion:
    """Build the table.

    matched: (D,) the truth that each detection matched within its class, -1 for none; counted: (G,) truths that
    count; void: (D,) detections that do not. What is left over on both sides is paired over the borders of classes,
    greedily by overlap: `across` holds the pairs of one picture that reach the threshold.
    """
    truth, detections = data.truth, data.detections
    free_truth = counted.copy()
    hits = np.flatnonzero((matched >= 0) & ~void)
    free_truth[matched[hits]] = False
    free_detection = (matched < 0) & ~void
    open_pairs = np.flatnonzero(free_truth[across.truth] & free_detection[across.detection])
    by_overlap = open_pairs[np.lexsort((across.detection[open_pairs], -across.iou[open_pairs]))]
    confused_truth, confused_detection = [], []
    for d, g in zip(across.detection[by_overlap].tolist(), across.truth[by_overlap].tolist(), strict=True):
        if free_truth[g] and free_detection[d]:
            free_truth[g] = free_detection[d] = False
            confused_truth.append(g)
            confused_detection.append(d)
    present = np.union1d(truth.category[counted], detections.category[~void])
    nothing = len(present)
    place = np.zeros(len(data.categories) + 1, np.int64)
    place[present] = np.arange(nothing)
    rows_d = np.concatenate([hits, np.array(confused_detection, np.int64)])
    rows_g = np.concatenate([matched[hits], np.array(confused_truth, np.int64)])
    counts = np.zeros((nothing + 1, nothing + 1), np.int64)
    np.add.at(counts, (place[truth.category[rows_g]], place[detections.category[rows_d]]), 1)
    counts[:nothing, nothing] = np.bincount(place[truth.category[free_truth]], minlength=nothing)[:nothing]
    counts[nothing, :nothing] = np.bincount(place[detections.category[free_detection]], minlength=nothing)[:nothing]
    return Confusion(present, counts)
