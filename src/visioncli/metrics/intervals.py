"""95 % intervals for every number of a report, by bootstrap over pictures (Efron 1979).

A sample says what its numbers are when each picture counts with a weight; weight 1 everywhere gives the numbers
themselves, and a resample is how often each of its pictures was drawn. Whatever is costly (sorting, matching) is done
once, before any weight is known.

The interval is the percentile one: it never leaves the range of its number, it needs no formula for any of them, and
over pictures, which are the unit that was sampled, it holds for boxes as for classes. The calibration error is the
exception, since noise alone raises it: its resamples lie above it, so their distance from it is reflected instead
(the basic bootstrap), cut at 0. Where all pictures say the same, every resample does too, and a width of zero would
claim to know what twenty pictures cannot tell: a share of 0 or 1 gets the exact bounds of Clopper and Pearson (1934).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from visioncli.datasets.interface import F64, I64

RESAMPLES = 1000
LEVEL = 0.95
CELLS_AT_ONCE = 1 << 21
"""Weights held at once, a resample and a picture each: 16 MiB."""
RAISED_BY_NOISE = frozenset(["ece"])


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Numbers of B weightings: of the whole (B,) float64 each, of each class (B, C) float64; NaN where undefined.

    `shares` says of which pictures or objects a number is the share, (B,) or (B, C), in the same two tables.
    """

    totals: dict[str, F64]
    classes: dict[str, F64] = field(default_factory=dict)
    total_shares: dict[str, F64] = field(default_factory=dict)
    class_shares: dict[str, F64] = field(default_factory=dict)


class Sample(Protocol):
    """What can be resampled: pictures, and the numbers that they give together."""

    def __len__(self) -> int:
        """How many pictures there are, N."""

    def measure(self, weights: F64) -> Numbers:
        """The numbers where pictures count with `weights`, (B, N) float64."""


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """The ends of each interval, (2,) float64 for a number of the whole and (2, C) for one of the classes.

    NaN where the number is undefined, or there are fewer than two pictures to draw from.
    """

    totals: dict[str, F64]
    classes: dict[str, F64]
    resamples: int
    seed: int

    def to_json(self) -> dict[str, list[float] | None]:
        """[low, high] of each number of the whole; null where there is none."""
        return {name: pair(ends) for name, ends in self.totals.items()}

    def of_class(self, place: int) -> dict[str, list[float] | None]:
        """The same of one class."""
        return {name: pair(ends[:, place]) for name, ends in self.classes.items()}


def pair(ends: F64) -> list[float] | None:
    """[low, high] for JSON, null where undefined."""
    return None if np.isnan(ends).any() else [float(ends[0]), float(ends[1])]


def draws(pictures: int, resamples: int, seed: int) -> Iterator[F64]:
    """How often each picture is drawn, in blocks of (B, N) float64; the blocks do not change what is drawn."""
    rng = np.random.default_rng(seed)
    at_once = max(1, CELLS_AT_ONCE // max(1, pictures))
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        drawn = rng.integers(0, pictures, (count, pictures))
        drawn += (np.arange(count) * pictures)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * pictures).reshape(count, pictures).astype(np.float64)


def measured(sample: Sample) -> Numbers:
    """The numbers themselves, B = 1."""
    return sample.measure(np.ones((1, len(sample))))


def resampled(sample: Sample, resamples: int, seed: int) -> Numbers:
    """The numbers of every resample, B of them; one seed draws the same pictures of any sample of this length."""
    parts = [sample.measure(weights) for weights in draws(len(sample), resamples, seed)]
    return Numbers(
        {name: np.concatenate([p.totals[name] for p in parts]) for name in parts[0].totals},
        {name: np.concatenate([p.classes[name] for p in parts]) for name in parts[0].classes},
    )


def intervals(sample: Sample, resamples: int = RESAMPLES, seed: int = 0, *, signed: bool = False) -> Intervals:
    """A 95 % interval for every number of the sample, which are differences where it is `signed`."""
    numbers = measured(sample)
    if len(sample) < 2 or resamples < 1:
        return Intervals(
            {name: np.full(2, np.nan) for name in numbers.totals},
            {name: np.full((2, values.shape[1]), np.nan) for name, values in numbers.classes.items()},
            resamples,
            seed,
        )
    drawn = resampled(sample, resamples, seed)
    totals = {}
    for name, values in numbers.totals.items():
        ends = interval(name, values[0], drawn.totals[name], signed=signed)
        totals[name] = _bounded(values[0], numbers.total_shares.get(name), ends)
    classes = {}
    for name, values in numbers.classes.items():
        ends = interval(name, values[0], drawn.classes[name], signed=signed)
        classes[name] = _bounded(values[0], numbers.class_shares.get(name), ends)
    return Intervals(totals, classes, resamples, seed)


def interval(name: str, number: float | F64, drawn: F64, *, signed: bool = False) -> F64:
    """(2,) or (2, C) the ends for a number (or (C,) of them) and its resamples, (B,) or (B, C).

    Resamples in which the number is undefined (none of a class was drawn) say nothing and are left out.
    """
    ends = quantiles(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    if name in RAISED_BY_NOISE:
        ends = 2 * np.asarray(number) - ends[::-1]
        ends = ends if signed else np.maximum(ends, 0.0)
    ends[:, np.isnan(number)] = np.nan
    return ends


def quantiles(drawn: F64, levels: tuple[float, ...]) -> F64:
    """Quantiles along the first axis without the NaN, interpolated; NaN where there is nothing else."""
    ordered = np.sort(drawn, axis=0)  # NaN last
    last = (~np.isnan(ordered)).sum(axis=0) - 1
    out = []
    for level in levels:
        at = level * np.maximum(last, 0)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(last, 0))
        below, above = (np.take_along_axis(ordered, k[None], axis=0)[0] for k in (low, high))
        out.append(np.where(last < 0, np.nan, below + (at - low) * (above - below)))
    return np.array(out)


def _bounded(number: F64, share_of: F64 | None, ends: F64) -> F64:
    """`ends`, with exact bounds where the number is a share of 0 or 1."""
    if share_of is None:
        return ends
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = 1 - ((1 - LEVEL) / 2) ** (1 / share_of[0])
    low = np.where(number == 1, 1 - reach, np.where(number == 0, 0.0, ends[0]))
    high = np.where(number == 0, reach, np.where(number == 1, 1.0, ends[1]))
    return np.array([low, high])


def group_sums(weights: F64, group: I64, groups: int, contribution: F64 | None = None) -> F64:
    """(B, G) sums over the pictures of each group of (B, N) weights, times a contribution (N,) of each picture."""
    rows = len(weights)
    at = (np.arange(rows) * groups)[:, None] + group
    values = weights if contribution is None else weights * contribution
    sums: F64 = np.bincount(at.ravel(), values.ravel(), minlength=rows * groups).astype(np.float64, copy=False)
    return sums.reshape(rows, groups)
