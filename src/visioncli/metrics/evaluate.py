"""From aligned truth and detections to a report and to records of single pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import F64, I64, Annotations, Flags, Progress, silent
from visioncli.metrics import engines
from visioncli.metrics.average_precision import (
    Curves,
    Hits,
    class_numbers,
    coco_hits,
    official_numbers,
    voc_average_precision,
    voc_partners,
)
from visioncli.metrics.confusion import MOST_CLASSES, confused_pairs, confusion_table
from visioncli.metrics.engines import Engine
from visioncli.metrics.intervals import FEWER_INTERVALS, intervals
from visioncli.metrics.intervals import MOST_CLASSES as MOST_WITH_INTERVALS
from visioncli.metrics.matching import greedy, rank_in_cell
from visioncli.metrics.object_sample import Matched, ObjectSample
from visioncli.metrics.pairs import Kind, Pairs, cells, find_pairs
from visioncli.metrics.report import ClassReport, ConfusionTable, Counts, PrecisionRecall, Report, plain
from visioncli.metrics.slices import slices


@dataclass(frozen=True, slots=True)
class Settings:
    """How to compare: `iou` is the threshold of the counts, `score` the least score that enters them.
    `inclusive` says how the boxes were read; nothing is done about it here. With `resamples`, drawn by `seed`, every
    number gets an interval."""

    kind: Kind = Kind.BOXES
    iou: float = 0.5
    score: float = 0.0
    engine: Engine = Engine.AUTO
    inclusive: bool = False
    resamples: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A report and the matches behind it.

    matched: (D,) int64 the truth of each detection, -1 for none; overlap: (D,) float64 their IoU (or OKS);
    counted: (G,) truths that count; void: (D,) detections that count neither way (below the score, or on a crowd or
    an ignored object). `sample` is what intervals were made of, where they were wanted. confused: (P,) truths and
    (P,) detections of different classes that stand for each other in the confusion table.
    """

    report: Report
    data: Aligned
    matched: I64
    overlap: F64
    counted: Flags
    void: Flags
    sample: ObjectSample | None = None
    confused: tuple[I64, I64] | None = None


def evaluate(
    data: Aligned, settings: Settings, truth_name: str, predictions_name: str, progress: Progress = silent
) -> Evaluation:
    """Compare the two sides. Raises DatasetError where masks of one picture differ in size."""
    truth, detections, classes = data.truth, data.detections, len(data.categories)
    uncounted = truth.crowd | truth.ignore
    if truth.labelled is not None:
        uncounted = uncounted | (truth.labelled == 0)
    engine = engines.choose(settings.engine, data)
    numpy = engine is Engine.NUMPY or settings.resamples > 0
    found = _compare(data, settings, uncounted, numpy=numpy, progress=progress)
    matched, overlap, void = found.matched, found.overlap, found.void
    hit = (matched >= 0) & ~void
    table = confusion_table(data, matched, ~uncounted, void, found.confused)
    warnings = data.warnings
    if not table.complete:
        warnings = (*warnings, f"The confusion table holds only the {MOST_CLASSES:,} classes with the most objects.")
    curves = engines.curves(engine, settings.kind, data, found.hits)
    voc: dict[str, F64] = {}
    if settings.kind is not Kind.KEYPOINTS:  # Pascal VOC has no measure of keypoints
        eleven, every = voc_average_precision(truth, detections, found.partner, classes)
        voc = {"voc_ap11": eleven, "voc_ap": every}
    precisions = class_numbers(curves) | voc
    per_class = _class_counts(data, matched, overlap, ~uncounted, void)
    shown = [k for k, counts in enumerate(per_class) if counts.truth or counts.spurious]
    sample, ends = None, None
    if settings.resamples:
        sample = _sample(data, settings, found, ~uncounted, shown)
        ends = intervals(sample, settings.resamples, settings.seed, progress=progress)
        if len(shown) > MOST_WITH_INTERVALS:
            warnings = (*warnings, FEWER_INTERVALS)
    report = Report(
        kind=settings.kind.value,
        truth=truth_name,
        predictions=predictions_name,
        pictures=len(data.images),
        iou=settings.iou,
        score=settings.score,
        engine=engine.value,
        total=_total(per_class, overlap[hit]),
        official=official_numbers(curves),
        voc={name: _mean(values) for name, values in voc.items()},
        classes=tuple(
            ClassReport(
                label=data.categories.call(k),
                label_id=None if data.categories.ids is None else data.categories.ids[k],
                counts=per_class[k],
                precisions={name: float(values[k]) for name, values in precisions.items()},
            )
            for k in shown
        ),
        confusion=ConfusionTable(tuple(data.categories.call(int(k)) for k in table.categories), table.counts),
        curves=_lines(data, curves),
        warnings=warnings,
        inclusive=settings.inclusive,
        intervals=ends,
    )
    return Evaluation(report, data, matched, overlap, ~uncounted, void, sample, found.confused)


def _sample(data: Aligned, settings: Settings, found: "_Found", counted: Flags, shown: list[int]) -> ObjectSample:
    assert found.hits is not None
    matched = Matched(
        data=data,
        matched=found.matched,
        overlap=found.overlap,
        counted=counted,
        void=found.void,
        hits=found.hits,
        partner=None if settings.kind is Kind.KEYPOINTS else found.partner,
        protocol=engines.protocol_of(settings.kind),
    )
    return ObjectSample(matched, np.array(shown, np.int64))


@dataclass(slots=True, eq=False)
class _Found:
    """What all slices found, by the row numbers of the whole; as in Evaluation, `hits` and VOC's `partner`."""

    matched: I64
    overlap: F64
    void: Flags
    partner: I64
    confused: tuple[I64, I64]
    hits: Hits | None


def _compare(data: Aligned, settings: Settings, uncounted: Flags, *, numpy: bool, progress: Progress) -> _Found:
    """Match everything, slice by slice: only pairs of one picture touch each other."""
    count = len(data.detections)
    found = _Found(
        matched=np.full(count, -1, np.int64),
        overlap=np.zeros(count),
        void=np.zeros(count, bool),
        partner=np.full(count, -1, np.int64),
        confused=(np.empty(0, np.int64), np.empty(0, np.int64)),
        hits=None,
    )
    confused: list[tuple[I64, I64]] = []
    hits: list[Hits] = []
    rows: list[I64] = []
    done = 0
    for part in slices(data.truth.image, data.detections.image):
        truth, detections = data.truth, data.detections
        if not part.whole:
            truth, detections = truth.part(part.truth), detections.part(part.detection)
        here = _compare_slice(truth, detections, len(data.categories), settings, uncounted[part.truth], numpy)
        found.matched[part.detection] = _where(part.truth, here.matched)
        found.partner[part.detection] = _where(part.truth, here.partner)
        found.overlap[part.detection] = here.overlap
        found.void[part.detection] = here.void
        confused.append((part.truth[here.confused[0]], part.detection[here.confused[1]]))
        rows.append(part.detection)
        if here.hits is not None:
            hits.append(here.hits)
        done += len(part.detection)
        progress("comparing", done, count)
    found.confused = np.concatenate([g for g, _ in confused]), np.concatenate([d for _, d in confused])
    if numpy:
        found.hits = Hits.joined(hits, rows, count)
    return found


def _compare_slice(
    truth: Annotations,
    detections: Annotations,
    classes: int,
    settings: Settings,
    uncounted: Flags,
    numpy: bool,
) -> _Found:
    """As `_compare`, of the objects of some pictures together."""
    kind = settings.kind
    cell = cells(detections.image, detections.category, classes)
    truth_cell = cells(truth.image, truth.category, classes)
    pairs = find_pairs(kind, truth, detections, truth_cell, cell, min(0.5, settings.iou))
    chosen = detections.score >= settings.score
    matched, overlap = _match(truth, detections, pairs, cell, chosen, uncounted, settings.iou)
    void = ~chosen | ((matched >= 0) & _at(uncounted, matched))
    # Only what is left over on both sides can be confused with another class.
    free_truth, free_detection = ~uncounted, (matched < 0) & ~void
    free_truth[matched[(matched >= 0) & ~void]] = False
    across = find_pairs(
        kind,
        truth,
        detections,
        np.where(free_truth, truth.image, -1),
        np.where(free_detection, detections.image, -1),
        settings.iou,
    )
    return _Found(
        matched=matched,
        overlap=overlap,
        void=void,
        partner=voc_partners(truth, detections, pairs, settings.iou),
        confused=confused_pairs(free_truth, free_detection, across),
        hits=coco_hits(truth, detections, pairs, classes, engines.protocol_of(kind)) if numpy else None,
    )


def _where(rows: I64, chosen: I64) -> I64:
    """`rows[chosen]`, -1 where `chosen` is -1."""
    out = np.full(len(chosen), -1, np.int64)
    known = chosen >= 0
    out[known] = rows[chosen[known]]
    return out


def _at(values: Flags, index: I64) -> Flags:
    """`values[index]`, False where the index is -1."""
    out = np.zeros(len(index), bool)
    known = index >= 0
    out[known] = values[index[known]]
    return out


def _match(
    truth: Annotations,
    detections: Annotations,
    pairs: Pairs,
    cell: I64,
    chosen: Flags,
    uncounted: Flags,
    threshold: float,
) -> tuple[I64, F64]:
    """(D,) the truth each chosen detection matches, -1 for none, and (D,) their overlap."""
    score = np.where(chosen, detections.score, -np.inf)
    keep = chosen[pairs.detection] & (pairs.iou >= min(threshold, 1 - 1e-10))
    kept = Pairs(pairs.detection[keep], pairs.truth[keep], pairs.iou[keep])
    found = greedy(kept, rank_in_cell(cell, score), truth.crowd, uncounted[:, None], np.array([threshold]))
    matched = np.full(len(cell), -1, np.int64)
    matched[found.detection] = found.truth[:, 0, 0]
    overlap = np.zeros(len(cell))
    same = matched[kept.detection] == kept.truth
    overlap[kept.detection[same]] = kept.iou[same]
    return matched, overlap


def _class_counts(data: Aligned, matched: I64, overlap: F64, counted: Flags, void: Flags) -> list[Counts]:
    classes = len(data.categories)
    hit = (matched >= 0) & ~void
    truth = np.bincount(data.truth.category[counted], minlength=classes)
    right = np.bincount(data.detections.category[hit], minlength=classes)
    wrong = np.bincount(data.detections.category[(matched < 0) & ~void], minlength=classes)
    overlaps = np.bincount(data.detections.category[hit], weights=overlap[hit], minlength=classes)
    return [
        Counts(int(t), int(r), int(t - r), int(w), float(o / r) if r else float("nan"))
        for t, r, w, o in zip(truth, right, wrong, overlaps, strict=True)
    ]


def _total(classes: list[Counts], overlaps: F64) -> Counts:
    return Counts(
        truth=sum(c.truth for c in classes),
        matched=sum(c.matched for c in classes),
        missed=sum(c.missed for c in classes),
        spurious=sum(c.spurious for c in classes),
        mean_iou=float(overlaps.mean()) if len(overlaps) else float("nan"),
    )


def _mean(values: F64) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _lines(data: Aligned, curves: Curves) -> tuple[PrecisionRecall, ...]:
    """Precision over recall at IoU 0.5 of every class with truth, after that of the mean over all classes."""
    precision = curves.precision[0, :, :, 0]
    known = np.flatnonzero(~np.isnan(precision[0]))
    if not len(known):
        return ()
    mean = precision[:, known].mean(axis=1)
    lines = [PrecisionRecall("all classes", mean, float(mean.mean()))]
    lines += [
        PrecisionRecall(data.categories.call(int(k)), precision[:, k], float(precision[:, k].mean())) for k in known
    ]
    return tuple(lines)


def picture_records(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """One record a picture with every match, the worst picture first.

    The order is by F1, then by mean IoU, then by name; pictures with neither truth nor detections come last.
    """
    data = evaluation.data
    truth, detections = data.truth, data.detections
    found = np.zeros(len(truth), bool)
    hit = (evaluation.matched >= 0) & ~evaluation.void
    found[evaluation.matched[hit]] = True
    wrong = (evaluation.matched < 0) & ~evaluation.void
    lost = evaluation.counted & ~found
    pictures = len(data.images)
    right = np.bincount(detections.image[hit], minlength=pictures)
    sums = np.bincount(detections.image[hit], weights=evaluation.overlap[hit], minlength=pictures)
    spurious = np.bincount(detections.image[wrong], minlength=pictures)
    missed = np.bincount(truth.image[lost], minlength=pictures)
    every = 2 * right + spurious + missed
    f1 = np.where(every > 0, 2 * right / np.maximum(every, 1), np.inf)
    mean = np.where(right > 0, sums / np.maximum(right, 1), 0.0)
    names = [data.images.call(i) for i in range(pictures)]
    by_picture = (
        _Rows(detections.image, hit, pictures),
        _Rows(truth.image, lost, pictures),
        _Rows(detections.image, wrong, pictures),
    )
    for i in sorted(range(pictures), key=lambda i: (f1[i], mean[i], names[i])):
        counts = Counts(
            int(right[i] + missed[i]),
            int(right[i]),
            int(missed[i]),
            int(spurious[i]),
            float(mean[i]) if right[i] else float("nan"),
        )
        hits, losts, wrongs = (rows.of(i) for rows in by_picture)
        yield {
            "image": names[i],
            "image_id": None if data.images.ids is None else data.images.ids[i],
            **{k: plain(v) for k, v in counts.numbers().items()},
            "matches": [
                _thing(evaluation, d, "prediction")
                | {
                    "truth": _name(truth.ids, evaluation.matched[d]),
                    "iou": round(float(evaluation.overlap[d]), 6),
                }
                for d in hits
            ],
            "missed_objects": [_thing(evaluation, g, "truth") for g in losts],
            "spurious_objects": [_thing(evaluation, d, "prediction") for d in wrongs],
        }


class _Rows:
    """The chosen rows of each picture, in the order of the file."""

    def __init__(self, image: I64, chosen: Flags, pictures: int) -> None:
        rows = np.flatnonzero(chosen)
        self._rows = rows[np.argsort(image[rows], kind="stable")]
        self._bounds = np.searchsorted(image[self._rows], np.arange(pictures + 1))

    def of(self, picture: int) -> list[int]:
        """Row numbers."""
        out: list[int] = self._rows[self._bounds[picture] : self._bounds[picture + 1]].tolist()
        return out


def _name(ids: tuple[int | str, ...] | I64 | None, row: int) -> int | str:
    if ids is None:
        return int(row)
    return int(ids[row]) if isinstance(ids, np.ndarray) else ids[row]


def _thing(evaluation: Evaluation, row: int, side: str) -> dict[str, Any]:
    data = evaluation.data
    rows = data.detections if side == "prediction" else data.truth
    x, y, w, h = rows.xywh[row].tolist()
    out = {
        "label": data.categories.call(int(rows.category[row])),
        side: _name(rows.ids, row),
        "box": [round(v, 3) for v in (x, y, x + w, y + h)],
    }
    return out | {"score": float(rows.score[row])} if side == "prediction" else out
