"""What `vision iou` reports about two datasets, as frozen dataclasses and as JSON."""

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from visioncli.datasets.interface import F64, I64
from visioncli.metrics.intervals import Intervals

SCHEMA = "vision-iou/1"


def plain(value: float) -> float | None:
    """A number for JSON: null where it is undefined."""
    return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True)
class Counts:
    """How many objects there are, were found and were not; means and shares are NaN where there is nothing.

    `mean_iou` is the mean overlap of the matched pairs (OKS for keypoints).
    """

    truth: int
    matched: int
    missed: int
    spurious: int
    mean_iou: float

    @property
    def precision(self) -> float:
        """The share of detections that are right."""
        found = self.matched + self.spurious
        return self.matched / found if found else float("nan")

    @property
    def recall(self) -> float:
        """The share of objects that were found."""
        return self.matched / self.truth if self.truth else float("nan")

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        every = 2 * self.matched + self.missed + self.spurious
        return 2 * self.matched / every if every else float("nan")

    def numbers(self) -> dict[str, float]:
        """Every number by name."""
        return {
            "truth": self.truth,
            "matched": self.matched,
            "missed": self.missed,
            "spurious": self.spurious,
            "mean_iou": self.mean_iou,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One class: its counts and its average precisions."""

    label: str
    label_id: int | str | None
    counts: Counts
    precisions: dict[str, float]

    def numbers(self) -> dict[str, float]:
        """Every number by name."""
        return self.counts.numbers() | self.precisions


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecall:
    """Precision at 101 recalls from 0 to 1, (101,) float64, for one line of a plot."""

    label: str
    precision: F64
    average: float


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionTable:
    """`labels` of the classes and (C + 1, C + 1) counts; the last row is spurious, the last column missed."""

    labels: tuple[str, ...]
    counts: I64


class AnyReport(Protocol):
    """What gates, `--only` and the tables need of a report."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for standard error."""

    def numbers(self) -> dict[str, float]:
        """Every number of the whole by name."""

    def class_numbers(self) -> dict[str, dict[str, float]]:
        """Every number of each class, by label and name."""

    @property
    def intervals(self) -> Intervals | None:
        """The ends of their 95 % intervals; those of the classes in the order of `class_labels`."""

    def class_labels(self) -> tuple[str, ...]:
        """The classes of `intervals`."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; undefined numbers are null."""


def ends_json(intervals: Intervals | None) -> dict[str, Any]:
    """What is said of the intervals of the whole in a report's JSON; nothing where there are none."""
    if intervals is None:
        return {}
    settings = {"resamples": intervals.resamples, "seed": intervals.seed}
    return {"intervals": intervals.to_json(), "bootstrap": settings}


def class_ends_json(intervals: Intervals | None, place: int) -> dict[str, Any]:
    """The same of one class."""
    return {} if intervals is None or not intervals.has_classes else {"intervals": intervals.of_class(place)}


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """How detections match the truth: `kind` is boxes, masks or keypoints, `engine` who computed `official`.

    `inclusive` says that corners were read as Pascal VOC means them, the last pixel included.
    """

    kind: str
    truth: str
    predictions: str
    pictures: int
    iou: float
    score: float
    engine: str
    total: Counts
    official: dict[str, float]
    voc: dict[str, float]
    classes: tuple[ClassReport, ...]
    confusion: ConfusionTable
    curves: tuple[PrecisionRecall, ...] = ()
    warnings: tuple[str, ...] = ()
    inclusive: bool = False
    intervals: Intervals | None = None

    def numbers(self) -> dict[str, float]:
        """Every number of the whole by name."""
        return self.official | self.voc | self.total.numbers()

    def class_numbers(self) -> dict[str, dict[str, float]]:
        """Every number of each class, by label and name."""
        return {c.label: c.numbers() for c in self.classes}

    def class_labels(self) -> tuple[str, ...]:
        """The classes in their order."""
        return tuple(c.label for c in self.classes)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; undefined numbers are null (the COCO API says -1)."""
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "truth": self.truth,
            "predictions": self.predictions,
            "pictures": self.pictures,
            "iou": self.iou,
            "score": self.score,
            "engine": self.engine,
            "inclusive": self.inclusive,
            "coco": {k: plain(v) for k, v in self.official.items()},
            "voc": {k: plain(v) for k, v in self.voc.items()},
            "total": {k: plain(v) for k, v in self.total.numbers().items()},
            **ends_json(self.intervals),
            "classes": [
                {"label": c.label, "label_id": c.label_id}
                | {k: plain(v) for k, v in c.numbers().items()}
                | class_ends_json(self.intervals, place)
                for place, c in enumerate(self.classes)
            ],
            "confusion": {
                "labels": list(self.confusion.labels),
                "counts": self.confusion.counts.tolist(),
            },
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class ClassPixels:
    """One class of label maps: pixels that are truly of it, that were predicted so, and that are both."""

    label: str
    label_id: int
    truth: int
    predicted: int
    both: int

    @property
    def iou(self) -> float:
        """Intersection over union; NaN where neither side has the class."""
        union = self.truth + self.predicted - self.both
        return self.both / union if union else float("nan")

    @property
    def dice(self) -> float:
        """Twice the intersection over the sum; NaN where neither side has the class."""
        total = self.truth + self.predicted
        return 2 * self.both / total if total else float("nan")

    def numbers(self) -> dict[str, float]:
        """Every number by name."""
        recall = self.both / self.truth if self.truth else float("nan")
        precision = self.both / self.predicted if self.predicted else float("nan")
        return {
            "truth": self.truth,
            "predicted": self.predicted,
            "both": self.both,
            "iou": self.iou,
            "dice": self.dice,
            "precision": precision,
            "recall": recall,
        }


def _mean(values: list[float]) -> float:
    known = np.array([v for v in values if not math.isnan(v)])
    return float(known.mean()) if known.size else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class LabelMapReport:
    """How label maps match. Classes that neither side has do not enter the means."""

    truth: str
    predictions: str
    pictures: int
    pixels: int
    right: int
    ignore_index: int | None
    classes: tuple[ClassPixels, ...]
    confusion: ConfusionTable
    warnings: tuple[str, ...] = field(default=())
    intervals: Intervals | None = None

    def numbers(self) -> dict[str, float]:
        """Every number of the whole by name."""
        miou = _mean([c.iou for c in self.classes])
        return {
            "miou": miou,
            "mean_iou": miou,
            "dice": _mean([c.dice for c in self.classes]),
            "pixel_accuracy": self.right / self.pixels if self.pixels else float("nan"),
        }

    def class_numbers(self) -> dict[str, dict[str, float]]:
        """Every number of each class, by label and name."""
        return {c.label: c.numbers() for c in self.classes}

    def class_labels(self) -> tuple[str, ...]:
        """The classes in their order."""
        return tuple(c.label for c in self.classes)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; undefined numbers are null."""
        return {
            "schema": SCHEMA,
            "kind": "label_maps",
            "truth": self.truth,
            "predictions": self.predictions,
            "pictures": self.pictures,
            "pixels": self.pixels,
            "ignore_index": self.ignore_index,
            "total": {k: plain(v) for k, v in self.numbers().items()},
            **ends_json(self.intervals),
            "classes": [
                {"label": c.label, "label_id": c.label_id}
                | {k: plain(v) for k, v in c.numbers().items()}
                | class_ends_json(self.intervals, place)
                for place, c in enumerate(self.classes)
            ],
            "confusion": {
                "labels": list(self.confusion.labels),
                "counts": self.confusion.counts.tolist(),
            },
            "warnings": list(self.warnings),
        }
