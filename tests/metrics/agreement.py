"""One tester for all numbers of classifiers: ours against a foreign library's, over random and odd samples."""

import warnings
from collections.abc import Callable

import numpy as np

from visioncli.metrics.intervals import Sample, measured

TOLERANCE = 1e-6

Foreign = Callable[[np.ndarray, np.ndarray], float | np.ndarray]
"""What another library says of probabilities and truth."""


def agrees(sample: Sample, name: str, foreign: Foreign, probabilities: np.ndarray, truth: np.ndarray) -> None:
    """Our number of that name (of the whole, or of the classes) is the foreign one, to 1e-6."""
    numbers = measured(sample)
    ours = numbers.totals[name][0] if name in numbers.totals else numbers.classes[name][0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = foreign(probabilities, truth)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE, err_msg=name)


def single(seed: int, classes: int = 6, pictures: int = 200, *, absent: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) float64 probabilities that are right more often than not, and (N,) truth; two classes may be absent.

    Some probabilities are exactly 0 or 1, and some pictures have ties.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes - (2 if absent else 0), pictures)
    logits = rng.normal(size=(pictures, classes)) * 2
    logits[np.arange(pictures), truth] += rng.normal(1, 1, pictures)
    logits[: pictures // 10] = np.round(logits[: pictures // 10])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    probabilities[-3:] = np.eye(classes)[rng.integers(0, classes, 3)]
    return probabilities, truth


def several(seed: int, classes: int = 5, pictures: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) float64 probabilities with ties, and (N, C) bool truth; the last class has no positive."""
    rng = np.random.default_rng(seed)
    truth = rng.random((pictures, classes)) < rng.uniform(0.05, 0.6, classes)
    truth[:, -1] = False
    chance = 1 / (1 + np.exp(-(rng.normal(size=truth.shape) * 1.5 + np.where(truth, 1, -1))))
    return np.round(chance, 2), truth
