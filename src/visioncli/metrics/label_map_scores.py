"""Scores of label maps: IoU and Dice of each class, their means, and the share of right pixels."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import I64
from visioncli.metrics.confusion import MOST_CLASSES
from visioncli.metrics.intervals import FEWER_INTERVALS, intervals
from visioncli.metrics.intervals import MOST_CLASSES as MOST_WITH_INTERVALS
from visioncli.metrics.label_map_sample import MapSample
from visioncli.metrics.report import ClassPixels, ConfusionTable, LabelMapReport, plain

IGNORED = -1
"""What stands for the class that does not count, where there is none."""
MOST_LABELS = 1 << 16
PIXELS_AT_ONCE = 1 << 22


def pair_counts(truth: NDArray[np.unsignedinteger], predicted: NDArray[np.unsignedinteger]) -> tuple[I64, I64]:
    """How often each combination of true and predicted class occurs: (P, 2) classes and (P,) pixels."""
    if truth.dtype == np.uint8 and predicted.dtype == np.uint8:
        table = np.zeros(1 << 16, np.int64)
        for true, found in _parts(truth, predicted):
            table += np.bincount(true.astype(np.uint16) << 8 | found, minlength=1 << 16)
        at = np.flatnonzero(table)
        return np.stack([at >> 8, at & 255], axis=1), table[at]
    keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    for true, found in _parts(truth, predicted):
        values, times = np.unique(true.astype(np.int64) * MOST_LABELS + found, return_counts=True)
        keys, place = np.unique(np.concatenate([keys, values]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, times]), minlength=len(keys)).astype(np.int64)
    return np.stack([keys // MOST_LABELS, keys % MOST_LABELS], axis=1), counts


def _parts(
    truth: NDArray[np.unsignedinteger], predicted: NDArray[np.unsignedinteger]
) -> Iterator[tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]]:
    """The pixels of both maps, a few million at a time: counting takes many bytes a pixel."""
    one, other = truth.reshape(-1), predicted.reshape(-1)
    for start in range(0, len(one), PIXELS_AT_ONCE):
        yield one[start : start + PIXELS_AT_ONCE], other[start : start + PIXELS_AT_ONCE]


class LabelMapScores:
    """Adds up maps one by one, so that memory does not grow with their number.

    Pixels whose true class is `ignore_index` do not count at all. A pixel predicted as `ignore_index` counts as
    missed by its true class. With `resamples`, drawn by `seed`, every number gets an interval; what occurs in each
    picture is kept for it.
    """

    def __init__(
        self, ignore_index: int | None = 255, names: tuple[str, ...] = (), *, resamples: int = 0, seed: int = 0
    ) -> None:
        self.ignore_index = ignore_index
        self.names = names
        self.pictures: list[dict[str, Any]] = []
        self._total: dict[tuple[int, int], int] = {}
        self._resamples, self._seed = resamples, seed
        self._pairs: list[tuple[I64, I64]] = []

    def add(self, name: str, truth: NDArray[np.unsignedinteger], predicted: NDArray[np.unsignedinteger]) -> None:
        """Count the pixels of one picture, two (H, W) arrays of the same size."""
        classes, counts = pair_counts(truth, predicted)
        keep = np.ones(len(counts), bool) if self.ignore_index is None else classes[:, 0] != self.ignore_index
        if self._resamples:
            self._pairs.append((classes[keep], counts[keep]))
        cells = {(int(t), int(p)): int(n) for (t, p), n in zip(classes[keep], counts[keep], strict=True)}
        for key, count in cells.items():
            self._total[key] = self._total.get(key, 0) + count
        report = self._report(cells, "", "", 1, ())
        self.pictures.append(
            {
                "image": name,
                "pixels": report.pixels,
                **{k: plain(v) for k, v in report.numbers().items()},
                "classes": [{"label": c.label, "iou": plain(c.iou), "dice": plain(c.dice)} for c in report.classes],
            }
        )

    def worst_first(self) -> list[dict[str, Any]]:
        """One record a picture, by mean IoU and then by name; pictures without counted pixels last."""
        return sorted(
            self.pictures,
            key=lambda p: (p["miou"] is None, p["miou"] if p["miou"] is not None else 0, p["image"]),
        )

    def report(self, truth: str, predictions: str, warnings: Iterable[str] = ()) -> LabelMapReport:
        """The report over all maps added so far."""
        report = self._report(self._total, truth, predictions, len(self.pictures), tuple(warnings))
        if not self._resamples:
            return report
        warnings = report.warnings
        if len(report.classes) > MOST_WITH_INTERVALS:
            warnings = (*warnings, FEWER_INTERVALS)
        ends = intervals(self.sample(report), self._resamples, self._seed)
        return replace(report, intervals=ends, warnings=warnings)

    def sample(self, report: LabelMapReport) -> MapSample:
        """What intervals are made of, where they are wanted; `report` is the one over all maps."""
        return MapSample(self._pairs, [c.label_id for c in report.classes], self.ignore_index)

    def _label(self, number: int) -> str:
        return self.names[number] if number < len(self.names) else str(number)

    def _report(
        self,
        cells: dict[tuple[int, int], int],
        truth: str,
        predictions: str,
        pictures: int,
        warnings: tuple[str, ...],
    ) -> LabelMapReport:
        truly: Counter[int] = Counter()
        predicted: Counter[int] = Counter()
        for (t, p), count in cells.items():
            truly[t] += count
            if p != self.ignore_index:
                predicted[p] += count
        present = sorted(truly.keys() | predicted.keys())
        shown = present
        if len(present) > MOST_CLASSES:
            shown = sorted(sorted(present, key=lambda c: -truly[c] - predicted[c])[:MOST_CLASSES])
            warnings = (
                *warnings,
                f"The confusion table holds only the {MOST_CLASSES:,} classes with the most pixels.",
            )
        place = {c: i for i, c in enumerate(shown)}
        place[IGNORED if self.ignore_index is None else self.ignore_index] = len(shown)
        table = np.zeros((len(shown) + 1, len(shown) + 1), np.int64)
        for (t, p), count in cells.items():
            if t in place and p in place:
                table[place[t], place[p]] += count
        return LabelMapReport(
            truth=truth,
            predictions=predictions,
            pictures=pictures,
            pixels=truly.total(),
            right=sum(cells.get((c, c), 0) for c in present),
            ignore_index=self.ignore_index,
            classes=tuple(
                ClassPixels(self._label(c), c, truly[c], predicted[c], cells.get((c, c), 0)) for c in present
            ),
            confusion=ConfusionTable(tuple(self._label(c) for c in shown), table),
            warnings=warnings,
        )
