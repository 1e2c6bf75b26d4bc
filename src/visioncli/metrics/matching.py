"""Which detection counts for which truth: greedy by score, within one class of one picture, as COCO does it.

From the highest score down, a detection takes the free truth that it overlaps most. It takes a truth that does not
count (a crowd, an ignored object, one of another size) only where none that counts is left, and then counts neither
as right nor as wrong itself. A crowd is never used up. Source: `COCOeval.evaluateImg` of the COCO API.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.metrics.pairs import Pairs

PAIRS_AT_ONCE = 1 << 15

HIGHEST = 1 - 1e-10
"""A threshold of 1 asks for an overlap of at least this, since equal boxes may miss 1 by a rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of the detections that overlap anything; all others match nothing.

    detection: (M,) int64 row numbers, in no particular order.
    truth: (M, A, T) int32 the row matched at each size range and threshold, -1 for none.
    """

    detection: I64
    truth: NDArray[np.int32]


def rank_in_cell(cell: I64, score: F64) -> I64:
    """(N,) int64 place of each detection by falling score within its cell; of equals the earlier row comes first."""
    order = np.lexsort((-score, cell))
    ordered = cell[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(cell) else order
    lengths = np.diff(np.append(starts, len(cell)))
    rank = np.empty(len(cell), np.int64)
    rank[order] = np.arange(len(cell)) - np.repeat(starts, lengths)
    return rank


def greedy(pairs: Pairs, rank: I64, crowd: Flags, ignored: Flags, thresholds: F64) -> Matches:
    """Match every cell at several thresholds and size ranges at once.

    pairs: all pairs of all cells that reach the lowest threshold; rank: (D,) as `rank_in_cell` gives it;
    crowd: (G,); ignored: (G, A) which truths do not count in each size range; thresholds: (T,).

    Cells do not touch each other, so the detections of the same rank of all cells are decided together.
    """
    ranges = ignored.shape[1]
    detections = np.unique(pairs.detection)
    matched = np.full((len(detections), ranges, len(thresholds)), -1, np.int32)
    taken = np.zeros((len(crowd), ranges, len(thresholds)), bool)
    # Within a detection the best pair comes last: by overlap, and of equals the later truth, as in the COCO API.
    order = np.lexsort((pairs.truth, pairs.iou, pairs.detection, rank[pairs.detection]))
    d, g, iou = pairs.detection[order], pairs.truth[order], pairs.iou[order]
    place = np.searchsorted(detections, d)
    first = np.concatenate(([True], d[1:] != d[:-1])) if len(d) else np.empty(0, bool)
    starts = np.flatnonzero(first)
    stops = np.append(starts[1:], len(d))
    rounds = np.flatnonzero(np.diff(rank[d[starts]], prepend=-1, append=-1)) if len(d) else starts
    limits = np.minimum(thresholds, HIGHEST)
    for begin, end in itertools.pairwise(rounds):
        at = int(begin)
        while at < end:
            upto = int(np.searchsorted(stops[at:end], starts[at] + PAIRS_AT_ONCE, "right")) + at
            upto = max(at + 1, upto)
            span = slice(int(starts[at]), int(stops[upto - 1]))
            near = g[span]
            free = ~taken[near] | crowd[near, None, None]
            free &= (iou[span, None] >= limits)[:, None, :]
            position = np.arange(1, len(near) + 1, dtype=np.int32)
            # Whatever counts beats whatever does not: its position is moved above all others.
            raised = position[:, None] + np.where(ignored[near], 0, len(near) + 1).astype(np.int32)
            key = np.where(free, raised[:, :, None], 0)
            best = np.maximum.reduceat(key, starts[at:upto] - span.start, axis=0)
            won = best % (len(near) + 1)
            chosen = np.where(won > 0, near[won - 1], -1)
            matched[place[starts[at:upto]]] = chosen
            row, size, threshold = np.nonzero(won)
            taken[chosen[row, size, threshold], size, threshold] = True
            at = upto
    return Matches(detections, matched)
