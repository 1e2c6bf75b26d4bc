"""What makes probabilities mean what they say: a temperature, thresholds, and the curve that shows it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.metrics.classification import BINS, bin_of, blocks, checked, ratio

COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures beyond these would not calibrate a network but hide that it is broken."""
MOST_STEPS = 100
CLOSE_ENOUGH = 1e-10
DEFAULT_THRESHOLD = 0.5


def fit_temperature(logits: NDArray[np.floating], truth: I64) -> float:
    """The T for which softmax(logits / T) has the least log loss (Guo et al. 2017, arXiv 1706.04599).

    logits: (N, C); truth: (N,) int64 places of the classes. The order of the classes stays what it was.

    The loss is convex in 1 / T, so its slope is searched for its zero, by Newton's steps inside a bracket. Where no
    picture is wrong the loss has no minimum, since ever more confidence would be rewarded; then the true class is
    aimed at with (N + 1) / (N + 2), as Laplace's rule of succession has it. Where T makes no difference (no pictures,
    one class, equal logits) it is 1. It lies from COLDEST to HOTTEST, which a network worse than chance gets.

    Raises ValueError where shapes, classes or logits are impossible.
    """
    truth = np.asarray(truth, np.int64)
    checked(logits, (len(truth),), "logits")
    pictures, classes = logits.shape
    if pictures and not 0 <= truth.min() <= truth.max() < classes:
        raise ValueError(f"the truth names classes outside 0 to {classes - 1}")
    if not pictures or classes == 1:
        return 1.0
    # Only differences matter, so the largest logit is put at 0, where no power overflows.
    lowered = np.asarray(logits, np.float64)
    lowered = lowered - lowered.max(axis=1, keepdims=True)
    if not lowered.any():
        return 1.0
    aim = lowered[np.arange(pictures), truth]
    if not aim.any():
        missing = 1 / (pictures + 2)
        aim = missing * lowered.sum(axis=1) / (classes - 1)
    return 1 / _zero_of_slope(lowered, float(aim.mean()))


def _zero_of_slope(lowered: F64, aim: float) -> float:
    """The 1 / T in the allowed range at which the mean expected logit is `aim`, or the end nearest to it."""
    low, high = 1 / HOTTEST, 1 / COLDEST
    if _slope(lowered, low)[0] >= aim:
        return low
    if _slope(lowered, high)[0] <= aim:
        return high
    at = 1.0
    for _ in range(MOST_STEPS):
        expected, curvature = _slope(lowered, at)
        if expected < aim:
            low = at
        else:
            high = at
        step = (aim - expected) / curvature if curvature > 0 else np.inf
        following = at + step if low < at + step < high else float(np.sqrt(low * high))
        if abs(following - at) <= CLOSE_ENOUGH * at:
            return following
        at = following
    return at


def _slope(lowered: F64, inverse: float) -> tuple[float, float]:
    """Mean over pictures of the expected logit at 1 / T, and of its variance, which is the slope of the former."""
    expected = variance = 0.0
    for rows in blocks(*lowered.shape):
        part = lowered[rows]
        powers = np.exp(part * inverse)
        powers /= powers.sum(axis=1, keepdims=True)
        mean = (powers * part).sum(axis=1)
        expected += float(mean.sum())
        variance += float((powers * (part - mean[:, None]) ** 2).sum())
    return expected / len(lowered), variance / len(lowered)


def fit_thresholds(probabilities: NDArray[np.floating], truth: Flags) -> F64:
    """(C,) float64 the threshold of each class from which on it is predicted (`>=`) with the best F1.

    probabilities: (N, C); truth: (N, C) bool. A threshold lies midway between the two probabilities that it parts,
    so that a picture like the last one is still taken, or midway to 0 where it takes all. Of equally good ones it is
    the highest, which predicts least. A class without positives has no F1 and gets DEFAULT_THRESHOLD.

    Raises ValueError where shapes or probabilities are impossible.
    """
    truth = np.asarray(truth, bool)
    checked(probabilities, truth.shape)
    out = np.full(truth.shape[1], DEFAULT_THRESHOLD)
    for k in np.flatnonzero(truth.any(axis=0)):
        out[k] = _best_threshold(probabilities[:, k].astype(np.float64), truth[:, k])
    return out


def _best_threshold(chance: F64, positive: Flags) -> float:
    order = np.argsort(-chance, kind="stable")
    ordered = chance[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    right = np.cumsum(positive[order])[ends]
    f1 = 2 * right / (positive.sum() + ends + 1)
    best = ends[int(np.argmax(f1))]
    last = ordered[best]
    following = ordered[best + 1] if best + 1 < len(ordered) else min(0.0, last)
    between = (last + following) / 2
    return float(between if following < between else last)


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """One bin of confidence a row, K of them, for a plot: (K + 1,) `edges`, and (K,) each how many `pictures` are
    in it, their mean `confidence` and their `accuracy`, both NaN where there are none. A confidence of 1 is in the
    last bin."""

    edges: F64
    pictures: I64
    confidence: F64
    accuracy: F64


def reliability(confidence: F64, right: Flags, bins: int = BINS) -> Reliability:
    """How often the likeliest class is right, by its probability: (N,) float and (N,) bool."""
    place = np.minimum(bin_of(np.asarray(confidence), bins), bins - 1)
    pictures = np.bincount(place, minlength=bins)
    whole = pictures.astype(np.float64)
    return Reliability(
        np.linspace(0, 1, bins + 1),
        pictures,
        ratio(_sums(place, np.asarray(confidence, np.float64), bins), whole),
        ratio(_sums(place, np.asarray(right, np.float64), bins), whole),
    )


def _sums(place: I64, values: F64, bins: int) -> F64:
    return np.bincount(place, values, minlength=bins).astype(np.float64, copy=False)
