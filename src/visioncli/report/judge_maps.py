"""Label maps: how far the classes of pixels are right in each picture, by `vision iou`'s counting."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.datasets import class_names
from visioncli.datasets.interface import DatasetError
from visioncli.evaluation.difference import difference
from visioncli.evaluation.score import Resampling
from visioncli.metrics.label_map_scores import MOST_LABELS, LabelMapScores
from visioncli.metrics.report import LabelMapReport
from visioncli.report import maps
from visioncli.report.classes import ClassTable, labels_of
from visioncli.report.columns import numbers, starts
from visioncli.report.judged import RIGHT, UNKNOWN, WRONG, Judged, RunVerdict, comparison
from visioncli.report.masks import SmallMask, of_pixels
from visioncli.report.objects import Answers, Rows
from visioncli.report.truth import MapTruth

BACKGROUND = 0
HEADLINES = ("miou", "dice", "pixel_accuracy")


def judge(
    truth: MapTruth, runs: Sequence[Answers], table: ClassTable, how: Resampling, least: float, names: Path | None
) -> Judged:
    """All runs on the pictures that each has a map of. A picture is right from a mean IoU of `least` on.

    Raises DatasetError where maps cannot be read or differ in size.
    """
    everywhere = np.array([one is not None for one in truth.maps], bool)
    for run in runs:
        everywhere &= run.ok
    places = np.flatnonzero(everywhere).tolist()
    if not places:
        raise DatasetError(f"{truth.source}: no picture with a label map there has one in every run.")
    called = _called(runs, names)
    held = [_score(truth, run, places, how, called) for run in runs]
    reports = [scores.report(truth.source, run.output.name) for scores, run in zip(held, runs, strict=True)]
    tests = []
    for a in range(len(runs)):
        for b in range(a + 1, len(runs)):
            if how.resamples:
                first = runs[a].output.name, held[a].sample(reports[a])
                second = runs[b].output.name, held[b].sample(reports[b])
                tests.append(comparison(a, b, difference(first, second, how).sentence()))
    rows = _rows(truth, places, len(truth.maps), table, called)
    return Judged(
        kind="maps",
        source=truth.source,
        pictures=len(places),
        runs=tuple(_verdict(s, r, places, len(truth.maps), least) for s, r in zip(held, reports, strict=True)),
        truth=rows.to_json() | {"known": numbers(everywhere)},
        comparisons=tuple(tests),
        warnings=truth.warnings,
        per_class=_per_class(reports, table),
    )


def _called(runs: Sequence[Answers], names: Path | None) -> tuple[str, ...]:
    if names is not None:
        return class_names.read(names)
    labels: dict[int, str] = {}
    for run in runs:
        labels = labels_of(run.output) | labels
    highest = max((i for i in labels if 0 <= i < MOST_LABELS), default=-1)  # what a pixel of a map can hold
    return tuple(labels.get(i, str(i)) for i in range(highest + 1))


def _score(
    truth: MapTruth, run: Answers, places: Sequence[int], how: Resampling, called: tuple[str, ...]
) -> LabelMapScores:
    scores = LabelMapScores(maps.VOID, called, resamples=how.resamples, seed=how.seed)
    for place in places:
        record = run.output.records[run.record[place]]
        own = truth.maps[place]
        assert own is not None
        true, predicted = own(), maps.of_record(record, run.output)
        if true.shape != predicted.shape:
            (h, w), (h2, w2) = true.shape, predicted.shape
            raise DatasetError(
                f"{record.input}: the label map of {run.output.name} is {w2} x {h2} pixels, but the truth {w} x {h}."
            )
        scores.add(record.input, true, predicted)
    return scores


def _verdict(
    scores: LabelMapScores, report: LabelMapReport, places: Sequence[int], pictures: int, least: float
) -> RunVerdict:
    overlap = np.full(pictures, np.nan)
    overlap[list(places)] = [np.nan if p["miou"] is None else p["miou"] for p in scores.pictures]
    verdict = np.full(pictures, UNKNOWN, np.uint8)
    known = ~np.isnan(overlap)
    verdict[known] = np.where(overlap[known] >= least, RIGHT, WRONG)
    found = report.numbers()
    return RunVerdict(
        {"verdict": numbers(verdict), "miou": numbers(overlap)},
        {name: found[name] for name in HEADLINES},
        report.intervals,
    )


def _rows(truth: MapTruth, places: Sequence[int], pictures: int, table: ClassTable, called: tuple[str, ...]) -> Rows:
    """The true classes of each picture as masks, without the background."""
    found: dict[int, list[tuple[int, SmallMask]]] = {}
    for place in places:
        own = truth.maps[place]
        assert own is not None
        values = own()
        present = [v for v in np.unique(values).tolist() if v not in (BACKGROUND, maps.VOID)]
        found[place] = [
            (table.code(called[v] if v < len(called) else str(v), v), of_pixels(values == v)) for v in present
        ]
    ordered = [found.get(n, []) for n in range(pictures)]
    return Rows(
        starts(len(some) for some in ordered),
        np.array([code for some in ordered for code, _ in some], np.int64),
        np.full(sum(map(len, ordered)), np.nan),
        masks=tuple(mask for some in ordered for _, mask in some),
    )


def _per_class(reports: Sequence[LabelMapReport], table: ClassTable) -> dict[str, Any]:
    out: dict[str, list[float | None]] = {}
    for n, report in enumerate(reports):
        for one in report.classes:
            row = out.setdefault(str(table.code(one.label, one.label_id)), [None] * len(reports))
            row[n] = None if np.isnan(one.iou) else round(one.iou, 4)
    return {"IoU": out}
