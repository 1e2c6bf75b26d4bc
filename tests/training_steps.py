"""What processes that train together are given to do in tests: functions that they can import."""

import os
import signal
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from visioncli.errors import OutputError
from visioncli.training.processes.interface import Launcher
from visioncli.training.processes.launcher import portion, share


class TwoPaths(nn.Module):
    """A tiny network in which the second path is left out of some steps, as drop-path does."""

    leaves_parts_out = True

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor, both: bool) -> torch.Tensor:
        x = torch.tanh(self.first(x)) + (torch.tanh(self.second(x)) if both else 0)
        return self.last(x)


def learn(launcher: Launcher, steps: int = 10) -> dict[str, Any]:
    """Ten steps of SGD with momentum, the last batch smaller than the others; all that came of it."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(61, 6)).astype(np.float32))
    y = torch.from_numpy(rng.integers(0, 3, 61))
    torch.manual_seed(0)
    network = TwoPaths()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.3, momentum=0.9)
    module, stepper = launcher.setup(network, optimizer)
    order = np.concatenate([rng.permutation(61) for _ in range(5)])
    losses = []
    for step, part in enumerate(share(order, launcher.rank, launcher.world, 20)[:steps]):
        stepper.zero_grad()
        with launcher.autocast():
            loss = nn.functional.cross_entropy(module(x[part.indices], step % 3 > 0), y[part.indices])
        launcher.backward(loss * part.weight)
        stepper.step()
        losses.append(launcher.mean(loss.detach() * part.weight).item())
    mine = portion(np.arange(61), launcher.rank, launcher.world)
    with torch.no_grad():
        answers = launcher.gather(network(x[mine], True).numpy())
    launcher.barrier()
    state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    return {"state": state, "losses": losses, "answers": answers, "rank": launcher.rank, "world": launcher.world}


def die(launcher: Launcher, how: str, pids: str = "") -> None:
    """The second process comes to grief, while the first waits for it."""
    if pids:
        with open(os.path.join(pids, str(launcher.rank)), "w") as file:
            file.write(str(os.getpid()))
    launcher.barrier()
    if launcher.rank == 1:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "said":
            raise OutputError("The disk is full.")
        if how == "unexpected":
            raise KeyError("a mistake")
    if how == "first":
        if launcher.is_main:
            raise OutputError("The first one's disk is full.")
        time.sleep(60)
    launcher.barrier()
    if how == "nothing":
        time.sleep(60)


class NotAtHome:
    """Ends the process that unpickles it, as one does for which no memory is left."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (9,)

    def __call__(self, launcher: Launcher) -> None:
        launcher.barrier()
