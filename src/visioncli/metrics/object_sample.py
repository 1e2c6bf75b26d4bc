"""The numbers of `vision iou` as functions of how often each picture counts, for their intervals.

Objects are matched once, since what matches within a picture does not depend on the other pictures. Of a resample
only the curves are new: detections stay in order of score, and each counts as often as its picture was drawn. This is
what the evaluation of the really copied pictures gives (tests hold the two together), except where detections of one
picture and class have equal scores: a copy then stands beside its original, not behind all of its picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import F64, I64, Annotations, Flags
from visioncli.metrics.average_precision import (
    RECALLS,
    THRESHOLDS,
    Hits,
    Protocol,
    coco_order,
    ignored_by_size,
    picks,
    voc_order,
)
from visioncli.metrics.classification import blocks, mean_of_known, ratio
from visioncli.metrics.intervals import Numbers
from visioncli.metrics.ranking import Ranking, Sums

ELEVEN: F64 = np.linspace(0.0, 1.0, 11) - 1e-12
PER_CLASS = ("AP", "AP50", "AP75", "voc_ap11", "voc_ap")
"""Of the average precisions, those that are reported of single classes."""
COUNTS = ("truth", "matched", "missed", "spurious", "mean_iou", "precision", "recall", "f1")


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What matching found, by the rows of `data`: as in `evaluate.Evaluation`, with COCO's hits, and VOC's partners
    (None for keypoints, of which Pascal VOC has no measure)."""

    data: Aligned
    matched: I64
    overlap: F64
    counted: Flags
    void: Flags
    hits: Hits
    partner: I64 | None
    protocol: Protocol


class ObjectSample:
    """Pictures with objects, prepared for any number of weightings.

    `shown` (K',) int64 are the classes whose own numbers are wanted. See `metrics.intervals.Sample`.
    """

    def __init__(self, found: Matched, shown: I64) -> None:
        data, sizes = found.data, len(found.protocol.sizes)
        self._pictures, self._classes, self._shown = len(data.images), len(data.categories), shown
        self._sums = _sums(found)
        self._rankings = [
            (k, a, ranking)
            for a in range(sizes)
            for k, ranking in _coco_rankings(found, a)
            if self._sums.has(k, 4 + a)
        ]
        self._voc = None if found.partner is None else list(_voc_rankings(data, found.partner))
        self._picks = picks(found.protocol)
        self._limits = found.protocol.limits
        self._pictures_by_class = [self._sums.pictures_with(values) for values in ((0,), (1,), (1, 2))]
        self._pictures_with = (
            len(np.unique(data.truth.image[found.counted])),
            len(np.unique(data.detections.image[~found.void])),
        )

    def __len__(self) -> int:
        return self._pictures

    @property
    def width(self) -> int:
        """How many numbers a weighting takes: of each class every sum, and every curve's numbers."""
        return self._classes * (len(self._picks) + len(PER_CLASS) + 2 * len(COUNTS))

    def measure(self, weights: F64) -> Numbers:
        """Every number, where pictures count with `weights`, (B, N) float64."""
        sums = self._sums.weighted(weights)
        truth, matched, spurious, overlap = (sums[:, :, f] for f in range(4))
        precisions = self._official(weights, sums[:, :, 4:]) | self._pascal(weights, sums[:, :, -1])
        whole = _counts(*(v.sum(axis=1) for v in (truth, matched, spurious, overlap)))
        counts = _counts(*(v[:, self._shown] for v in (truth, matched, spurious, overlap)))
        totals = {name: mean_of_known(values) for name, values in precisions.items()}
        own = {name: precisions[name][:, self._shown] for name in PER_CLASS if name in precisions}
        # Objects of one picture are not independent, so a score rests on as many pictures, not objects.
        shape = (len(weights), len(self._shown))
        with_truth, with_match, with_detection = (
            np.broadcast_to(v[self._shown], shape) for v in self._pictures_by_class
        )
        every, detected = (np.full(len(weights), float(v)) for v in self._pictures_with)
        return Numbers(
            totals | whole,
            counts | own,
            total_pictures=dict.fromkeys((*precisions, "recall", "f1"), every) | {"precision": detected},
            class_pictures=dict.fromkeys((*own, "recall", "f1"), with_truth)
            | {"precision": with_detection, "mean_iou": with_match},
            raised=frozenset(precisions),
        )

    def _official(self, weights: F64, truth: F64) -> dict[str, F64]:
        """(B, K) each official number of each class; `truth` (B, K, A + 1) the objects that count, by size range."""
        out = {name: np.full((len(weights), self._classes), np.nan) for name in self._picks}
        for name, pick in self._picks.items():
            out[name][truth[:, :, pick.size] > 0] = 0.0  # also where nothing was detected
        for k, a, ranking in self._rankings:
            wanted = [(name, pick) for name, pick in self._picks.items() if pick.size == a]
            for rows in blocks(len(weights), ranking.width):
                objects = truth[rows, k, a]
                curves = ranking.curves(weights[rows])
                area = curves.area(objects, RECALLS)
                limits = {pick.limit for _, pick in wanted if not pick.precision}
                recall = {m: curves.recall(objects, self._limits[m]) for m in limits}
                for name, pick in wanted:
                    values = area if pick.precision else recall[pick.limit]
                    out[name][rows, k] = values[:, pick.thresholds].mean(axis=1)
        return out

    def _pascal(self, weights: F64, truth: F64) -> dict[str, F64]:
        """(B, K) Pascal VOC's two numbers of each class; `truth` (B, K) the objects that are neither difficult nor
        crowds."""
        if self._voc is None:
            return {}
        out = {name: np.where(truth > 0, 0.0, np.nan) for name in ("voc_ap11", "voc_ap")}
        for k, ranking in self._voc:
            for rows in blocks(len(weights), ranking.width):
                objects, curves = truth[rows, k], ranking.curves(weights[rows])
                out["voc_ap11"][rows, k] = curves.area(objects, ELEVEN)[:, 0]
                out["voc_ap"][rows, k] = curves.whole_area(objects)[:, 0]
        return out


def _counts(truth: F64, matched: F64, spurious: F64, overlap: F64) -> dict[str, F64]:
    """As `report.Counts`, of any shape."""
    return {
        "truth": truth,
        "matched": matched,
        "missed": truth - matched,
        "spurious": spurious,
        "mean_iou": ratio(overlap, matched),
        "precision": ratio(matched, matched + spurious),
        "recall": ratio(matched, truth),
        "f1": ratio(2 * matched, truth + matched + spurious),
    }


def _sums(found: Matched) -> Sums:
    """What is added up by class: objects, matches, spurious detections, overlaps; then the objects that count in
    each size range, and those that count for Pascal VOC."""
    truth, detections = found.data.truth, found.data.detections
    sizes = len(found.protocol.sizes)
    hit = (found.matched >= 0) & ~found.void
    objects = np.zeros((len(truth), 5 + sizes))
    objects[:, 0] = found.counted
    objects[:, 4:-1] = ~ignored_by_size(truth, found.protocol)
    objects[:, -1] = ~(truth.crowd | truth.ignore)
    sums = Sums(truth.image, truth.category, objects, len(found.data.categories))
    answers = np.zeros((len(detections), 5 + sizes), np.float64)
    answers[:, 1] = hit
    answers[:, 2] = (found.matched < 0) & ~found.void
    answers[:, 3] = np.where(hit, found.overlap, 0.0)
    return sums.joined(Sums(detections.image, detections.category, answers, len(found.data.categories)))


def _coco_rankings(found: Matched, size: int) -> Iterator[tuple[int, Ranking]]:
    """The detections of each class, as right as they are in one size range at each threshold."""
    detections, hits = found.data.detections, found.hits
    low, high = found.protocol.ranges[size]
    order = coco_order(detections, hits.rank, found.protocol)
    for k, rows in _by_class(detections, order, len(found.data.categories)):
        inside = (detections.area[rows] >= low) & (detections.area[rows] <= high)
        touched = np.flatnonzero(hits.place[rows] >= 0)
        at = hits.place[rows[touched]]
        hit = _bits(hits.hit[at, size])
        # What is matched but lies outside counts after all; what is inside but matched something ignored does not.
        change = (hit & ~inside[touched, None]).astype(np.int8) - (_bits(hits.idle[at, size]) & inside[touched, None])
        yield k, Ranking(detections.image[rows], inside, touched, hit, change, hits.rank[rows])


def _voc_rankings(data: Aligned, partner: I64) -> Iterator[tuple[int, Ranking]]:
    order, hit, void = voc_order(data.truth, data.detections, partner)
    place = np.arange(len(order))
    for k, at in _by_class(data.detections, order, len(data.categories), place):
        touched = np.flatnonzero(hit[at])
        right = np.ones((len(touched), 1), bool)
        yield k, Ranking(data.detections.image[order[at]], ~void[at], touched, right, np.zeros(right.shape, np.int8))


def _by_class(
    detections: Annotations, order: I64, classes: int, values: I64 | None = None
) -> Iterator[tuple[int, I64]]:
    """The rows in `order` (or `values` in their place) of each class that has any."""
    bounds = np.searchsorted(detections.category[order], np.arange(classes + 1))
    chosen = order if values is None else values
    for k in np.flatnonzero(np.diff(bounds)):
        yield int(k), chosen[bounds[k] : bounds[k + 1]]


def _bits(packed: NDArray[np.uint8]) -> Flags:
    return np.unpackbits(packed, axis=1, count=len(THRESHOLDS)).astype(bool)
