"""How good a classifier is: the numbers of one class a picture, and of any number of classes a picture.

Every number is a function of sums over pictures, so that it can be computed for many weightings at once, as
`metrics.intervals` asks for. Tests hold them to scikit-learn and torchmetrics.
"""

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.metrics.intervals import Numbers, group_sums

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken, as scikit-learn does it."""
BINS = 15
"""Bins of the calibration error, of equal width, each with its lower end: [k/15, (k+1)/15). A confidence of exactly 1
has a bin of its own, as in torchmetrics."""
TOP = 5
CELLS_AT_ONCE = 1 << 22


def ratio(part: F64, whole: F64) -> F64:
    """`part / whole`, NaN where there is nothing to divide by."""
    out: F64 = np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole != 0)
    return out


def mean_of_known(values: F64) -> F64:
    """(B,) means over the classes, (B, C), that have a number; NaN where none has."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1).astype(np.float64))


class SingleLabel:
    """One class a picture: `probabilities` (N, C) float, `truth` (N,) int64 places of the classes.

    top1, top5: the share of pictures whose class is the likeliest, among the five likeliest; of equally likely
    classes the earlier comes first, as in `vision classify`. With five classes or fewer top5 is 1.
    macro_f1: the mean F1 of the classes that occur on either side; one that is only predicted has an F1 of 0.
    balanced_accuracy: the mean recall of the classes that have pictures.
    log_loss: the mean of -log of the true class's probability, kept within SMALLEST and 1 - SMALLEST.
    brier: the mean over pictures of the squared error summed over classes, from 0 to 2.
    ece: the mean gap between confidence and accuracy over BINS bins (Naeini 2015, Guo 2017; the l1 norm).
    Of each class: precision (NaN where it was never predicted), recall (NaN without pictures), f1 (NaN where it
    occurs on neither side), and support, its pictures.

    Raises ValueError where shapes, classes or probabilities are impossible.
    """

    multi_label = False

    def __init__(self, probabilities: NDArray[np.floating], truth: I64) -> None:
        truth = np.asarray(truth, np.int64)
        checked(probabilities, (len(truth),))
        pictures, self.classes = len(probabilities), int(probabilities.shape[1])
        if pictures and not 0 <= truth.min() <= truth.max() < self.classes:
            raise ValueError(f"the truth names classes outside 0 to {self.classes - 1}")
        self.truth = truth
        self.predicted = np.zeros(pictures, np.int64)
        self.confidence = np.zeros(pictures)
        self.in_top = np.zeros(pictures, bool)
        self.loss = np.zeros(pictures)
        self.squares = np.zeros(pictures)
        for rows in blocks(pictures, self.classes):
            self._read(rows, probabilities[rows].astype(np.float64))
        self.right = self.predicted == truth

    def _read(self, rows: slice, chance: F64) -> None:
        each, true = np.arange(len(chance)), self.truth[rows]
        own = chance[each, true]
        ahead = chance > own[:, None]
        ahead |= (chance == own[:, None]) & (np.arange(self.classes) < true[:, None])
        self.in_top[rows] = ahead.sum(axis=1) < TOP
        self.predicted[rows] = chance.argmax(axis=1)
        self.confidence[rows] = chance.max(axis=1)
        self.loss[rows] = -np.log(np.clip(own, SMALLEST, 1 - SMALLEST))
        self.squares[rows] = (chance**2).sum(axis=1) - 2 * own + 1

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def width(self) -> int:
        """How many numbers of the classes a weighting takes."""
        return 6 * self.classes

    def confusion(self) -> I64:
        """(C, C) int64 pictures: rows are the true class, columns the predicted one."""
        at = self.truth * self.classes + self.predicted
        return np.bincount(at, minlength=self.classes**2).reshape(self.classes, self.classes)

    def measure(self, weights: F64) -> Numbers:
        """Every number, where pictures count with `weights`, (B, N) float64."""
        pictures = weights.sum(axis=1)
        support = group_sums(weights, self.truth, self.classes)
        predicted = group_sums(weights, self.predicted, self.classes)
        both = group_sums(weights, self.truth, self.classes, self.right.astype(np.float64))
        per_picture = np.stack([self.right, self.in_top, self.loss, self.squares], axis=1).astype(np.float64)
        means = ratio(weights @ per_picture, pictures[:, None])
        gaps = group_sums(weights, bin_of(self.confidence), BINS + 1, self.right - self.confidence)
        recall, f1 = ratio(both, support), ratio(2 * both, support + predicted)
        return Numbers(
            totals={
                "top1": means[:, 0],
                "top5": means[:, 1],
                "macro_f1": mean_of_known(f1),
                "balanced_accuracy": mean_of_known(recall),
                "log_loss": means[:, 2],
                "brier": means[:, 3],
                "ece": ratio(np.abs(gaps).sum(axis=1), pictures),
            },
            classes={"precision": ratio(both, predicted), "recall": recall, "f1": f1, "support": support},
            total_pictures=dict.fromkeys(("top1", "top5", "macro_f1", "balanced_accuracy"), pictures),
            class_pictures={"precision": predicted, "recall": support, "f1": support},
            raised=frozenset(["ece"]),
        )


class MultiLabel:
    """Any number of classes a picture: `probabilities` (N, C) float, `truth` (N, C) bool, `thresholds` (C,), from
    which on a class is predicted.

    mAP: the mean over classes with positives of their average precision, sum of (R_n - R_n-1) P_n over the distinct
    probabilities, as in scikit-learn. micro_f1: F1 over all decisions together; macro_f1: the mean F1 of the classes
    that occur on either side. subset_accuracy: the share of pictures with every class right. hamming_loss: the share
    of wrong decisions. log_loss and brier: means over pictures and classes, brier from 0 to 1. Of each class: ap,
    precision, recall, f1 and support; NaN where there is nothing to measure.

    Raises ValueError where shapes or probabilities are impossible.
    """

    multi_label = True

    def __init__(self, probabilities: NDArray[np.floating], truth: Flags, thresholds: F64) -> None:
        self.truth = np.asarray(truth, bool)
        checked(probabilities, self.truth.shape)
        pictures, self.classes = len(probabilities), int(probabilities.shape[1])
        if np.shape(thresholds) != (self.classes,):
            raise ValueError(f"there are {self.classes} classes, but thresholds of shape {np.shape(thresholds)}")
        self.predicted = probabilities >= np.asarray(thresholds)
        self.wrong = (self.predicted != self.truth).sum(axis=1)
        self.right = self.wrong == 0
        self.loss = np.zeros(pictures)
        self.squares = np.zeros(pictures)
        for rows in blocks(pictures, self.classes):
            chance = probabilities[rows].astype(np.float64)
            own = np.where(self.truth[rows], chance, 1 - chance)
            self.loss[rows] = -np.log(np.clip(own, SMALLEST, 1 - SMALLEST)).mean(axis=1)
            self.squares[rows] = ((1 - own) ** 2).mean(axis=1)
        self._ranked = [_Ranked(probabilities[:, k], self.truth[:, k]) for k in range(self.classes)]

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def width(self) -> int:
        """How many numbers of the classes a weighting takes."""
        return 8 * self.classes

    def measure(self, weights: F64) -> Numbers:
        """Every number, where pictures count with `weights`, (B, N) float64."""
        pictures = weights.sum(axis=1)
        support = weights @ self.truth.astype(np.float64)
        predicted = weights @ self.predicted.astype(np.float64)
        both = weights @ (self.predicted & self.truth).astype(np.float64)
        share = self.wrong / max(self.classes, 1)
        per_picture = np.stack([self.right, share, self.loss, self.squares], axis=1).astype(np.float64)
        means = ratio(weights @ per_picture, pictures[:, None])
        ap = np.stack([ranked.average_precision(weights) for ranked in self._ranked], axis=1)
        f1 = ratio(2 * both, support + predicted)
        return Numbers(
            totals={
                "mAP": mean_of_known(ap),
                "micro_f1": ratio(2 * both.sum(axis=1), support.sum(axis=1) + predicted.sum(axis=1)),
                "macro_f1": mean_of_known(f1),
                "subset_accuracy": means[:, 0],
                "hamming_loss": means[:, 1],
                "log_loss": means[:, 2],
                "brier": means[:, 3],
            },
            classes={
                "ap": ap,
                "precision": ratio(both, predicted),
                "recall": ratio(both, support),
                "f1": f1,
                "support": support,
            },
            total_pictures=dict.fromkeys(("mAP", "micro_f1", "macro_f1", "subset_accuracy"), pictures),
            class_pictures={"ap": support, "precision": predicted, "recall": support, "f1": support},
        )


class _Ranked:
    """Pictures by falling probability of one class, sorted once for all weightings."""

    def __init__(self, chance: NDArray[np.floating], truth: Flags) -> None:
        self._order = np.argsort(-chance, kind="stable")
        ordered = chance[self._order]
        positive = truth[self._order]
        self._positives = np.flatnonzero(positive)
        # A positive counts with the precision at the end of the pictures that are as likely as it.
        ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
        self._end = ends[np.searchsorted(ends, self._positives)] if len(self._positives) else self._positives
        self._right = np.searchsorted(self._positives, self._end, side="right") - 1

    def average_precision(self, weights: F64) -> F64:
        """(B,) float64, NaN where no positive counts."""
        if not len(self._positives):
            return np.full(len(weights), np.nan)
        found = np.cumsum(weights[:, self._order], axis=1)[:, self._end]
        own = weights[:, self._order[self._positives]]
        right = np.cumsum(own, axis=1)
        # Where nothing was found up to here, neither was this positive.
        precision = right[:, self._right] / np.maximum(found, 1e-300)
        return ratio((own * precision).sum(axis=1), right[:, -1])


def bin_of(confidence: F64, bins: int = BINS) -> I64:
    """(N,) int64 the bin of each confidence, 0 to `bins`; the last holds only 1. In float32, as torchmetrics does."""
    edges = np.linspace(0, 1, bins + 1, dtype=np.float32)
    found = np.searchsorted(edges, confidence.astype(np.float32), side="right") - 1
    return np.clip(found, 0, bins)


def checked(probabilities: NDArray[np.floating], shape: tuple[int, ...], what: str = "probabilities") -> None:
    """Raises ValueError where probabilities (or logits) do not fit the truth's shape, or are none."""
    if probabilities.ndim != 2 or probabilities.shape[: len(shape)] != shape:
        raise ValueError(f"{what} of shape {probabilities.shape} do not fit a truth of shape {shape}")
    if not probabilities.shape[1]:
        raise ValueError("there are no classes")
    if not np.isfinite(probabilities).all():
        raise ValueError(f"{what} must be finite numbers")


def blocks(rows: int, columns: int) -> list[slice]:
    """Rows of a large table, a few million cells at a time."""
    at_once = max(1, CELLS_AT_ONCE // max(1, columns))
    return [slice(start, start + at_once) for start in range(0, rows, at_once)]
