"""From aligned truth and detections to a report and to records of single pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import F64, I64, Flags, Progress, silent
from visioncli.metrics import engines
from visioncli.metrics.average_precision import (
    Curves,
    class_numbers,
    official_numbers,
    voc_average_precision,
)
from visioncli.metrics.confusion import confusion_table
from visioncli.metrics.engines import Engine
from visioncli.metrics.matching import greedy, rank_in_cell
from visioncli.metrics.pairs import Kind, Pairs, cells, find_pairs
from visioncli.metrics.report import ClassReport, ConfusionTable, Counts, PrecisionRecall, Report, plain


@dataclass(frozen=True, slots=True)
class Settings:
    """How to compare: `iou` is the threshold of the counts, `score` the least score that enters them."""

    kind: Kind = Kind.BOXES
    iou: float = 0.5
    score: float = 0.0
    engine: Engine = Engine.AUTO


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A report and the matches behind it.

    matched: (D,) int64 the truth of each detection, -1 for none; overlap: (D,) float64 their IoU (or OKS);
    counted: (G,) truths that count; void: (D,) detections that count neither way (below the score, or on a crowd or
    an ignored object).
    """

    report: Report
    data: Aligned
    matched: I64
    overlap: F64
    counted: Flags
    void: Flags


def evaluate(
    data: Aligned, settings: Settings, truth_name: str, predictions_name: str, progress: Progress = silent
) -> Evaluation:
    """Compare the two sides. Raises DatasetError where masks of one picture differ in size."""
    truth, detections, classes = data.truth, data.detections, len(data.categories)
    cell = cells(detections.image, detections.category, classes)
    truth_cell = cells(truth.image, truth.category, classes)
    pairs = find_pairs(settings.kind, truth, detections, truth_cell, cell, min(0.5, settings.iou))
    uncounted = truth.crowd | truth.ignore
    if truth.labelled is not None:
        uncounted = uncounted | (truth.labelled == 0)

    chosen = detections.score >= settings.score
    matched, overlap = _match(data, pairs, cell, chosen, uncounted, settings.iou)
    void = ~chosen | ((matched >= 0) & _at(uncounted, matched))
    hit = (matched >= 0) & ~void

    # Only what is left over on both sides can be confused with another class.
    free_truth = ~uncounted
    free_truth[matched[hit]] = False
    across = find_pairs(
        settings.kind,
        truth,
        detections,
        np.where(free_truth, truth.image, -1),
        np.where((matched < 0) & ~void, detections.image, -1),
        settings.iou,
    )
    table = confusion_table(data, matched, ~uncounted, void, across)

    engine = engines.choose(settings.engine, data)
    curves = engines.curves(engine, settings.kind, data, pairs)
    voc: dict[str, F64] = {}
    if settings.kind is not Kind.KEYPOINTS:  # Pascal VOC has no measure of keypoints
        eleven, every = voc_average_precision(truth, detections, pairs, classes, settings.iou)
        voc = {"voc_ap11": eleven, "voc_ap": every}
    precisions = class_numbers(curves) | voc
    per_class = _class_counts(data, matched, overlap, ~uncounted, void)
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
                counts=counts,
                precisions={name: float(values[k]) for name, values in precisions.items()},
            )
            for k, counts in enumerate(per_class)
            if counts.truth or counts.spurious
        ),
        confusion=ConfusionTable(tuple(data.categories.call(int(k)) for k in table.categories), table.counts),
        curves=_lines(data, curves),
        warnings=data.warnings,
    )
    return Evaluation(report, data, matched, overlap, ~uncounted, void)


def _at(values: Flags, index: I64) -> Flags:
    """`values[index]`, False where the index is -1."""
    out = np.zeros(len(index), bool)
    known = index >= 0
    out[known] = values[index[known]]
    return out


def _match(
    data: Aligned, pairs: Pairs, cell: I64, chosen: Flags, uncounted: Flags, threshold: float
) -> tuple[I64, F64]:
    """(D,) the truth each chosen detection matches, -1 for none, and (D,) their overlap."""
    score = np.where(chosen, data.detections.score, -np.inf)
    keep = chosen[pairs.detection] & (pairs.iou >= min(threshold, 1 - 1e-10))
    kept = Pairs(pairs.detection[keep], pairs.truth[keep], pairs.iou[keep])
    found = greedy(kept, rank_in_cell(cell, score), data.truth.crowd, uncounted[:, None], np.array([threshold]))
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
    by_picture = (_split(detections.image, hit), _split(truth.image, lost), _split(detections.image, wrong))
    for i in sorted(range(pictures), key=lambda i: (f1[i], mean[i], names[i])):
        counts = Counts(
            int(right[i] + missed[i]),
            int(right[i]),
            int(missed[i]),
            int(spurious[i]),
            float(mean[i]) if right[i] else float("nan"),
        )
        hits, losts, wrongs = (rows.get(i, []) for rows in by_picture)
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


def _split(image: I64, chosen: Flags) -> dict[int, list[int]]:
    out: dict[int, list[int]] = {}
    for row in np.flatnonzero(chosen).tolist():
        out.setdefault(int(image[row]), []).append(row)
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
