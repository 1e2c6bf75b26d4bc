"""What a training function needs of the process that it runs in, be it alone or one of many."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import nn

from visioncli.errors import UsageError

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""What is multiplied with: weights stay float32. "auto" is half precision on a GPU of NVIDIA, fp32 elsewhere."""
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
Answer = TypeVar("Answer")


class Launcher(ABC):
    """What a training function needs to know and do beside learning."""

    rank: int
    """Which of the processes this is, from 0."""
    world: int
    """How many processes there are."""
    device: torch.device
    precision: str
    """"fp32", "bf16" or "fp16"."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks to people: one of them does."""
        return self.rank == 0

    @abstractmethod
    def setup(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, torch.optim.Optimizer]:
        """What to call in place of `module` and `optimizer` from now on; the module is moved to the device.

        Call it again after anything of the module has been frozen or unfrozen. Its tensors stay those of `module`,
        so that states are read from and loaded into what was given.
        """

    @abstractmethod
    def backward(self, loss: torch.Tensor) -> None:
        """Adds the gradients of `loss`, averaged over all processes, to the module's. Every process calls it."""

    @abstractmethod
    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        """The mean of the processes' tensors, the same in each. Every process calls it."""

    @abstractmethod
    def gather(self, array: np.ndarray) -> np.ndarray:
        """`(n, ...)` of each process -> all of them `(N, ...)`, by rank, in each. Every process calls it."""

    @abstractmethod
    def barrier(self) -> None:
        """Returns once every process has come here."""

    def autocast(self) -> AbstractContextManager[None]:
        """Within it networks compute in half precision, where that was chosen. Losses belong inside it too."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, HALVES[self.precision])


def choose_precision(wanted: str, device: torch.device) -> str:
    """The precision that was wanted, or what `auto` stands for on this device. Raises UsageError."""
    if wanted not in ("auto", "fp32", *HALVES):
        raise UsageError(f"There is no precision {wanted!r}. Choose one of: auto, fp32, {', '.join(HALVES)}.")
    if wanted != "auto":
        return wanted
    if device.type != "cuda":
        return "fp32"  # processors gain nothing from it, or need 2023's instructions
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
