"""How one kind of detector learns: what the lesson of boxes asks of its network. One concrete class a file."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import Tensor, nn

from visioncli.errors import UsageError
from visioncli.models.row import ModelRow
from visioncli.training.recipe import Start, Unfreeze

if TYPE_CHECKING:
    import torch

Target = dict[str, Tensor]
"""`boxes (n, 4) float32` x1 y1 x2 y2 in pixels of what the network takes, and `labels (n,) int64`, as torchvision's
detectors are given them: category numbers of the network, from 1 on where it has a class for nothing."""


class BoxLearner(ABC):
    """A detector that learns. `row` is that of `network`, with its classes.

    What it answers is read by `tasks.detect`, by the form of its row, when it is validated as when it is used.
    """

    background: ClassVar[bool] = True
    """Whether class 0 of the network is what is no object, so that labels begin at 1."""
    batch_size: ClassVar[int] = 16
    """Pictures a step, where nobody says."""
    dearer: ClassVar[float] = 3.0
    """What a step of all layers costs more than one of the last ones."""
    many: ClassVar[float] = 200
    """Pictures from which all layers of a pretrained network learn, where nobody says: with fewer, what it knows is
    spoilt more than it gains, and the heads alone take a third of the time."""
    visits: ClassVar[int] = 12_000
    """Pictures times epochs, where no number of epochs is given."""

    knows = False
    """Whether the network finds these very classes before it learns."""

    def __init__(self, network: nn.Module, row: ModelRow, start: Start) -> None:
        """Takes what `settings` chose too, by name."""
        self.network, self.row, self.start = network, row, start

    @property
    @abstractmethod
    def at_once(self) -> int:
        """Pictures that go through the network at once: the gradients of a batch are summed over such parts."""

    @property
    @abstractmethod
    def rate(self) -> float:
        """The highest learning rate of AdamW, for `batch_size` pictures a step."""

    @classmethod
    def settings(
        cls, base: ModelRow, row: ModelRow, sides: np.ndarray, frames: np.ndarray, start: Start
    ) -> dict[str, Any]:
        """What is chosen once, by the data, as JSON values, which `first_state` and the learner are given by name.

        `sides` `(n, 2)` are height and width of the boxes to learn from, relative to their pictures, `frames`
        `(n, 2)` those of the pictures, relative to their longer side.
        """
        return {}

    @classmethod
    def resized(cls, row: ModelRow, size: int) -> ModelRow:
        """`row` with another size of input. Raises UsageError where its network has but one, or not this one."""
        if size == row.input.size:
            return row
        raise UsageError(f"--size: {row.name} takes pictures of {row.input.size} pixels only. Leave it out.")

    @classmethod
    @abstractmethod
    def first_state(cls, base: ModelRow, row: ModelRow, seed: int, start: Start) -> dict[str, Tensor]:
        """The tensors of `row`'s network to begin with, on the CPU, the same for a seed.

        What `base` knows is taken over, but from Start.SCRATCH; of its heads what is of the same classes. Takes what
        `settings` chose too, by name.
        Raises ModelUnavailable where weights that it needs are not there.
        """

    @abstractmethod
    def learning(self, what: Unfreeze) -> list[tuple[list[nn.Parameter], float]]:
        """Sets which parameters learn (`requires_grad`), and returns them, each list with its part of the rate.

        Unfreeze.NONE frees the heads alone, LAST the last blocks too.
        """

    @abstractmethod
    def learning_mode(self) -> None:
        """Sets how layers behave while they learn: statistics of a pretrained network stay."""

    @abstractmethod
    def prepare(self, pixels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A picture `(H, W, 3) uint8` as the network takes it when it predicts, and its boxes `(n, 4) float32` there.

        Called in threads.
        """

    def wanted(self, width: int, height: int) -> tuple[int, int]:
        """The size (width, height) at which a picture of such a size is kept in memory for training."""
        return width, height

    @abstractmethod
    def batch(self, pictures: Sequence[Any], device: "torch.device") -> Any:
        """What `prepare` gave of some pictures, as the network takes them: a tensor, or a list of tensors."""

    def features(self, picture: np.ndarray) -> tuple[np.ndarray, ...] | None:
        """What the frozen layers make of what `prepare` gave, for `batch` to be given in its place; None where the
        heads cannot be trained on that. Called in threads."""
        return None

    @abstractmethod
    def loss(self, network: nn.Module, inputs: Any, targets: Sequence[Target]) -> Tensor:
        """The mean loss of some pictures of a batch; `network` is to be called in place of `self.network`."""


def with_size(row: ModelRow, size: int) -> ModelRow:
    """`row` with another size of input."""
    return dataclasses.replace(row, input=dataclasses.replace(row.input, size=size))
