"""What judges find of runs, whatever the truth is: numbers, sentences, and columns for each run and for the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visioncli.datasets.interface import F64, Flags
from visioncli.metrics.calibration import Reliability, reliability
from visioncli.metrics.intervals import Intervals
from visioncli.report.columns import finite

UNKNOWN, RIGHT, WRONG = 0, 1, 2
"""What is known of a run's answer to a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class RunVerdict:
    """Of one run: `columns` beside those of its answers, the numbers of the whole with the ends of their intervals,
    and the calibration curve."""

    columns: dict[str, Any]
    numbers: Mapping[str, float] = field(default_factory=dict)
    intervals: Intervals | None = None
    calibration: Reliability | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """All runs against one truth.

    `kind` is classes, labels (several a picture), boxes, masks, keypoints or maps; `pictures` are those that the
    numbers are of. `sentences` say which run is better, by the paired tests of `vision eval`. `truth` are the truth's
    columns. `per_class` are numbers of single classes: name of the number -> class code -> one value a run.
    """

    kind: str
    source: str
    pictures: int
    runs: tuple[RunVerdict, ...]
    truth: dict[str, Any]
    comparisons: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    per_class: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All but the columns of the runs, as the page takes it."""
        return {
            "kind": self.kind,
            "source": self.source,
            "pictures": self.pictures,
            "numbers": _numbers(self.runs),
            "comparisons": list(self.comparisons),
            "calibration": [_bins(run.calibration) for run in self.runs],
            "perClass": self.per_class,
            "rows": self.truth,
        }


def calibration_of(confidence: F64, right: Flags) -> Reliability | None:
    """The curve of `vision train`; None where there is nothing to draw it from."""
    known = ~np.isnan(confidence)
    return reliability(confidence[known], right[known]) if known.any() else None


def comparison(first: int, second: int, sentence: str, **facts: Any) -> dict[str, Any]:
    """A paired test of two runs, by their places."""
    return {"first": first, "second": second, "sentence": sentence, **facts}


def _numbers(runs: Sequence[RunVerdict]) -> list[dict[str, Any]]:
    found = []
    for name in dict.fromkeys(name for run in runs for name in run.numbers):
        values: list[Any] = []
        for run in runs:
            ends = None if run.intervals is None else run.intervals.totals.get(name)
            row = [finite(run.numbers.get(name, float("nan")))]
            values.append(row if ends is None else [*row, *(finite(float(end)) for end in ends)])
        found.append({"name": name, "values": values})
    return found


def _bins(curve: Reliability | None) -> dict[str, Any] | None:
    if curve is None:
        return None
    return {
        "edges": [finite(v) for v in curve.edges.tolist()],
        "pictures": curve.pictures.tolist(),
        "confidence": [finite(v) for v in curve.confidence.tolist()],
        "accuracy": [finite(v) for v in curve.accuracy.tolist()],
    }
