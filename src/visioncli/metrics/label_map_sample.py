"""The numbers of label maps as functions of how often each picture counts, for their intervals."""

import numpy as np

from visioncli.datasets.interface import F64, I64
from visioncli.metrics.classification import mean_of_known, ratio
from visioncli.metrics.intervals import Numbers
from visioncli.metrics.ranking import Sums


class MapSample:
    """Pixels: `pairs` has for each picture (P, 2) int64 true and predicted classes and (P,) int64 pixels of both.

    `present` are the classes that occur, in the order in which the intervals have them. A pixel predicted as
    `ignore_index` is one of no class. See `metrics.intervals.Sample`.
    """

    def __init__(self, pairs: list[tuple[I64, I64]], present: list[int], ignore_index: int | None) -> None:
        self._pictures, self._present = len(pairs), len(present)
        lengths = [len(counts) for _, counts in pairs]
        picture = np.repeat(np.arange(len(pairs)), lengths)
        classes = np.concatenate([np.empty((0, 2), np.int64), *(c for c, _ in pairs)])
        pixels = np.concatenate([np.empty(0, np.int64), *(n for _, n in pairs)]).astype(np.float64)
        known = np.array(present, np.int64)
        true, found = classes.T
        taken = np.ones(len(found), bool) if ignore_index is None else found != ignore_index
        right = np.where(true == found, pixels, 0.0)
        truly = Sums(
            picture,
            np.searchsorted(known, true),
            np.stack([pixels, np.zeros(len(pixels)), right], axis=1),
            len(present),
        )
        predicted = np.zeros((int(taken.sum()), 3))
        predicted[:, 1] = pixels[taken]
        self._sums = truly.joined(Sums(picture[taken], np.searchsorted(known, found[taken]), predicted, len(present)))

    def __len__(self) -> int:
        return self._pictures

    @property
    def width(self) -> int:
        """How many numbers of the classes a weighting takes."""
        return 10 * self._present

    def measure(self, weights: F64) -> Numbers:
        """Every number, where pictures count with `weights`, (B, N) float64."""
        truth, predicted, both = np.moveaxis(self._sums.weighted(weights), 2, 0)
        iou, dice = ratio(both, truth + predicted - both), ratio(2 * both, truth + predicted)
        miou = mean_of_known(iou)
        pictures = np.broadcast_to(self._sums.pictures_with((0, 1)), (len(weights), self._present))
        classes = {
            "truth": truth,
            "predicted": predicted,
            "both": both,
            "iou": iou,
            "dice": dice,
            "precision": ratio(both, predicted),
            "recall": ratio(both, truth),
        }
        return Numbers(
            {
                "miou": miou,
                "mean_iou": miou,
                "dice": mean_of_known(dice),
                "pixel_accuracy": ratio(both.sum(axis=1), truth.sum(axis=1)),
            },
            classes,
            total_pictures=dict.fromkeys(("miou", "mean_iou", "dice", "pixel_accuracy"), weights.sum(axis=1)),
            class_pictures=dict.fromkeys(("iou", "dice", "precision", "recall"), pictures),
        )
