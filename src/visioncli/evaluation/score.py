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
from visioncli.metrics.intervals import Intervals, Numbers, intervals, measured
from visioncli.metrics.paired import Comparison, compare
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
        right: Flags = self.sample.right
        return right


@dataclass(frozen=True, slots=True)
class Key:
    """How a network's columns are read for a set: `ids` has the column of each class of the set, UNKNOWN for none.

    One class a picture is the likeliest of all columns; where a picture may have any number, only the columns of the
    set's classes are looked at, for of others it says nothing. There a class is predicted from its threshold on:
    `thresholds` (C,), one half without.
    """

    ids: tuple[int, ...]
    labels: Mapping[int, str]
    multi_label: bool = False
    thresholds: tuple[float, ...] = ()

    @property
    def columns(self) -> list[int]:
        """Those of the set's classes."""
        return [i for i in self.ids if i != UNKNOWN]

    def sample(self, probabilities: NDArray[np.floating], truth: Sequence[Sequence[int]]) -> SingleLabel | MultiLabel:
        """N pictures with (N, C) probabilities, of which `truth` has the classes, as places in `ids`."""
        if not self.multi_label:
            if self.thresholds:  # of each class by itself: made to sum to one
                probabilities = probabilities / np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-30)
            return SingleLabel(probabilities, np.array([self.ids[classes[0]] for classes in truth], np.int64))
        marks = np.zeros((len(truth), len(self.ids)), bool)
        for row, classes in enumerate(truth):
            marks[row, list(classes)] = True
        known = np.array(self.ids) != UNKNOWN
        return MultiLabel(probabilities[:, self.columns], marks[:, known], self.limits)

    @property
    def limits(self) -> F64:
        """The thresholds of the set's classes."""
        return np.array([self.thresholds[i] if self.thresholds else HALF for i in self.columns], np.float64)


def score(key: Key, probabilities: NDArray[np.floating], truth: Sequence[Sequence[int]], how: Resampling) -> Scored:
    """The scores of N pictures, as `Key.sample` takes them."""
    sample = key.sample(probabilities, truth)
    if isinstance(sample, MultiLabel):
        labels = [key.labels[i] for i in key.columns]
        return Scored(sample, _report(sample, labels, list(range(len(labels))), how, key.limits))
    others = sorted(set(np.unique(sample.predicted).tolist()) - set(key.columns))
    labels = list(told_apart({i: key.labels.get(i, str(i)) for i in range(sample.classes)}).values())
    return Scored(sample, _report(sample, labels, [*key.columns, *others], how, None))


def compared(first: tuple[str, Scored], second: tuple[str, Scored], how: Resampling) -> Comparison:
    """`second` less `first` in each number of the whole: networks may have different classes."""
    names = second[0], first[0]
    return compare(_Whole(second[1].sample), _Whole(first[1].sample), names, how.resamples, how.seed)


class _Whole:
    """A sample without the numbers of its classes."""

    def __init__(self, sample: SingleLabel | MultiLabel) -> None:
        self._sample = sample
        self.right, self.multi_label, self.width = sample.right, sample.multi_label, sample.width

    def __len__(self) -> int:
        return len(self._sample)

    def measure(self, weights: F64) -> Numbers:
        numbers = self._sample.measure(weights)
        return Numbers(numbers.totals, total_shares=numbers.total_shares)


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


def told_apart(labels: Mapping[int, str]) -> dict[int, str]:
    """The names of classes by number; those of which there are several (ImageNet's cranes) with their number."""
    often = Counter(labels.values())
    return {i: f"{name} ({i})" if often[name] > 1 else name for i, name in labels.items()}
