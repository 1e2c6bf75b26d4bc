"""Which detection overlaps which truth: the sparse list of pairs that matching works on.

A detection can only match a truth of its own cell, which is a picture and a class (or a picture alone). Pairs are
made for all cells together, in blocks, so that neither many small cells nor a few large ones are slow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from visioncli.datasets.interface import F64, I64, Annotations, DatasetError, Flags, Rle
from visioncli.geometry import boxes, keypoints, masks

PAIRS_AT_ONCE = 1 << 20
PEOPLE_AT_ONCE = 1 << 15
"""As PAIRS_AT_ONCE for keypoints, of which a pair has a hundred numbers."""
MOST_FOUND = 1 << 26
"""More overlapping pairs than any picture has; they are all in memory together."""

Measure = Callable[[I64, I64], F64]
"""The overlap of detections (P,) with truths (P,), both given by row number."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Overlapping pairs: (P,) row numbers of detections and truths, and (P,) float64 IoU or OKS."""

    detection: I64
    truth: I64
    iou: F64


class Kind(StrEnum):
    """What is compared."""

    BOXES = "boxes"
    MASKS = "masks"
    KEYPOINTS = "keypoints"


def find_pairs(
    kind: Kind,
    truth: Annotations,
    detections: Annotations,
    truth_cell: I64,
    detection_cell: I64,
    least: float,
) -> Pairs:
    """All pairs of the same cell that overlap by `least` or more (above zero), by boxes, masks or keypoints.

    Rows with a cell below zero take no part.
    """
    g, d = np.flatnonzero(truth_cell >= 0), np.flatnonzero(detection_cell >= 0)
    if kind is Kind.MASKS:
        found = overlapping_masks(
            truth_cell[g],
            detection_cell[d],
            [(truth.masks or ())[i] for i in g],
            [(detections.masks or ())[i] for i in d],
            truth.crowd[g],
            least,
        )
    else:
        measure = (box_measure if kind is Kind.BOXES else keypoint_measure)(truth, detections)
        at_once = PEOPLE_AT_ONCE if kind is Kind.KEYPOINTS else PAIRS_AT_ONCE
        found = overlapping(truth_cell[g], detection_cell[d], lambda i, j: measure(d[i], g[j]), least, at_once)
    return Pairs(d[found.detection], g[found.truth], found.iou)


def box_measure(truth: Annotations, detections: Annotations) -> Measure:
    """Box IoU, in the arithmetic of the COCO API."""

    def measure(d: I64, g: I64) -> F64:
        return boxes.paired_coco_iou(detections.xywh[d], truth.xywh[g], truth.crowd[g])

    return measure


def keypoint_measure(truth: Annotations, detections: Annotations) -> Measure:
    """Object keypoint similarity."""

    def measure(d: I64, g: I64) -> F64:
        assert truth.keypoints is not None and detections.keypoints is not None
        return keypoints.paired_oks(detections.keypoints[d], truth.keypoints[g], truth.xywh[g], truth.area[g])

    return measure


def cells(image: I64, category: I64, categories: int) -> I64:
    """(N,) int64: one number for each combination of picture and class."""
    return image * max(categories, 1) + category


def overlapping(
    truth_cell: I64, detection_cell: I64, measure: Measure, least: float, at_once: int = PAIRS_AT_ONCE
) -> Pairs:
    """All pairs of the same cell whose overlap is at least `least` (above zero); `at_once` are measured together.

    Raises DatasetError where there are more than MOST_FOUND.
    """
    order = np.argsort(truth_cell, kind="stable")
    ordered = truth_cell[order]
    first = np.searchsorted(ordered, detection_cell, "left")
    count = np.searchsorted(ordered, detection_cell, "right") - first
    busy = np.flatnonzero(count)
    found: list[tuple[I64, I64, F64]] = []
    ends = np.cumsum(count[busy])
    start = total = 0
    while start < len(busy):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + at_once, "right")))
        rows = busy[start:stop]
        counts = count[rows]
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        d = np.repeat(rows, counts)
        g = order[np.repeat(first[rows], counts) + within]
        iou = measure(d, g)
        keep = iou >= least
        found.append((d[keep], g[keep], iou[keep]))
        total += len(found[-1][0])
        _refuse_many(total)
        start = stop
    return _joined(found)


def overlapping_masks(
    truth_cell: I64, detection_cell: I64, truth: list[Rle], detections: list[Rle], crowd: Flags, least: float
) -> Pairs:
    """As `overlapping`, by masks: cell by cell through pycocotools' compiled code."""
    truth_rows = _rows_by_cell(truth_cell)
    total = 0
    found: list[tuple[I64, I64, F64]] = []
    for cell, d_rows in _rows_by_cell(detection_cell).items():
        g_rows = truth_rows.get(cell)
        if g_rows is None:
            continue
        true = [truth[i] for i in g_rows]
        at_once = max(1, PAIRS_AT_ONCE // len(g_rows))
        for start in range(0, len(d_rows), at_once):
            some = d_rows[start : start + at_once]
            try:
                iou = masks.pairwise_iou([detections[i] for i in some], true, crowd[g_rows])
            except ValueError as problem:
                raise DatasetError(f"{problem}.") from None
            rows, columns = np.nonzero(iou >= least)
            found.append((some[rows], g_rows[columns], iou[rows, columns]))
            total += len(rows)
            _refuse_many(total)
    return _joined(found)


def _refuse_many(found: int) -> None:
    if found > MOST_FOUND:
        raise DatasetError(
            f"More than {MOST_FOUND:,} pairs of objects of one picture overlap, which is too much to compare; "
            "are many boxes written twice?"
        )


def _rows_by_cell(cell: I64) -> dict[int, I64]:
    order = np.argsort(cell, kind="stable")
    values, starts = np.unique(cell[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True)) if len(cell) else {}


def _joined(found: list[tuple[I64, I64, F64]]) -> Pairs:
    if not found:
        nothing = np.empty(0, np.int64)
        return Pairs(nothing, nothing, np.empty(0))
    d, g, iou = zip(*found, strict=True)
    return Pairs(np.concatenate(d), np.concatenate(g), np.concatenate(iou))
