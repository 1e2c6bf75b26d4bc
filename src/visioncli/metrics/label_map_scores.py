"""Scores of label maps: IoU and Dice of each class, their means, and the share of right pixels."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import I64
from visioncli.metrics.report import ClassPixels, ConfusionTable, LabelMapReport, plain

MOST_LABELS = 1 << 16


def pair_counts(truth: NDArray[np.unsignedinteger], predicted: NDArray[np.unsignedinteger]) -> tuple[I64, I64]:
    """How often each combination of true and predicted class occurs: (P, 2) classes and (P,) pixels."""
    if truth.dtype == np.uint8 and predicted.dtype == np.uint8:
        table = np.bincount((truth.astype(np.uint16) << 8 | predicted).reshape(-1), minlength=1 << 16)
        at = np.flatnonzero(table)
        return np.stack([at >> 8, at & 255], axis=1), table[at]
    both = truth.astype(np.int64) * MOST_LABELS + predicted
    values, counts = np.unique(both, return_counts=True)
    return np.stack([values // MOST_LABELS, values % MOST_LABELS], axis=1), counts


class LabelMapScores:
    """Adds up maps one by one, so that memory does not grow with their number.

    Pixels whose true class is `ignore_index` do not count at all. A pixel predicted as `ignore_index` counts as
    missed by its true class.
    """

    def __init__(self, ignore_index: int | None = 255, names: tuple[str, ...] = ()) -> None:
        self.ignore_index = ignore_index
        self.names = names
        self.pictures: list[dict[str, Any]] = []
        self._total: dict[tuple[int, int], int] = {}

    def add(self, name: str, truth: NDArray[np.unsignedinteger], predicted: NDArray[np.unsignedinteger]) -> None:
        """Count the pixels of one picture, two (H, W) arrays of the same size."""
        classes, counts = pair_counts(truth, predicted)
        keep = np.ones(len(counts), bool) if self.ignore_index is None else classes[:, 0] != self.ignore_index
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
        return self._report(self._total, truth, predictions, len(self.pictures), tuple(warnings))

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
        present = sorted({c for key in cells for c in key if c != self.ignore_index})
        place = {c: i for i, c in enumerate(present)}
        table = np.zeros((len(present) + 1, len(present) + 1), np.int64)
        for (t, p), count in cells.items():
            table[place[t], place.get(p, len(present))] += count
        both, truly, predicted = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
        return LabelMapReport(
            truth=truth,
            predictions=predictions,
            pictures=pictures,
            pixels=int(table.sum()),
            right=int(both.sum()),
            ignore_index=self.ignore_index,
            classes=tuple(
                ClassPixels(self._label(c), c, int(truly[i]), int(predicted[i]), int(both[i]))
                for c, i in place.items()
            ),
            confusion=ConfusionTable(tuple(self._label(c) for c in present), table),
            warnings=warnings,
        )
