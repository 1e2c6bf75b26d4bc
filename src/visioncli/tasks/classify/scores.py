"""From what a classifier answers to the classes that are named."""

import numpy as np

from visioncli.errors import UsageError
from visioncli.models.registry import ModelRow
from visioncli.predictions import Classification
from visioncli.tasks.limits import between_0_and_1


def check_choice(top_k: int, threshold: float | None) -> None:
    """Raises UsageError for numbers with which nothing could be chosen."""
    if top_k < 1:
        raise UsageError(f"--top-k must be at least 1, not {top_k}.")
    if threshold is not None:
        between_0_and_1(threshold=threshold)


def best(scores: np.ndarray, least: np.ndarray, top_k: int, labels: dict[int, str]) -> tuple[Classification, ...]:
    """The `top_k` best of `(C,)` scores that reach what is `least` for their class, best first."""
    # A stable sort gives equal scores the order of their ids, whatever the batch.
    order = np.argsort(-scores, kind="stable")
    chosen = order[(scores >= least)[order]][:top_k]
    return tuple(Classification(labels[i], int(i), float(scores[i])) for i in chosen)


def least_scores(row: ModelRow, threshold: float | None) -> np.ndarray:
    """What a score must reach: `(C,)`, or `()` where it is the same for all classes. A user's own replaces trained
    ones."""
    return np.array(threshold if threshold is not None else row.thresholds or 0.0, np.float32)


def are_probabilities(outputs: np.ndarray) -> bool:
    """Whether the network has done the softmax itself: then each row sums to one."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=-1), 1, atol=1e-3))


def probabilities(logits: np.ndarray, row: ModelRow) -> np.ndarray:
    """`(N, C)` logits of the row's network -> calibrated probabilities, float32: a softmax, or for several labels a
    picture a sigmoid of each."""
    logits = logits if row.temperature == 1 else logits / np.float32(row.temperature)
    return sigmoid(logits) if row.thresholds else softmax(logits)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """`1 / (1 + exp(-logits))`, without overflow."""
    found: np.ndarray = np.exp(-np.logaddexp(0, -logits))
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    """`(N, C)` logits -> probabilities, float32."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
