"""Average precision: the official COCO numbers and the two of Pascal VOC, in numpy.

The COCO part follows `COCOeval.accumulate` and `summarize` of the COCO API; tests hold it to pycocotools.
"""

from dataclasses import dataclass

import numpy as np

from visioncli.datasets.interface import F64, I64, Annotations, Flags
from visioncli.metrics.matching import greedy, rank_in_cell
from visioncli.metrics.pairs import Pairs, cells

THRESHOLDS: F64 = np.linspace(0.5, 0.95, 10)
RECALLS: F64 = np.linspace(0.0, 1.0, 101)
SIZES: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""Size ranges in square pixels, both ends included."""

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


def coco_curves(
    truth: Annotations, detections: Annotations, pairs: Pairs, categories: int, protocol: Protocol
) -> Curves:
    """COCO's precision and recall of every class. `pairs` must hold all that overlap by 0.5 or more."""
    cell = cells(detections.image, detections.category, categories)
    rank = rank_in_cell(cell, detections.score)
    top = rank < protocol.limits[-1]
    inside = top[pairs.detection] & (pairs.iou >= THRESHOLDS[0] - 1e-9)
    chosen = Pairs(pairs.detection[inside], pairs.truth[inside], pairs.iou[inside])
    low, high = protocol.ranges.T
    uncounted = truth.crowd | truth.ignore
    if truth.labelled is not None:
        uncounted = uncounted | (truth.labelled == 0)
    ignored = uncounted[:, None] | (truth.area[:, None] < low) | (truth.area[:, None] > high)
    matches = greedy(chosen, rank, truth.crowd, ignored, THRESHOLDS)

    place = np.full(len(detections), -1, np.int64)
    place[matches.detection] = np.arange(len(matches.detection))
    outside = (detections.area[:, None] < low) | (detections.area[:, None] > high)
    # By class, then falling score; of equals by picture, then by their order within it, as the COCO API.
    order = np.lexsort((rank, detections.image, -detections.score, detections.category))
    order = order[top[order]]
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
            void = np.repeat(outside[rows, a, None], len(THRESHOLDS), axis=1)
            touched = np.flatnonzero(place[rows] >= 0)
            partner = matches.truth[place[rows[touched]], a]
            matched = partner >= 0
            idle = matched & ignored[partner, a]
            hit[touched] = matched & ~idle
            void[touched] = np.where(matched, idle, void[touched])
            for m, limit in enumerate(protocol.limits):
                part = rank[rows] < limit
                curve, found = _curve(hit[part], void[part], int(counted[k, a]))
                recall[:, k, a, m] = found
                if m == limits - 1:
                    precision[:, :, k, a] = curve
    return Curves(precision, recall, protocol, "numpy")


def _curve(hit: Flags, void: Flags, total: int) -> tuple[F64, F64]:
    """(T, R) precision at each recall, and (T,) recall reached, from detections by falling score."""
    out = np.zeros((hit.shape[1], len(RECALLS)))
    if not len(hit):
        return out, np.zeros(hit.shape[1])
    right = np.cumsum(hit, axis=0).astype(np.float64)
    wrong = np.cumsum(~hit & ~void, axis=0)
    reached = right / total
    exact = right / (wrong + right + np.spacing(1))
    falling = np.maximum.accumulate(exact[::-1], axis=0)[::-1]
    for t in range(hit.shape[1]):
        at = np.searchsorted(reached[:, t], RECALLS, side="left")
        inside = at < len(hit)
        out[t, inside] = falling[at[inside], t]
    return out, reached[-1]


def _mean(values: F64) -> float:
    known = values[~np.isnan(values)]
    return float(np.mean(known)) if known.size else float("nan")


def official_numbers(curves: Curves) -> dict[str, float]:
    """The twelve numbers of COCO detection, or the ten of keypoints; NaN where there is nothing to measure
    (the COCO API says -1 there)."""
    size = {name: i for i, name in enumerate(curves.protocol.sizes)}
    limit = {n: i for i, n in enumerate(curves.protocol.limits)}
    last = len(curves.protocol.limits) - 1
    at = {"50": 0, "75": 5}
    names = KEYPOINT_NAMES if curves.protocol is KEYPOINTS else DETECTION_NAMES
    out = {}
    for name in names:
        kind, rest = name[:2], name[2:]
        a = size[rest[1:]] if rest.startswith("_") else 0
        if kind == "AP":
            part = curves.precision[:, :, :, a]
            out[name] = _mean(part[at[rest]] if rest in at else part)
        else:
            whole = rest.isdigit() and curves.protocol is not KEYPOINTS
            m = limit[int(rest)] if whole else last
            values = curves.recall[:, :, a, m]
            out[name] = _mean(values[at[rest]] if rest in at and not whole else values)
    return out


def class_numbers(curves: Curves) -> dict[str, F64]:
    """(K,) AP, AP50 and AP75 of each class over all sizes; NaN where the class has no truth."""
    every = curves.precision[:, :, :, 0]
    return {"AP": every.mean(axis=(0, 1)), "AP50": every[0].mean(axis=0), "AP75": every[5].mean(axis=0)}


def voc_average_precision(
    truth: Annotations, detections: Annotations, pairs: Pairs, categories: int, threshold: float
) -> tuple[F64, F64]:
    """(K,) Pascal VOC average precision by 11 points (VOC2007) and by all points (VOC2010 on); NaN without truth.

    As in the development kit a detection is compared with the one truth that it overlaps most: where an earlier
    detection has that truth, it is wrong, even if another would fit. Difficult objects (`ignore`) and crowds
    count neither way. Boxes are measured as everywhere here, without the kit's extra pixel.
    """
    enough = pairs.iou >= threshold
    # The last pair of each detection is its best; of equals the earlier truth, as in the kit. The kit knows no
    # crowds; one is taken only where nothing else fits, since everything inside it overlaps it wholly.
    order = np.lexsort((-pairs.truth, pairs.iou, ~truth.crowd[pairs.truth], pairs.detection))
    order = order[enough[order]]
    d = pairs.detection[order]
    best = order[np.flatnonzero(np.append(d[1:] != d[:-1], True))] if len(d) else order
    partner: I64 = np.full(len(detections), -1, np.int64)
    partner[pairs.detection[best]] = pairs.truth[best]
    uncounted = truth.crowd | truth.ignore
    by_score = np.lexsort((-detections.score, detections.category))
    chosen = partner[by_score]
    _, first = np.unique(chosen, return_index=True)
    hit = np.zeros(len(by_score), bool)
    hit[first] = True
    hit &= chosen >= 0
    void = (chosen >= 0) & uncounted[chosen] if len(truth) else np.zeros(len(by_score), bool)
    hit &= ~void
    counted = np.bincount(truth.category[~uncounted], minlength=categories)
    bounds = np.searchsorted(detections.category[by_score], np.arange(categories + 1))
    eleven, every = np.full(categories, np.nan), np.full(categories, np.nan)
    for k in np.flatnonzero(counted):
        rows = slice(bounds[k], bounds[k + 1])
        kept = ~void[rows]
        right = np.cumsum(hit[rows][kept])
        eleven[k], every[k] = voc_areas(right / counted[k], right / np.arange(1, len(right) + 1))
    return eleven, every


def voc_areas(recall: F64, precision: F64) -> tuple[float, float]:
    """Average precision by 11 points and by all points, of (N,) recall and precision by falling score."""
    if not len(recall):
        return 0.0, 0.0
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 11) - 1e-12, side="left")
    eleven = float(np.where(at < len(falling), falling[np.minimum(at, len(falling) - 1)], 0.0).mean())
    steps = np.diff(recall, prepend=0.0)
    return eleven, float((steps * falling).sum())
