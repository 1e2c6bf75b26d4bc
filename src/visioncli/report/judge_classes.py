"""Classes of whole pictures: which answers are right, by how much, and whether one run is better.

Records hold the likeliest classes, not all. What rests on the others (log loss, Brier score, top-5 of fewer than
five) is left out of the numbers; everything else is exactly what `vision eval` says of the same answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.evaluation.classes import UNKNOWN as NO_CLASS
from visioncli.evaluation.classes import match
from visioncli.evaluation.score import HALF, Key, Resampling, Scored, compared, score, told_apart
from visioncli.metrics.classification import SMALLEST, TOP, SingleLabel
from visioncli.metrics.paired import mcnemar
from visioncli.report.classes import ClassTable, labels_of
from visioncli.report.columns import finite, numbers, starts
from visioncli.report.judged import RIGHT, UNKNOWN, WRONG, Judged, RunVerdict, calibration_of, comparison
from visioncli.report.objects import Answers
from visioncli.report.truth import ClassTruth

SUMS_TO_MORE = 1.001
"""Scores of one class a picture never add up to more."""
NOT_KNOWN = ("log_loss", "brier", "mAP")


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """A run's answers as a table: `chances` (N, C) float32, zero where a record does not say; `key` reads it."""

    answers: Answers
    chances: NDArray[np.float32]
    key: Key
    known: Flags
    deepest: int

    def sample(self, truth: Sequence[tuple[int, ...] | None], rows: I64) -> Any:
        return self.key.sample(self.chances[rows], [truth[n] or () for n in rows.tolist()])


def judge(truth: ClassTruth, runs: Sequence[Answers], table: ClassTable, how: Resampling) -> Judged:
    """All runs on the pictures that have an answer. Raises UsageError where classes cannot be told apart by name."""
    answered = np.array([labels is not None for labels in truth.labels], bool)
    sheets = [_sheet(run, truth, answered) for run in runs]
    everywhere = answered.copy()
    for sheet in sheets:
        everywhere &= sheet.known
    rows = np.flatnonzero(everywhere)
    scored = [_scored(sheet, truth, rows, how) for sheet in sheets] if len(rows) else []
    verdicts = tuple(
        _verdict(sheet, truth, np.flatnonzero(answered & sheet.known), scored[k] if scored else None)
        for k, sheet in enumerate(sheets)
    )
    tests = [_test(a, b, runs, scored, how) for a in range(len(scored)) for b in range(a + 1, len(scored))]
    shared = sheets[0].key
    columns = [_code(table, shared.labels, column) for column in shared.ids]
    return Judged(
        kind="labels" if truth.multi_label else "classes",
        source=truth.source,
        pictures=len(rows),
        runs=verdicts,
        truth={
            "known": numbers(answered),
            "start": numbers(starts(len(labels or ()) for labels in truth.labels)),
            "label": numbers(np.array([columns[k] for labels in truth.labels for k in labels or ()], np.int64)),
        },
        comparisons=tuple(tests),
        warnings=truth.warnings,
    )


def _code(table: ClassTable, labels: Mapping[int, str], column: int) -> int:
    return table.code(labels[column])


def _sheet(run: Answers, truth: ClassTruth, answered: Flags) -> _Sheet:
    labels = labels_of(run.output)
    ids = list(match(truth.classes, labels, run.output.model or run.output.name).ids)
    fresh = max(labels, default=-1) + 1
    for k, number in enumerate(ids):
        if number == NO_CLASS:  # a class that this network does not have is never right
            ids[k], fresh = fresh, fresh + 1
    names = labels | {number: name for number, name in zip(ids, truth.classes, strict=True) if number not in labels}
    apart = told_apart(names)
    used = sorted({p.label_id for r in run.output.records for p in r.predictions or ()} | set(ids))
    column = {number: n for n, number in enumerate(used)}
    chances = np.zeros((len(run.record), len(used)), np.float32)
    known = run.ok
    deepest, most = 0, 0.0
    nothing = False
    for row in np.flatnonzero(known).tolist():
        found = run.output.records[run.record[row]].predictions or ()
        for p in found:
            chances[row, column[p.label_id]] = max(p.score, SMALLEST)
        deepest = max(deepest, len(found))
        most, nothing = max(most, sum(p.score for p in found)), nothing or not found
    # A network that was trained for several labels says only those that reach their thresholds.
    limit = SMALLEST if most > SUMS_TO_MORE or nothing else HALF
    key = Key(
        tuple(column[number] for number in ids),
        {n: apart[number] for number, n in column.items()},
        truth.multi_label,
        (limit,) * len(used) if truth.multi_label else (),
    )
    return _Sheet(run, chances, key, known, deepest)


def _scored(sheet: _Sheet, truth: ClassTruth, rows: I64, how: Resampling) -> Scored:
    return score(sheet.key, sheet.chances[rows], [truth.labels[n] or () for n in rows.tolist()], how)


def _verdict(sheet: _Sheet, truth: ClassTruth, rows: I64, scored: Scored | None) -> RunVerdict:
    pictures = len(sheet.answers.record)
    verdict = np.full(pictures, UNKNOWN, np.uint8)
    margin, loss = np.full(pictures, np.nan), np.full(pictures, np.nan)
    found: dict[str, float] = {}
    curve = None
    _fill_margins(sheet, margin)
    if len(rows):
        sample = sheet.sample(truth.labels, rows)
        verdict[rows] = np.where(sample.right, RIGHT, WRONG)
        if isinstance(sample, SingleLabel):
            loss[rows] = _losses(sheet, sample, rows)
            curve = calibration_of(sample.confidence, sample.right)
    if scored is not None:
        unknown = {*NOT_KNOWN, *(("top5",) if sheet.deepest < TOP else ())}
        found = {name: value for name, value in scored.report.totals.items() if name not in unknown}
    columns = {"verdict": numbers(verdict), "margin": numbers(margin), "loss": numbers(loss)}
    return RunVerdict(columns, found, None if scored is None else scored.report.intervals, curve)


def _fill_margins(sheet: _Sheet, margin: F64) -> None:
    """How far the likeliest class is ahead of the next."""
    run = sheet.answers
    for row in np.flatnonzero(sheet.known).tolist():
        best = sorted((p.score for p in run.output.records[run.record[row]].predictions or ()), reverse=True)
        if best:
            margin[row] = best[0] - (best[1] if len(best) > 1 else 0.0)


def _losses(sheet: _Sheet, sample: SingleLabel, rows: I64) -> F64:
    """-log of the true class's probability; where the record does not name it, at least what is left for it."""
    chances = sheet.chances[rows].astype(np.float64)
    own = chances[np.arange(len(rows)), sample.truth]
    least = np.where(chances > 0, chances, np.inf).min(axis=1)
    left = np.clip(np.minimum(least, 1 - chances.sum(axis=1)), SMALLEST, 1)
    return np.where(own > 0, sample.loss, -np.log(left))


def _test(a: int, b: int, runs: Sequence[Answers], scored: Sequence[Scored], how: Resampling) -> dict[str, Any]:
    """Whether one of two runs is better, as `vision eval` says it."""
    if not how.resamples:
        exact = mcnemar(scored[a].right, scored[b].right)
        alone = exact.only_first + exact.only_second
        sentence = f"McNemar's exact test over the {alone} pictures that only one run has right: p = {exact.p:.2g}."
        return comparison(a, b, sentence, p=finite(exact.p))
    found = compared((runs[b].output.name, scored[b]), (runs[a].output.name, scored[a]), how)
    return comparison(a, b, found.sentence(), p=finite(found.exact.p))
