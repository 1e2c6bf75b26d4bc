"""What is reported of a classifier's answers: every number with its interval, by class, and the confusion table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.metrics.classification import MultiLabel, SingleLabel
from visioncli.metrics.intervals import FEWER_INTERVALS, MOST_CLASSES, RESAMPLES, Intervals, intervals, measured
from visioncli.metrics.report import ConfusionTable, class_ends_json, ends_json, plain

SCHEMA = "vision-eval/1"
FEW_PICTURES = 30
FIRST_FEW = 5


@dataclass(frozen=True, slots=True, eq=False)
class ClassificationReport:
    """How right a classifier is on `pictures` pictures.

    totals: numbers of the whole by name; by_class: (C,) float64 each, in the order of `labels`; both NaN where there
    is nothing to measure. intervals: None where none were asked for. confusion: (C, C) counts, rows are the true
    class, None where a picture has several classes. thresholds: (C,) from which on a class is predicted, None where
    a picture has one.
    """

    labels: tuple[str, ...]
    pictures: int
    totals: dict[str, float]
    by_class: dict[str, F64]
    intervals: Intervals | None = None
    confusion: ConfusionTable | None = None
    thresholds: F64 | None = None
    warnings: tuple[str, ...] = ()

    def numbers(self) -> dict[str, float]:
        """Every number of the whole by name."""
        return dict(self.totals)

    def class_numbers(self) -> dict[str, dict[str, float]]:
        """Every number of each class, by label and name."""
        return {label: self._of_class(k) for k, label in enumerate(self.labels)}

    def class_labels(self) -> tuple[str, ...]:
        """The classes in their order."""
        return self.labels

    def _of_class(self, place: int) -> dict[str, float]:
        numbers = {name: float(values[place]) for name, values in self.by_class.items()}
        return numbers | {"support": int(numbers["support"])}

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; undefined numbers are null, `intervals` are [low, high]."""
        classes: list[dict[str, Any]] = []
        for k, label in enumerate(self.labels):
            row: dict[str, Any] = {"label": label} | {n: plain(v) for n, v in self._of_class(k).items()}
            if self.thresholds is not None:
                row["threshold"] = float(self.thresholds[k])
            classes.append(row | class_ends_json(self.intervals, k))
        body: dict[str, Any] = {
            "schema": SCHEMA,
            "kind": "classes" if self.thresholds is None else "multi_label",
            "pictures": self.pictures,
            "total": {name: plain(value) for name, value in self.totals.items()},
        }
        body |= ends_json(self.intervals) | {"classes": classes}
        if self.confusion is not None:
            body["confusion"] = {"labels": list(self.confusion.labels), "counts": self.confusion.counts.tolist()}
        return body | {"warnings": list(self.warnings)}


def single_label_report(
    probabilities: NDArray[np.floating],
    truth: I64,
    labels: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ClassificationReport:
    """Score one class a picture: `probabilities` (N, C) float, `truth` (N,) int64; no intervals with 0 `resamples`.

    Raises ValueError as `SingleLabel` does, and where there is not one label a class.
    """
    sample = SingleLabel(probabilities, truth)
    return _report(
        sample, labels, resamples, seed, confusion=ConfusionTable(tuple(labels), sample.confusion()), thresholds=None
    )


def multi_label_report(
    probabilities: NDArray[np.floating],
    truth: Flags,
    thresholds: F64,
    labels: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ClassificationReport:
    """Score any number of classes a picture: `probabilities` (N, C) float, `truth` (N, C) bool, `thresholds` (C,).

    Raises ValueError as `MultiLabel` does, and where there is not one label a class.
    """
    sample = MultiLabel(probabilities, truth, thresholds)
    return _report(sample, labels, resamples, seed, confusion=None, thresholds=np.asarray(thresholds, np.float64))


def _report(
    sample: SingleLabel | MultiLabel,
    labels: Sequence[str],
    resamples: int,
    seed: int,
    *,
    confusion: ConfusionTable | None,
    thresholds: F64 | None,
) -> ClassificationReport:
    if len(labels) != sample.classes:
        raise ValueError(f"there are {sample.classes} classes, but {len(labels)} labels")
    numbers = measured(sample)
    by_class = {name: values[0] for name, values in numbers.classes.items()}
    return ClassificationReport(
        labels=tuple(labels),
        pictures=len(sample),
        totals={name: float(values[0]) for name, values in numbers.totals.items()},
        by_class=by_class,
        intervals=intervals(sample, resamples, seed) if resamples else None,
        confusion=confusion,
        thresholds=thresholds,
        warnings=tuple(_doubts(len(sample), by_class["support"], labels, resamples)),
    )


def _doubts(pictures: int, support: F64, labels: Sequence[str], resamples: int) -> list[str]:
    """Sentences about what the numbers cannot tell."""
    out = []
    empty = [label for label, count in zip(labels, support, strict=True) if not count]
    if empty and pictures:
        named = ", ".join(empty[:FIRST_FEW]) + (", …" if len(empty) > FIRST_FEW else "")
        classes = "1 class has" if len(empty) == 1 else f"{len(empty)} classes have"
        out.append(f"{classes} no picture here ({named}); the means over classes are of the others.")
    if resamples and len(labels) > MOST_CLASSES:
        out.append(FEWER_INTERVALS)
    if resamples and pictures < FEW_PICTURES:
        out.append(f"{pictures} pictures are few: the intervals are rough, and truly wider than they look.")
    return out
