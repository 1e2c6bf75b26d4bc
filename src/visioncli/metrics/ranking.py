"""Sums and curves over pictures that count with weights: what the intervals of `vision iou` are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.metrics.classification import blocks, ratio

I32 = NDArray[np.int32]


class Sums:
    """Values of pictures and classes, to be added up by class.

    picture, group: (E,) int64; values: (E, F) float64. Entries of one picture and class become one.
    """

    def __init__(self, picture: I64, group: I64, values: F64, groups: int) -> None:
        self._groups = groups
        order = np.lexsort((picture, group))
        p, g = picture[order], group[order]
        first = np.flatnonzero(np.append(True, (p[1:] != p[:-1]) | (g[1:] != g[:-1]))[: len(p)])
        self._picture, self._group = p[first], g[first]
        self._values = np.add.reduceat(values[order], first, axis=0) if len(first) else values[order]
        self._starts = np.flatnonzero(np.append(True, self._group[1:] != self._group[:-1])[: len(first)])

    def joined(self, other: "Sums") -> "Sums":
        """The sums of both."""
        return Sums(
            np.concatenate([self._picture, other._picture]),
            np.concatenate([self._group, other._group]),
            np.concatenate([self._values, other._values]),
            self._groups,
        )

    def has(self, group: int, value: int) -> bool:
        """Whether a class has anything of a value."""
        span = slice(*np.searchsorted(self._group, [group, group + 1]).tolist())
        return bool(self._values[span, value].any())

    def pictures_with(self, values: tuple[int, ...]) -> F64:
        """(G,) float64 how many pictures have anything of these values, by class."""
        there = self._values[:, list(values)].any(axis=1)
        return np.bincount(self._group[there], minlength=self._groups).astype(np.float64)

    def weighted(self, weights: F64) -> F64:
        """(B, G, F) sums, where pictures count with (B, N) weights."""
        out = np.zeros((len(weights), self._groups, self._values.shape[1]))
        if not len(self._starts):
            return out
        present = self._group[self._starts]
        for rows in blocks(len(weights), len(self._picture)):
            counts = weights[rows][:, self._picture]
            for f in np.flatnonzero(self._values.any(axis=0)):
                out[rows, present, f] = np.add.reduceat(counts * self._values[:, f], self._starts, axis=1)
        return out


class Ranking:
    """Detections of one class by falling score, judged in S settings (thresholds), with weights to come.

    picture: (D,) int64; inside: (D,) which count where nothing else is said; touched: (M,) places of those of which
    something else is said; hit: (M, S) which of these are right; change: (M, S) int8 which count after all, 1, or not
    after all, -1; rank: (D,) the place of each within its picture.

    A curve changes its direction only at what is right, so only there it is computed.
    """

    def __init__(
        self, picture: I64, inside: Flags, touched: I64, hit: Flags, change: NDArray[np.int8], rank: I32 | None = None
    ) -> None:
        self.picture = picture.astype(np.int32)
        self.inside = None if inside.all() else inside
        settings = hit.shape[1]
        setting, row = np.nonzero(hit.T)
        self.hit = touched[row].astype(np.int32)
        self.setting = setting.astype(np.int32)
        self.rank_of_hit = None if rank is None else rank[self.hit]
        self.bounds = np.searchsorted(setting, np.arange(settings + 1))
        changed, row = np.nonzero(change.T)
        self.change_at = touched[row].astype(np.int32)
        self.change = change.T[changed, row].astype(np.float64)
        size = len(picture) + 1
        when = changed * size + touched[row]
        self.changed_before = np.searchsorted(when, setting * size)
        self.changed_upto = np.searchsorted(when, setting * size + self.hit, side="right")

    @property
    def width(self) -> int:
        """How many numbers a resample takes at once."""
        return max(len(self.picture), len(self.hit), len(self.change), 1)

    def curves(self, weights: F64) -> "WeightedCurves":
        """The curves where pictures count with `weights`, (B, N) float64."""
        counts = weights[:, self.picture]
        own = counts[:, self.hit]
        every = np.cumsum(counts if self.inside is None else counts * self.inside, axis=1)[:, self.hit]
        if len(self.change):
            changes = _from_zero(counts[:, self.change_at] * self.change)
            every += changes[:, self.changed_upto] - changes[:, self.changed_before]
        sums = _from_zero(own)
        right = sums[:, 1:] - sums[:, self.bounds[self.setting]]
        return WeightedCurves(self, own, right, every)


@dataclass(frozen=True, slots=True, eq=False)
class WeightedCurves:
    """At each right detection, by setting and then by falling score, (B, H) float64: how often it counts, how many
    are right so far, and how many count so far."""

    ranking: Ranking
    own: F64
    right: F64
    every: F64

    def _falling(self) -> F64:
        """(B, H) the best precision from here on, within the setting."""
        precision = self.right / (self.every + np.spacing(1))
        # A setting's numbers lie above all those of the next, so that none is carried over from there.
        above = 2.0 * (len(self.ranking.bounds) - 1 - self.ranking.setting)
        precision += above
        best: F64 = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1] - above
        return best

    def _by_setting(self, values: F64) -> F64:
        """(B, S) sums."""
        sums = _from_zero(values)
        bounds = self.ranking.bounds
        return sums[:, bounds[1:]] - sums[:, bounds[:-1]]

    def area(self, objects: F64, recalls: F64) -> F64:
        """(B, S) mean of the best precision at these recalls; NaN where there are no `objects`, (B,)."""
        if not self.own.shape[1]:
            return self._nothing(objects)
        passed = np.searchsorted(recalls, self.right / np.maximum(objects, 1.0)[:, None], side="right")
        steps = np.diff(passed, axis=1, prepend=0)
        starts = self.ranking.bounds[:-1][np.diff(self.ranking.bounds) > 0]
        steps[:, starts] = passed[:, starts]
        return self._nothing(objects) + self._by_setting(self._falling() * steps) / len(recalls)

    def whole_area(self, objects: F64) -> F64:
        """(B, S) the area under the best precision; NaN where there are no `objects`, (B,)."""
        return self._nothing(objects) + ratio(self._by_setting(self._falling() * self.own), objects[:, None])

    def recall(self, objects: F64, limit: int) -> F64:
        """(B, S) the share of `objects`, (B,), that the first `limit` detections of each picture find."""
        own, rank = self.own, self.ranking.rank_of_hit
        if rank is not None and rank.max(initial=-1) >= limit:
            own = own * (rank < limit)
        return self._nothing(objects) + ratio(self._by_setting(own), objects[:, None])

    def _nothing(self, objects: F64) -> F64:
        """(B, S) 0, or NaN where there are no objects."""
        out = np.zeros((len(objects), len(self.ranking.bounds) - 1))
        out[objects == 0] = np.nan
        return out


def _from_zero(values: F64) -> F64:
    """(B, K + 1) sums of all columns before each."""
    out = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=out[:, 1:])
    return out
