"""A network's answers against the truth: its report, and what comparisons and slices are made of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.evaluation.classes import UNKNOWN
from visioncli.metrics.classification import MultiLabel, SingleLabel
from visioncli.metrics.classification_report import ClassificationReport
from visioncli.metrics.intervals import Intervals, intervals, measured
from visioncli.metrics.report import ConfusionTable

FEW_PICTURES = 30
HALF = 0.5
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece", "hamming_loss"})


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made: so many resamples (0: none), from this seed."""

    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A network on N pictures. `right` (N,) says of which everything was right; `headline` is its number's name."""

    sample: SingleLabel | MultiLabel
    report: ClassificationReport

    @property
    def headline(self) -> str:
        """The number that stands for all others."""
        return "subset_accuracy" if isinstance(self.sample, MultiLabel) else "top1"

    @property
    def right(self) -> Flags:
        """(N,) bool."""
        sample = self.sample
        return sample.wrong == 0 if isinstance(sample, MultiLabel) else sample.right


def score(
    probabilities: NDArray[np.floating],
    truth: Sequence[Sequence[int]],
    ids: Sequence[int],
    labels: Mapping[int, str],
    how: Resampling,
    *,
    multi_label: bool = False,
    thresholds: Sequence[float] = (),
) -> Scored:
    """Scores of N pictures with (N, C) probabilities, of which `truth` has the classes, as places in `ids`.

    `ids` are the columns of the classes of the set. One class a picture is the likeliest of all columns; where a
    picture may have any number, only the columns of the set's classes are looked at, for of others it says nothing.
    `thresholds` (C,) are those from which on a class is predicted there, one half without.
    """
    sample: SingleLabel | MultiLabel
    if multi_label:
        known = [k for k, i in enumerate(ids) if i != UNKNOWN]
        columns = [ids[k] for k in known]
        marks = np.zeros((len(truth), len(ids)), bool)
        for row, classes in enumerate(truth):
            marks[row, list(classes)] = True
        limits = np.array([thresholds[i] if thresholds else HALF for i in columns], np.float64)
        sample = MultiLabel(probabilities[:, columns], marks[:, known], limits)
        return Scored(sample, _report(sample, [labels[i] for i in columns], list(range(len(columns))), how, limits))
    sample = SingleLabel(probabilities, np.array([ids[classes[0]] for classes in truth], np.int64))
    own = [i for i in ids if i != UNKNOWN]
    others = sorted(set(np.unique(sample.predicted).tolist()) - set(own))
    return Scored(sample, _report(sample, _told_apart(labels, sample.classes), [*own, *others], how, None))


def intervals_of(sample: SingleLabel | MultiLabel, how: Resampling) -> Intervals | None:
    """Intervals for all numbers, None where none are wanted."""
    return intervals(sample, how.resamples, how.seed) if how.resamples else None


def _report(
    sample: SingleLabel | MultiLabel, labels: Sequence[str], kept: list[int], how: Resampling, thresholds: F64 | None
) -> ClassificationReport:
    """The report of some of the sample's classes: of a network's thousand, those that occur."""
    numbers, found = measured(sample), intervals_of(sample, how)
    if found is not None:
        classes = {name: ends[:, kept] for name, ends in found.classes.items()}
        found = Intervals(found.totals, classes, found.resamples, found.seed)
    names = tuple(labels[k] for k in kept)
    return ClassificationReport(
        labels=names,
        pictures=len(sample),
        totals={name: float(values[0]) for name, values in numbers.totals.items()},
        by_class={name: values[0][kept] for name, values in numbers.classes.items()},
        intervals=found,
        confusion=None if isinstance(sample, MultiLabel) else ConfusionTable(names, _confusion(sample, kept)),
        thresholds=thresholds,
    )


def _confusion(sample: SingleLabel, kept: list[int]) -> I64:
    """(K, K) pictures by true class and predicted one. All that occur are among those kept."""
    place = np.zeros(sample.classes, np.int64)
    place[kept] = np.arange(len(kept))
    at = place[sample.truth] * len(kept) + place[sample.predicted]
    return np.bincount(at, minlength=len(kept) ** 2).reshape(len(kept), len(kept))


def _told_apart(labels: Mapping[int, str], count: int) -> list[str]:
    """A name for each column; those of which there are several (ImageNet's cranes) with their number."""
    names = [labels.get(i, str(i)) for i in range(count)]
    often = Counter(names)
    return [f"{name} ({i})" if often[name] > 1 else name for i, name in enumerate(names)]
