"""Scores of a detector's anchors, of the few that are high enough."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def scored(logits: NDArray[Any], score: float) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """The anchors (K,), columns (K,) and sigmoid scores (K,) of what may reach `score` in `logits` (A, C).

    Few of hundreds of thousands do, and only these are computed. Some lie below `score` by a rounding.
    """
    logits = np.asarray(logits, np.float32)
    candidates = np.flatnonzero(logits >= least_logit(score))
    anchors, columns = np.divmod(candidates, logits.shape[1])
    with np.errstate(over="ignore"):
        scores = (1 / (1 + np.exp(-logits.reshape(-1)[candidates]))).astype(np.float32, copy=False)
    return anchors, columns, scores


def least_logit(score: float) -> float:
    """Return a number below any logit whose score is at least `score`, rounding included."""
    if score < np.finfo(np.float32).tiny:  # scores so small are rounded to too few digits to be told apart
        return -np.inf
    # From 15 on, float32 scores are so close to 1 that several logits share one.
    return min(float(np.log(score / (1 - score))) if score < 1 else np.inf, 15.0) - 0.001
