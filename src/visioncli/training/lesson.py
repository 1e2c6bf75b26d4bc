"""What the training loop does not know: what is learned. A lesson of classes, one of masks …"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.training.recipe import Unfreeze

Sample = tuple[Any, ...]
"""An augmented picture, `(S, S, 3) uint8` where all are of one size, and what of its answer moves with it."""

PIXELS = 32 * 128 * 128
"""Pixels that go through the network at once: the gradients of a batch are summed over such parts, which keeps the
memory of a laptop (2 GB) free for the rest and changes no result."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a network is worth on the validation pictures.

    By the share that is `wrong`, and then by the `loss`, epochs are compared. `numbers` go into the log, `val_loss`
    among them where it is another than `loss`; `answers` to whoever keeps the model.
    """

    wrong: float
    loss: float
    numbers: dict[str, Any] = field(default_factory=dict)
    answers: Any = None


class Lesson(ABC):
    """One thing to learn, with its pictures and the network that learns it.

    A visit is one look at a picture in an epoch; `visits` are all of an epoch, as numbers. `at_once` pictures go
    through the network at once: the gradients of a batch are summed over such parts. `rate` is the highest learning
    rate, `counts_right` whether `right` says anything.
    """

    at_once: int
    rate: float
    counts_right = True
    knows = False
    """Whether the network may be of use before it learns, so that it is measured and kept where nothing is better."""
    dearer = 3.8
    """What a step of all layers costs more than one of the last ones."""

    @abstractmethod
    def visits(self) -> np.ndarray:
        """`(V,) int64`, each visit of an epoch once."""

    def visits_of(self, pictures: int) -> float:
        """How many visits so many whole pictures are worth, by their cost."""
        return pictures

    @abstractmethod
    def learning(self, what: Unfreeze) -> list[tuple[list[nn.Parameter], float]]:
        """Sets which parameters learn, and returns them, each list with its part of the learning rate."""

    @abstractmethod
    def learning_mode(self) -> None:
        """Sets how layers behave while they learn."""

    @abstractmethod
    def augmented(self, epoch: int, visit: int) -> Sample:
        """A picture and its answer by (seed, epoch, visit) alone; called in threads."""

    @abstractmethod
    def batch(self, samples: Sequence[Sample], visits: np.ndarray, step: int) -> tuple[Any, Any]:
        """What the network takes, and what is wanted of each picture, on the device: both can be cut into parts."""

    @abstractmethod
    def learn(self, network: nn.Module, x: Any, wanted: Any) -> tuple[Tensor, float]:
        """The mean loss of a part of a batch, and the share of answers that are right. `network` is what to call."""

    @abstractmethod
    def answers(self, places: np.ndarray) -> np.ndarray:
        """What the network, which is in inference mode, answers to these pictures, `(n, …)`: `gather` joins them."""

    @abstractmethod
    def measure(self, answers: np.ndarray) -> Measured:
        """What the answers to all validation pictures, in their order, are worth."""

    def is_better(self, found: Measured, wrong: float, loss: float) -> bool:
        """Whether a network that is worth `found` is to be kept, where the best one before it had so much wrong, and
        that loss."""
        # By what people ask for; the loss decides between equals, of which few validation pictures make many. By the
        # loss alone an early epoch wins, before the network becomes sure, and one picture in a hundred is lost.
        return (found.wrong, found.loss) < (wrong, loss)


class OneTensorLesson(Lesson):
    """A lesson whose network makes one tensor of one, and whose loss needs nothing else."""

    def learn(self, network: nn.Module, x: Tensor, wanted: Tensor) -> tuple[Tensor, float]:
        """The loss of what the network answers."""
        logits = network(x.contiguous(memory_format=torch.channels_last))
        return self.loss(logits, wanted), self.right(logits.detach(), wanted)

    @abstractmethod
    def loss(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """The mean loss."""

    @abstractmethod
    def right(self, logits: Tensor, wanted: Tensor) -> float:
        """The share of answers that are right."""
