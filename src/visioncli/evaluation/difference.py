"""Whether one of two networks is really better at finding objects, or at telling classes of pixels apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from visioncli.evaluation.score import Resampling
from visioncli.metrics.intervals import Intervals, Numbers, Sample, intervals, measured
from visioncli.metrics.paired import UNDECIDED, Difference, too_few, turned
from visioncli.metrics.report import plain

HEADLINES = ("AP", "miou")
"""The number that stands for all others: of objects, of label maps."""
SAME = frozenset({"truth"})
"""Numbers that say nothing of the networks."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectDifference:
    """`first` less `second`, on the same `pictures`: each number of the whole, with its interval."""

    first: str
    second: str
    pictures: int
    headline: str
    totals: dict[str, float]
    intervals: Intervals

    def sentence(self) -> str:
        """Which of the two is better, in plain words, and whether these pictures show it."""
        difference, ends = self.totals[self.headline], self.intervals.totals[self.headline]
        if np.isnan(difference) or np.isnan(ends).any():
            return too_few(self.first, self.second)
        better, worse, low, high = turned(self.first, self.second, difference, ends)
        said = f"{self.headline} of {better} is {abs(difference):.4f} above that of {worse}"
        if difference == 0:
            said = f"{self.headline} of {self.first} and {self.second} is the same"
        verdict = (
            UNDECIDED
            if low <= 0 <= high
            else f"the interval leaves out 0, so {better} is better on pictures like these."
        )
        return f"{said} [95 % interval {low:.4f} to {high:.4f}]: {verdict}"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; undefined numbers are null."""
        return {
            "first": self.first,
            "second": self.second,
            "pictures": self.pictures,
            "difference": {name: plain(value) for name, value in self.totals.items()},
            "intervals": self.intervals.to_json(),
            "sentence": self.sentence(),
        }


class _Whole:
    """A sample without the numbers of its classes, which two networks need not share."""

    def __init__(self, sample: Sample) -> None:
        self._sample, self.width = sample, sample.width

    def __len__(self) -> int:
        return len(self._sample)

    def measure(self, weights: np.ndarray) -> Numbers:
        numbers = self._sample.measure(weights)
        totals = {name: values for name, values in numbers.totals.items() if name not in SAME}
        return Numbers(totals)


def difference(first: tuple[str, Sample], second: tuple[str, Sample], how: Resampling) -> ObjectDifference:
    """`second` less `first`: later networks are compared with the first one."""
    both = Difference(_Whole(second[1]), _Whole(first[1]))
    numbers = measured(both).totals
    return ObjectDifference(
        first=second[0],
        second=first[0],
        pictures=len(both),
        headline=next(name for name in HEADLINES if name in numbers),
        totals={name: float(values[0]) for name, values in numbers.items()},
        intervals=intervals(both, how.resamples, how.seed, signed=True),
    )
