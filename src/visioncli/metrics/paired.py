"""Whether one of two models is really better: both on the same pictures, compared picture by picture.

Two intervals that overlap say little, since what is hard is hard for both; the interval of the difference is the one
to look at, over resamples that draw the same pictures for both.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from visioncli.datasets.interface import F64, Flags
from visioncli.metrics.intervals import RESAMPLES, Intervals, Numbers, Sample, intervals, measured, pair
from visioncli.metrics.report import plain

SIGNIFICANT = 0.05


class Answers(Sample, Protocol):
    """A sample that knows which pictures are right: `SingleLabel`, `MultiLabel` (right in every class)."""

    multi_label: bool

    @property
    def right(self) -> Flags:
        """(N,) bool."""


@dataclass(frozen=True, slots=True)
class McNemar:
    """How many pictures only one of the two has right, and how likely at least so uneven a split is by chance."""

    only_first: int
    only_second: int
    p: float


def mcnemar(first: Flags, second: Flags) -> McNemar:
    """The exact mid-p test of McNemar (Fagerland, Lydersen and Laake 2013) of two (N,) bool; two-sided.

    Among pictures that only one has right, each is as likely to be that one if both are equally good. Of the split
    that was seen only half the probability counts, without which the exact test is too careful.
    """
    ones, others = int((first & ~second).sum()), int((second & ~first).sum())
    return McNemar(ones, others, _mid_p(min(ones, others), ones + others))


def _mid_p(fewer: int, tries: int) -> float:
    """2 P(X < fewer) + P(X = fewer) of X ~ Binomial(tries, 1/2), by logarithms, as the terms underflow."""
    k = np.arange(fewer, dtype=np.float64)
    logs = np.concatenate(([0.0], np.cumsum(np.log((tries - k) / (k + 1))))) - tries * np.log(2)
    terms = np.exp(logs)
    return min(1.0, float(2 * terms[:-1].sum() + terms[-1]))


class Difference:
    """The numbers of one sample less those of another, with the same weights for both."""

    def __init__(self, first: Sample, second: Sample) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first)

    @property
    def width(self) -> int:
        """How many numbers a weighting takes."""
        return self._first.width + self._second.width

    def measure(self, weights: F64) -> Numbers:
        """The differences, where pictures count with `weights`, (B, N) float64."""
        first, second = self._first.measure(weights), self._second.measure(weights)
        return Numbers(
            {name: values - second.totals[name] for name, values in first.totals.items()},
            {name: values - second.classes[name] for name, values in first.classes.items() if name != "support"},
        )


UNDECIDED = "the interval includes 0, so these pictures do not show that one is better."


def too_few(first: str, second: str) -> str:
    """What is said where there is no interval."""
    return f"There are too few pictures to compare {first} with {second}."


def turned(first: str, second: str, difference: float, ends: F64) -> tuple[str, str, float, float]:
    """The better one, the worse one, and the ends of the interval of what is between them, in this direction."""
    if difference >= 0:
        return first, second, float(ends[0]), float(ends[1])
    return second, first, float(-ends[1]), float(-ends[0])


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """`first` less `second`, on the same `pictures`.

    totals: the difference of each number of the whole; by_class: (C,) float64 of each number of a class; NaN where
    one of the two is undefined. `intervals` are theirs. `exact` is McNemar's test of accuracy.
    """

    first: str
    second: str
    pictures: int
    totals: dict[str, float]
    by_class: dict[str, F64]
    intervals: Intervals
    exact: McNemar
    multi_label: bool = False

    @property
    def accuracy(self) -> str:
        """The name of the number that is the share of right pictures."""
        return "subset_accuracy" if self.multi_label else "top1"

    def sentence(self) -> str:
        """Which of the two is better, in plain words, and whether these pictures show it."""
        difference, ends = self.totals[self.accuracy], self.intervals.totals[self.accuracy]
        if np.isnan(ends).any():
            return too_few(self.first, self.second)
        what = "right in every class" if self.multi_label else "right"
        if not self.exact.only_first + self.exact.only_second:
            return f"{self.first} and {self.second} are {what} on the same pictures, so these do not tell them apart."
        better, worse, low, high = turned(self.first, self.second, difference, ends)
        more = f"{better} is {what} on {100 * abs(difference):.1f} % more pictures than {worse}"
        if difference == 0:
            more = f"{self.first} and {self.second} are {what} on equally many pictures"
        return f"{more} [95 % interval {100 * low:.1f} to {100 * high:.1f} %]: {self._verdict(low, high, better)}"

    def _verdict(self, low: float, high: float, better: str) -> str:
        chance = f"exact McNemar test p {_shown(self.exact.p)}"
        if low <= 0 <= high:
            return UNDECIDED
        if self.exact.p >= SIGNIFICANT:
            return f"the interval just leaves out 0, but the {chance} is not below 0.05: more pictures are needed."
        return f"the interval leaves out 0, so {better} is better on pictures like these ({chance})."

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; undefined numbers are null."""
        return {
            "first": self.first,
            "second": self.second,
            "pictures": self.pictures,
            "difference": {name: plain(value) for name, value in self.totals.items()},
            "intervals": self.intervals.to_json(),
            "bootstrap": {"resamples": self.intervals.resamples, "seed": self.intervals.seed},
            "classes": {
                name: {
                    "difference": [plain(float(v)) for v in values],
                    "intervals": [pair(ends) for ends in self.intervals.classes[name].T],
                }
                for name, values in self.by_class.items()
            },
            "mcnemar": {
                "only_first": self.exact.only_first,
                "only_second": self.exact.only_second,
                "p": self.exact.p,
            },
            "sentence": self.sentence(),
        }


def compare(
    first: Answers, second: Answers, names: tuple[str, str], resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare two models' answers on the same pictures, in the same order.

    Raises ValueError where the two have not as many pictures and the same numbers.
    """
    if len(first) != len(second) or first.multi_label is not second.multi_label:
        raise ValueError("both models must answer the same pictures, with as many classes a picture")
    both = Difference(first, second)
    numbers = measured(both)
    return Comparison(
        first=names[0],
        second=names[1],
        pictures=len(first),
        totals={name: float(values[0]) for name, values in numbers.totals.items()},
        by_class={name: values[0] for name, values in numbers.classes.items()},
        intervals=intervals(both, resamples, seed, signed=True),
        exact=mcnemar(first.right, second.right),
        multi_label=first.multi_label,
    )


def _shown(p: float) -> str:
    return "below 0.0001" if p < 1e-4 else f"= {p:.2g}"
