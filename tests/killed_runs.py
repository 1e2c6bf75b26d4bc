"""Runs of training that end as if killed, and whether what they left is the same."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from visioncli.training.watch import Watcher


def tensors(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class KilledAt(Watcher):
    """Ends the run at a step, as a signal does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def event(self, event: str, **facts: Any) -> None:
        if event == "step" and facts["step"] == self.step:
            raise KeyboardInterrupt
