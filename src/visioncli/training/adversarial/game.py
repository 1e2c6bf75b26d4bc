"""What the adversarial loop does not know: who plays against whom, by which losses, and what is to be seen of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Optimizers = Mapping[str, torch.optim.Optimizer]


class Game(ABC):
    """Some networks that learn in turns, each by what the others make of its answers.

    `networks` are all of them by name, on `device`; of those in `averaged` a moving average is kept, whose tensors
    move by `1 - keep` a step: it is what `sample` and `measure` see, and what becomes the model. An epoch is made of
    `visits`, numbers that mean what the game wants them to mean, such as pictures.
    """

    networks: Mapping[str, nn.Module]
    averaged: tuple[str, ...]
    keep: float
    device: torch.device

    @abstractmethod
    def visits(self) -> np.ndarray:
        """`(V,) int64`, each visit of an epoch once."""

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """New optimizers by name, their groups at their highest rate. Made once, after the networks have moved."""

    @abstractmethod
    def rate_at(self, step: int, steps: int) -> float:
        """The part of their highest rate that optimizers have in step `step`, from 0, of `steps`."""

    @abstractmethod
    def prepared(self, epoch: int, visits: np.ndarray) -> Any:
        """What a step takes of these visits, by (seed, epoch, visit) alone; called in threads ahead of the step."""

    @abstractmethod
    def step(self, batch: Any, step: int, optimizers: Optimizers) -> dict[str, float]:
        """One step of every network in its turn: gradients and optimizers' steps. The losses by name.

        Chance comes from torch's own generator, which the loop has set by (seed, step).
        """

    @abstractmethod
    def sample(self) -> np.ndarray:
        """What there is to see, `(H, W, 3) uint8`: a sheet made from the same noise or pictures each time.

        As in `measure`, the averaged networks have their averages, and all are in inference mode without gradients.
        """

    @abstractmethod
    def measure(self) -> dict[str, float | None]:
        """What the averaged networks are worth, by name: few pictures, for it is asked again and again."""

    def settle(self) -> None:  # noqa: B027 - most have nothing to settle
        """Called when the averages have been put into their networks, before anything is seen of them: statistics of
        batch normalisation, say, are computed for them anew. In training mode, without gradients."""

    def state(self) -> dict[str, Tensor]:
        """What the game itself must remember beyond a kill: earlier pictures, a strength that adapts …"""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:  # noqa: B027 - nor to remember
        """Goes on with what `state` gave."""


class Tally:
    """Means of losses by name since they were last told."""

    def __init__(self, sums: Mapping[str, float] | None = None, steps: int = 0) -> None:
        self.sums, self.steps = dict(sums or {}), steps

    def add(self, losses: Mapping[str, float]) -> None:
        """Those of one step."""
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + loss
        self.steps += 1

    def means(self) -> dict[str, float]:
        """By name."""
        return {name: total / max(self.steps, 1) for name, total in self.sums.items()}
