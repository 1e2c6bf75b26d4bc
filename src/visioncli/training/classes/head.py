"""A linear head on frozen features: multinomial logistic regression, its regularisation chosen on other pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from visioncli.metrics.calibration import fit_temperature

STRENGTHS = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Penalties on the squared weights (of standardised features) that are tried, from the strongest on: each fit begins
where the one before it ended, so that all together cost little more than one."""
STEPS = 60
"""Of L-BFGS for each; beyond, the validation loss moves in the fourth digit."""
_WORK = 4e13
"""Multiplications that all fits may take together, about ten seconds a core; more data get fewer steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """`features @ weight.T + bias` are the logits: `weight` `(C, F) float32`, `bias` `(C,) float32`.

    `strength` is the penalty that was chosen, `losses` the validation loss of each one that was tried.
    """

    weight: np.ndarray
    bias: np.ndarray
    strength: float
    losses: tuple[tuple[float, float], ...] = ()

    def logits(self, features: np.ndarray) -> np.ndarray:
        """`(N, F)` -> `(N, C) float32`."""
        found: np.ndarray = features.astype(np.float32) @ self.weight.T + self.bias
        return found


def fit(
    features: np.ndarray,
    targets: np.ndarray,
    val_features: np.ndarray,
    val_targets: np.ndarray,
    *,
    classes: int,
    class_weights: np.ndarray | None = None,
    strengths: Sequence[float] = STRENGTHS,
    steps: int = STEPS,
) -> Head:
    """The head with the least loss on the validation part.

    `features` `(N, F)`; `targets` `(N,) int64` classes, or `(N, C)` of 0 and 1 for several labels a picture. The
    loss is taken at the best temperature, since a head that is right but too sure is mended by one number afterwards.
    `class_weights` `(C,)` weigh the pictures of each class.
    """
    work = 6.0 * features.size * classes * len(strengths)
    steps = max(8, min(steps, int(_WORK / max(work, 1.0))))
    x = torch.from_numpy(features.astype(np.float32))
    mean, scale = x.mean(0), x.std(0, unbiased=False).clamp_min(1e-3)
    x = (x - mean) / scale
    y = torch.from_numpy(np.ascontiguousarray(targets))
    weights = None if class_weights is None else torch.from_numpy(class_weights.astype(np.float32))
    weight = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    best: Head | None = None
    losses: list[tuple[float, float]] = []
    for strength in strengths:
        _fit(x, y, weight, bias, strength, weights, steps)
        with torch.no_grad():
            # Back to features as the network gives them, so that the head is a plain linear layer.
            plain = weight / scale
            head = Head(plain.numpy().copy(), (bias - plain @ mean).numpy().copy(), strength)
        losses.append((strength, validation_loss(head.logits(val_features), val_targets)))
        if best is None or losses[-1][1] < min(loss for _, loss in losses[:-1]):
            best = head
    assert best is not None
    return Head(best.weight, best.bias, best.strength, tuple(losses))


def validation_loss(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean log loss of `(N, C)` logits at their best temperature; of several labels, at temperature 1, a class."""
    if not len(logits):
        return float("inf")
    scores = torch.from_numpy(logits.astype(np.float64))
    if targets.ndim == 2:
        return float(F.binary_cross_entropy_with_logits(scores, torch.from_numpy(targets.astype(np.float64))))
    scores = scores / fit_temperature(logits, targets)
    return float(F.cross_entropy(scores, torch.from_numpy(np.ascontiguousarray(targets))))


def _fit(
    x: Tensor,
    y: Tensor,
    weight: Tensor,
    bias: Tensor,
    strength: float,
    class_weights: Tensor | None,
    steps: int,
) -> None:
    """Moves `weight` and `bias` to the least penalised loss."""
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=steps, tolerance_grad=1e-5, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = x @ weight.T + bias
        if y.ndim == 2:
            loss = F.binary_cross_entropy_with_logits(logits, y)
        else:
            loss = F.cross_entropy(logits, y, class_weights)
        loss = loss + strength / 2 * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
