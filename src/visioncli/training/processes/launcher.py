"""Training in one process or in many: the same function runs in each, and learns the same.

A training function takes a `Launcher` and nothing else tells it how many processes there are. `launch` starts them:
one here (`Alone`, torch itself), or several, each with its share of every batch (`together.Together`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from visioncli.engines.pytorch import choose_device
from visioncli.errors import UsageError
from visioncli.training.processes.interface import Answer, Launcher, Precision, choose_precision


class Alone(Launcher):
    """One process."""

    def __init__(self, device: str = "auto", precision: Precision = "auto") -> None:
        chosen = choose_device(device)
        super().__init__(0, 1, chosen, choose_precision(precision, chosen))

    def prepare(self, module: nn.Module) -> nn.Module:
        return module.to(self.device)

    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach()

    def gather(self, array: np.ndarray) -> np.ndarray:
        return array

    def barrier(self) -> None:
        pass


def launch(
    main: Callable[[Launcher], Answer], devices: int = 1, device: str = "auto", precision: Precision = "auto"
) -> Answer:
    """Runs `main(launcher)` in so many processes, and returns what it returned in the first, which is this one.

    Where this process is itself one of several, started by torchrun or by a cluster (RANK, WORLD_SIZE and MASTER_ADDR
    are set), it joins the others instead. `main` must be a function of a module, or a `functools.partial` of one: it
    travels to the processes. One that fails or is killed ends all. Raises UsageError where there are not so many
    GPUs, ModelUnavailable without the extra `train`, and VisionError with what happened to another process.
    """
    if devices < 1:
        raise UsageError(f"--devices is the number of processes that train, at least 1, not {devices}.")
    wanted = choose_device(device).type
    if choose_precision(precision, torch.device(wanted)) != "fp32" and wanted == "cpu":
        raise UsageError(f"--precision {precision} needs a GPU; on the CPU it would be slower. Leave it out.")
    if wanted == "mps" and devices > 1:
        raise UsageError("This machine has one GPU: leave --devices out, or train on the CPU with --device cpu.")
    if int(os.environ.get("WORLD_SIZE") or 1) > 1 and "RANK" in os.environ and "MASTER_ADDR" in os.environ:
        from visioncli.training.processes import together

        return together.join(main, wanted, precision)
    if devices == 1:
        return main(Alone(device, precision))
    if wanted == "cuda" and devices > torch.cuda.device_count():
        raise UsageError(f"--devices {devices}: this machine has {torch.cuda.device_count()} GPUs.")
    from visioncli.training.processes import together

    return together.start(main, devices, wanted, precision)


@dataclass(frozen=True, slots=True)
class Share:
    """What one process does of one batch of all.

    `indices` `(n,)`, at least one. The mean loss of these times `weight` is what to call `backward` with: the mean
    over the processes is then the mean over the batch, whatever the sizes of their parts.
    """

    indices: np.ndarray
    weight: float


def share(order: np.ndarray, rank: int, world: int, batch_size: int) -> list[Share]:
    """The part of one process of each batch, where batches are `batch_size` successive ones of `order` `(N,)`.

    Batches are the same for any number of processes. A process for which nothing is left does the batch's first
    picture with weight 0: all must take part in each step.
    """
    shares = []
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        mine = np.array_split(batch, world)[rank]
        shares.append(Share(mine if len(mine) else batch[:1], len(mine) * world / len(batch)))
    return shares


def portion(order: np.ndarray, rank: int, world: int) -> np.ndarray:
    """The part of one process of something that is only looked at: `gather` puts the answers in order again."""
    return np.array_split(order, world)[rank]
