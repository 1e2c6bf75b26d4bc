"""Overlap of boxes, pair by pair, in numpy.

IoU, and its generalised (Rezatofighi et al. 2019), distance and complete (Zheng et al. 2020) forms, and the share of
the first box that lies in the second. Coordinates are continuous: a box from 10 to 50 is 40 wide.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]

FARTHEST = 1e12
"""Boxes that reach farther are refused, before products of their sides leave the range of numbers."""
BLOCK = 1 << 15
"""Pairs worked on at a time: the handful of temporary arrays then stays inside the processor's cache."""


class Metric(StrEnum):
    """A measure of how well two boxes match."""

    IOU = "iou"
    GIOU = "giou"
    DIOU = "diou"
    CIOU = "ciou"
    IOA = "ioa"


class BoxFormat(StrEnum):
    """What the four numbers of a box are."""

    XYXY = "xyxy"
    XYWH = "xywh"
    CXCYWH = "cxcywh"


def to_corners(boxes: ArrayLike, form: BoxFormat | str = BoxFormat.XYXY) -> F64:
    """(N, 4) float64 x1 y1 x2 y2 from boxes of another format.

    Raises ValueError where a number is not finite, a size is negative or corners are swapped.
    """
    given = np.asarray(boxes, np.float64).reshape(-1, 4)
    for row in given[~np.isfinite(given).all(axis=1)][:1]:
        raise ValueError(f"the box {_shown(row)} holds a number that is not finite")
    for row in given[(np.abs(given) > FARTHEST).any(axis=1)][:1]:
        raise ValueError(f"the box {_shown(row)} reaches farther than any picture")
    out = given.copy()
    if BoxFormat(form) is BoxFormat.XYXY:
        for row in given[(given[:, 2] < given[:, 0]) | (given[:, 3] < given[:, 1])][:1]:
            raise ValueError(
                f"the corners of the box {_shown(row)} are swapped: "
                "x1 must not exceed x2, nor y1 exceed y2 (or is it xywh?)"
            )
        return out
    for row in given[(given[:, 2] < 0) | (given[:, 3] < 0)][:1]:
        raise ValueError(f"the box {_shown(row)} has a negative width or height")
    if BoxFormat(form) is BoxFormat.CXCYWH:
        out[:, :2] -= given[:, 2:] / 2
    out[:, 2:] = out[:, :2] + given[:, 2:]
    return out


def from_corners(boxes: ArrayLike, form: BoxFormat | str) -> F64:
    """(N, 4) float64 boxes of the format from x1 y1 x2 y2; the way back of `to_corners`."""
    out = np.asarray(boxes, np.float64).reshape(-1, 4).copy()
    if BoxFormat(form) is not BoxFormat.XYXY:
        out[:, 2:] -= out[:, :2]
    if BoxFormat(form) is BoxFormat.CXCYWH:
        out[:, :2] += out[:, 2:] / 2
    return out


def _shown(row: F64) -> str:
    return ",".join(f"{v:g}" for v in row)


def _ratio(part: F64, whole: F64) -> F64:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _aspect(boxes: F64) -> F64:
    return np.arctan2(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def _areas(boxes: F64) -> F64:
    out: F64 = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return out


def _overlap(a: F64, b: F64, out: F64, spare: F64) -> F64:
    """Intersection areas into `out`; one coordinate at a time, since (A, B, 4) arrays cost four times the memory."""
    np.minimum(a[:, 2, None], b[:, 2], out=out)
    out -= np.maximum(a[:, 0, None], b[:, 0], out=spare)
    np.maximum(out, 0, out=out)
    high = np.minimum(a[:, 3, None], b[:, 3])
    high -= np.maximum(a[:, 1, None], b[:, 1], out=spare)
    np.maximum(high, 0, out=high)
    out *= high
    return out


def _iou_block(a: F64, b: F64, out: F64, spare: F64) -> F64:
    """IoU into `out`; leaves the union in `spare`."""
    _overlap(a, b, out, spare)
    np.add(_areas(a)[:, None], _areas(b), out=spare)
    spare -= out
    np.divide(out, spare, out=out, where=True if spare.all() else spare > 0)
    return out


def _penalty(a: F64, b: F64, metric: Metric, iou: F64, union: F64) -> F64:
    """What GIoU, DIoU and CIoU take off the IoU."""
    hull_w = np.maximum(a[:, 2, None], b[:, 2]) - np.minimum(a[:, 0, None], b[:, 0])
    hull_h = np.maximum(a[:, 3, None], b[:, 3]) - np.minimum(a[:, 1, None], b[:, 1])
    if metric is Metric.GIOU:
        hull = hull_w * hull_h
        return _ratio(hull - union, hull)
    dx = ((a[:, 0] + a[:, 2]) / 2)[:, None] - (b[:, 0] + b[:, 2]) / 2
    dy = ((a[:, 1] + a[:, 3]) / 2)[:, None] - (b[:, 1] + b[:, 3]) / 2
    distance = _ratio(dx**2 + dy**2, hull_w**2 + hull_h**2)
    if metric is Metric.DIOU:
        return distance
    shape = (4 / np.pi**2) * (_aspect(a)[:, None] - _aspect(b)) ** 2
    return distance + _ratio(shape, 1 - iou + shape) * shape


def pairwise(a: ArrayLike, b: ArrayLike, metric: Metric | str = Metric.IOU) -> F64:
    """(A, B) float64: the measure of each box of `a` with each of `b`, both (·, 4) x1 y1 x2 y2.

    Boxes without area have IoU 0 with everything. IoU and IoA lie in 0 to 1, GIoU and DIoU in -1 to 1; CIoU may
    fall below -1, since it subtracts a second penalty for differing shapes. Works in blocks, so that beside the
    result only a few megabytes are used.
    """
    first = np.asarray(a, np.float64).reshape(-1, 4)
    second = np.asarray(b, np.float64).reshape(-1, 4)
    chosen = Metric(metric)
    out = np.empty((len(first), len(second)))
    columns = max(1, min(len(second), BLOCK))
    rows = max(1, min(len(first), BLOCK // columns))
    room = np.empty((rows, columns))
    for top in range(0, len(first), rows):
        for left in range(0, len(second), columns):
            one, other = first[top : top + rows], second[left : left + columns]
            block = out[top : top + rows, left : left + columns]
            spare = room[: len(one), : len(other)]
            if chosen is Metric.IOA:
                _overlap(one, other, block, spare)
                own = _areas(one)
                block /= np.where(own > 0, own, 1)[:, None]
                continue
            _iou_block(one, other, block, spare)
            if chosen is not Metric.IOU:
                block -= _penalty(one, other, chosen, block, spare)
    return out


def paired_coco_iou(detections: F64, truth: F64, crowd: NDArray[np.bool_]) -> F64:
    """(P,) float64: the IoU of each detection with the truth of the same row, both (P, 4) x y width height.

    For a crowd, the share of the detection inside it. The arithmetic follows the COCO API (`bbIou`) step by step,
    so that an overlap that lies exactly on a threshold falls on the same side.
    """
    wide = np.minimum(detections[:, 2] + detections[:, 0], truth[:, 2] + truth[:, 0])
    wide -= np.maximum(detections[:, 0], truth[:, 0])
    high = np.minimum(detections[:, 3] + detections[:, 1], truth[:, 3] + truth[:, 1])
    high -= np.maximum(detections[:, 1], truth[:, 1])
    overlap = np.where((wide > 0) & (high > 0), wide * high, 0.0)
    own = detections[:, 2] * detections[:, 3]
    whole = np.where(crowd, own, own + truth[:, 2] * truth[:, 3] - overlap)
    return _ratio(overlap, whole)
