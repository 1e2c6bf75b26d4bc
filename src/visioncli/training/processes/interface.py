"""What a training function needs of the process that it runs in, be it alone or one of many."""

import weakref
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
    """What a training function needs to know and do beside learning.

    `rank` is which of the `world` processes this is, from 0; `precision` is "fp32", "bf16" or "fp16".
    """

    def __init__(self, rank: int, world: int, device: torch.device, precision: str) -> None:
        self.rank, self.world, self.device, self.precision = rank, world, device, precision
        # Gradients of fp16 vanish below 6e-8: the loss is scaled up, and gradients down again.
        self._scaler = torch.amp.GradScaler(device.type) if precision == "fp16" else None
        self._scaled = weakref.WeakSet[torch.optim.Optimizer]()

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks to people: one of them does."""
        return self.rank == 0

    def setup(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, torch.optim.Optimizer]:
        """What to call in place of `module` and `optimizer` from now on; the module is moved to the device.

        Call it again after anything of the module has been frozen or unfrozen, always with the module itself. Its
        tensors stay its own: read states from what was given, and load them into that before. A module that uses
        only some of its parameters in a step, as drop-path does, says so by an attribute `leaves_parts_out = True`.
        """
        module = self.prepare(module)
        if self._scaler is not None and optimizer not in self._scaled:
            self._scaled.add(optimizer)
            optimizer.register_step_pre_hook(self._before_step)
            optimizer.register_step_post_hook(self._after_step)
        return module, optimizer

    def autocast(self) -> AbstractContextManager[object]:
        """Within it networks compute in half precision, where that was chosen. Losses belong inside it too."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, HALVES[self.precision])

    def backward(self, loss: torch.Tensor) -> None:
        """Adds the gradients of `loss`, averaged over all processes, to the module's. Every process calls it."""
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        assert self._scaler is not None
        self._scaler.unscale_(optimizer)
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not all(bool(torch.isfinite(gradient).all()) for gradient in gradients):
            optimizer.zero_grad()  # nothing to step by: it is left out, and the scale becomes smaller

    def _after_step(self, *_: object) -> None:
        assert self._scaler is not None
        self._scaler.update()

    @abstractmethod
    def prepare(self, module: nn.Module) -> nn.Module:
        """The module on the device, so wrapped that its gradients are averaged."""

    @abstractmethod
    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        """The mean of the processes' tensors, the same in each. Every process calls it."""

    @abstractmethod
    def gather(self, array: np.ndarray) -> np.ndarray:
        """`(n, ...)` of each process -> all of them `(N, ...)`, by rank, in each. Every process calls it."""

    @abstractmethod
    def barrier(self) -> None:
        """Returns once every process has come here."""


def choose_precision(wanted: str, device: torch.device) -> str:
    """The precision that was wanted, or what `auto` stands for on this device. Raises UsageError."""
    if wanted not in ("auto", "fp32", *HALVES):
        raise UsageError(f"There is no precision {wanted!r}. Choose one of: auto, fp32, {', '.join(HALVES)}.")
    if wanted != "auto":
        return wanted
    if device.type != "cuda":
        return "fp32"  # processors gain nothing from it, or need 2023's instructions
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
