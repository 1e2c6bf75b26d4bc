"""Average precision: the official COCO numbers and the two of Pascal VOC, in numpy.

The COCO part follows `COCOeval.accumulate` and `summarize` of the COCO API; tests hold it to pycocotools.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import F64, I64, Annotations, Flags
from visioncli.metrics.matching import greedy, rank_in_cell
from visioncli.metrics.pairs import Pairs, cells

I32 = NDArray[np.int32]

THRESHOLDS: F64 = np.linspace(0.5, 0.95, 10)
RECALLS: F64 = np.linspace(0.0, 1.0, 101)
SIZES: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""Size ranges in square pixels, both ends included."""
CELLS_AT_ONCE = 1 << 20

DETECTION_NAMES = (
    "AP",
    "AP50",
    "AP75",
    "AP_small",
    "AP_medium",
    "AP_large",
    "AR1",
    "AR10",
    "AR100",
    "AR_small",
    "AR_medium",
    "AR_large",
)
KEYPOINT_NAMES = (
    "AP",
    "AP50",
    "AP75",
    "AP_medium",
    "AP_large",
    "AR",
    "AR50",
    "AR75",
    "AR_medium",
    "AR_large",
)


@dataclass(frozen=True, slots=True)
class Protocol:
    """What an evaluation looks at: the size ranges and the limits on detections a picture and class."""

    sizes: tuple[str, ...]
    limits: tuple[int, ...]

    @property
    def ranges(self) -> F64:
        """(A, 2) float64 square pixels."""
        return np.array([SIZES[s] for s in self.sizes])


DETECTION = Protocol(("all", "small", "medium", "large"), (1, 10, 100))
KEYPOINTS = Protocol(("all", "medium", "large"), (20,))


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Precision and recall as the COCO API lays them out; NaN where there is no truth.

    precision: (T, R, K, A) at the highest limit on detections; T thresholds, R recalls, K classes, A size ranges.
    recall: (T, K, A, M); M limits.
    """

    precision: F64
    recall: F64
    protocol: Protocol
    engine: str


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What COCO's matching says of (D,) detections, packed, since there may be ten million.

    rank: (D,) int32 by falling score within picture and class; place: (D,) int32 row in the other two, -1 for a
    detection that overlaps nothing; hit, idle: (M, A, ceil(T / 8)) uint8 bits: matched what counts, or what does not.
    """

    rank: I32
    place: I32
    hit: NDArray[np.uint8]
    idle: NDArray[np.uint8]

    @staticmethod
    def joined(parts: Sequence["Hits"], rows: Sequence[I64], count: int) -> "Hits":
        """One of all `count` detections out of those of parts, each with the numbers of its rows."""
        if len(parts) == 1:
            return parts[0]
        rank, place = np.empty(count, np.int32), np.empty(count, np.int32)
        before = 0
        for part, chosen in zip(parts, rows, strict=True):
            rank[chosen] = part.rank
            place[chosen] = np.where(part.place >= 0, part.place + before, -1)
            before += len(part.hit)
        return Hits(rank, place, np.concatenate([p.hit for p in parts]), np.concatenate([p.idle for p in parts]))


def ignored_by_size(truth: Annotations, protocol: Protocol) -> Flags:
    """(G, A) which truths do not count in each size range."""
    low, high = protocol.ranges.T
    uncounted = truth.crowd | truth.ignore
    if truth.labelled is not None:
        uncounted = uncounted | (truth.labelled == 0)
    out: Flags = uncounted[:, None] | (truth.area[:, None] < low) | (truth.area[:, None] > high)
    return out


def coco_hits(truth: Annotations, detections: Annotations, pairs: Pairs, categories: int, protocol: Protocol) -> Hits:
    """COCO's matching. `pairs` must hold all that overlap by 0.5 or more."""
    cell = cells(detections.image, detections.category, categories)
    rank = rank_in_cell(cell, detections.score)
    top = rank < protocol.limits[-1]
    inside = top[pairs.detection] & (pairs.iou >= THRESHOLDS[0] - 1e-9)
    chosen = Pairs(pairs.detection[inside], pairs.truth[inside], pairs.iou[inside])
    ignored = ignored_by_size(truth, protocol)
    matches = greedy(chosen, rank, truth.crowd, ignored, THRESHOLDS)
    place = np.full(len(detections), -1, np.int32)
    place[matches.detection] = np.arange(len(matches.detection))
    matched = matches.truth >= 0
    idle = np.zeros(matched.shape, bool)
    for a in range(len(protocol.sizes)):
        idle[:, a] = matched[:, a] & (ignored[:, a][matches.truth[:, a]] if len(truth) else False)
    return Hits(rank.astype(np.int32), place, np.packbits(matched & ~idle, axis=2), np.packbits(idle, axis=2))


def coco_order(detections: Annotations, rank: I32, protocol: Protocol) -> I64:
    """The rows within the limit a picture, by class, then falling score; of equals by picture, then by their order
    within it, as the COCO API."""
    order = np.lexsort((rank, detections.image, -detections.score, detections.category))
    return order[rank[order] < protocol.limits[-1]]


def coco_curves(
    truth: Annotations, detections: Annotations, hits: Hits, categories: int, protocol: Protocol
) -> Curves:
    """COCO's precision and recall of every class, out of what `coco_hits` found."""
    ignored, rank = ignored_by_size(truth, protocol), hits.rank
    order = coco_order(detections, rank, protocol)
    bounds = np.searchsorted(detections.category[order], np.arange(categories + 1))
    sizes, limits = len(protocol.sizes), len(protocol.limits)
    precision = np.full((len(THRESHOLDS), len(RECALLS), categories, sizes), np.nan)
    recall = np.full((len(THRESHOLDS), categories, sizes, limits), np.nan)
    counted = np.zeros((categories, sizes), np.int64)
    np.add.at(counted, truth.category, ~ignored)
    for k in np.flatnonzero(counted.any(axis=1)):
        rows = order[bounds[k] : bounds[k + 1]]
        for a in np.flatnonzero(counted[k]):
            hit = np.zeros((len(rows), len(THRESHOLDS)), bool)
            low, high = protocol.ranges[a]
            area = detections.area[rows]
            void = np.repeat(((area < low) | (area > high))[:, None], len(THRESHOLDS), axis=1)
            touched = np.flatnonzero(hits.place[rows] >= 0)
            at = hits.place[rows[touched]]
            hit[touched] = _bits(hits.hit[at, a])
            idle = _bits(hits.idle[at, a])
            void[touched] = idle | (void[touched] & ~hit[touched])
            for m, limit in enumerate(protocol.limits):
                part = rank[rows] < limit
                recall[:, k, a, m] = np.count_nonzero(hit[part], axis=0) / counted[k, a]
            precision[:, :, k, a] = _curve(hit, void, int(counted[k, a]))
    return Curves(precision, recall, protocol, "numpy")


def _bits(packed: NDArray[np.uint8]) -> Flags:
    return np.unpackbits(packed, axis=1, count=len(THRESHOLDS)).astype(bool)


def _curve(hit: Flags, void: Flags, total: int) -> F64:
    """(T, R) precision at each recall, from detections by falling score."""
    out = np.zeros((hit.shape[1], len(RECALLS)))
    if not len(hit):
        return out
    # Thresholds together where they are small: millions of detections would need as many bytes a hundred times.
    at_once = max(1, CELLS_AT_ONCE // len(hit))
    for first in range(0, hit.shape[1], at_once):
        chosen = slice(first, first + at_once)
        right = np.cumsum(hit[:, chosen], axis=0).astype(np.float64)
        wrong = np.cumsum(~hit[:, chosen] & ~void[:, chosen], axis=0)
        reached = right / total
        exact = right / (wrong + right + np.spacing(1))
        falling = np.maximum.accumulate(exact[::-1], axis=0)[::-1]
        for t in range(right.shape[1]):
            at = np.searchsorted(reached[:, t], RECALLS, side="left")
            inside = at < len(hit)
            out[first + t, inside] = falling[at[inside], t]
    return out


def _mean(values: F64) -> float:
    known = values[~np.isnan(values)]
    return float(np.mean(known)) if known.size else float("nan")


@dataclass(frozen=True, slots=True)
class Pick:
    """Which part of the curves an official number is the mean of: of the precision or of the recall, at one size
    range, one threshold (None for all), and one limit on detections."""

    precision: bool
    size: int
    threshold: int | None
    limit: int

    @property
    def thresholds(self) -> slice:
        """The same as a slice."""
        return slice(None) if self.threshold is None else slice(self.threshold, self.threshold + 1)


def picks(protocol: Protocol) -> dict[str, Pick]:
    """What each of the twelve numbers of COCO detection, or the ten of keypoints, is taken from."""
    size = {name: i for i, name in enumerate(protocol.sizes)}
    limit = {n: i for i, n in enumerate(protocol.limits)}
    last = len(protocol.limits) - 1
    at = {"50": 0, "75": 5}
    out = {}
    for name in KEYPOINT_NAMES if protocol is KEYPOINTS else DETECTION_NAMES:
        precision, rest = name.startswith("AP"), name[2:]
        a = size[rest[1:]] if rest.startswith("_") else 0
        limited = not precision and rest.isdigit() and protocol is not KEYPOINTS
        out[name] = Pick(precision, a, None if limited else at.get(rest), limit[int(rest)] if limited else last)
    return out


def official_numbers(curves: Curves) -> dict[str, float]:
    """The twelve numbers of COCO detection, or the ten of keypoints; NaN where there is nothing to measure
    (the COCO API says -1 there)."""
    out = {}
    for name, pick in picks(curves.protocol).items():
        if pick.precision:
            out[name] = _mean(curves.precision[pick.thresholds, :, :, pick.size])
        else:
            out[name] = _mean(curves.recall[pick.thresholds, :, pick.size, pick.limit])
    return out


def class_numbers(curves: Curves) -> dict[str, F64]:
    """(K,) AP, AP50 and AP75 of each class over all sizes; NaN where the class has no truth."""
    every = curves.precision[:, :, :, 0]
    return {"AP": every.mean(axis=(0, 1)), "AP50": every[0].mean(axis=0), "AP75": every[5].mean(axis=0)}


def voc_partners(truth: Annotations, detections: Annotations, pairs: Pairs, threshold: float) -> I64:
    """(D,) int64 the one truth that each detection overlaps most, as in Pascal's development kit, -1 for none."""
    enough = pairs.iou >= threshold
    # The last pair of each detection is its best; of equals the earlier truth, as in the kit. The kit knows no
    # crowds; one is taken only where nothing else fits, since everything inside it overlaps it wholly.
    order = np.lexsort((-pairs.truth, pairs.iou, ~truth.crowd[pairs.truth], pairs.detection))
    order = order[enough[order]]
    d = pairs.detection[order]
    best = order[np.flatnonzero(np.append(d[1:] != d[:-1], True))] if len(d) else order
    partner: I64 = np.full(len(detections), -1, np.int64)
    partner[pairs.detection[best]] = pairs.truth[best]
    return partner


def voc_average_precision(
    truth: Annotations, detections: Annotations, partner: I64, categories: int
) -> tuple[F64, F64]:
    """(K,) Pascal VOC average precision by 11 points (VOC2007) and by all points (VOC2010 on); NaN without truth.

    As in the development kit a detection is compared with its `partner` only, as `voc_partners` gives it: where an
    earlier detection has that truth, it is wrong, even if another would fit. Difficult objects (`ignore`) and crowds
    count neither way. The kit's extra pixel is in the boxes where `--inclusive` read them so.
    """
    by_score, hit, void = voc_order(truth, detections, partner)
    uncounted = truth.crowd | truth.ignore
    counted = np.bincount(truth.category[~uncounted], minlength=categories)
    bounds = np.searchsorted(detections.category[by_score], np.arange(categories + 1))
    eleven, every = np.full(categories, np.nan), np.full(categories, np.nan)
    for k in np.flatnonzero(counted):
        rows = slice(bounds[k], bounds[k + 1])
        kept = ~void[rows]
        right = np.cumsum(hit[rows][kept])
        eleven[k], every[k] = voc_areas(right / counted[k], right / np.arange(1, len(right) + 1))
    return eleven, every


def voc_order(truth: Annotations, detections: Annotations, partner: I64) -> tuple[I64, Flags, Flags]:
    """(D,) rows by class and falling score, and which of them are right and which count neither way."""
    uncounted = truth.crowd | truth.ignore
    by_score = np.lexsort((-detections.score, detections.category))
    chosen = partner[by_score]
    _, first = np.unique(chosen, return_index=True)
    hit = np.zeros(len(by_score), bool)
    hit[first] = True
    hit &= chosen >= 0
    void = (chosen >= 0) & uncounted[chosen] if len(truth) else np.zeros(len(by_score), bool)
    return by_score, hit & ~void, void


def voc_areas(recall: F64, precision: F64) -> tuple[float, float]:
    """Average precision by 11 points and by all points, of (N,) recall and precision by falling score."""
    if not len(recall):
        return 0.0, 0.0
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 11) - 1e-12, side="left")
    eleven = float(np.where(at < len(falling), falling[np.minimum(at, len(falling) - 1)], 0.0).mean())
    steps = np.diff(recall, prepend=0.0)
    return eleven, float((steps * falling).sum())
