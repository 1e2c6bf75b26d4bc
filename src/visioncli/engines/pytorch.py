"""The reference engine: the network's own `nn.Module`, run by PyTorch."""

import numpy as np
import torch

from visioncli.engines.interface import Engine
from visioncli.errors import UsageError
from visioncli.models.registry import ModelRow
from visioncli.models.weights import load_network


class TorchEngine(Engine):
    """Runs a network in inference mode on one device, channels last."""

    def __init__(self, row: ModelRow, device: str = "auto", threads: int | None = None) -> None:
        self.device = choose_device(device)
        if threads is not None:
            torch.set_num_threads(threads)
        network = load_network(row).to(self.device)
        self.network = network.to(memory_format=torch.channels_last)

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        # On a CPU a batch is no faster than its pictures one by one, and the last digits would depend on its size.
        step = 1 if self.device.type == "cpu" else len(batch)
        parts = [self._run(batch[n : n + step]) for n in range(0, len(batch), step)]
        return tuple(np.concatenate(outputs) for outputs in zip(*parts, strict=True))

    def _run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        with torch.inference_mode():
            tensor = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device)
            answer = self.network(tensor.contiguous(memory_format=torch.channels_last))
        outputs = answer if isinstance(answer, tuple) else (answer,)
        return tuple(output.float().cpu().numpy() for output in outputs)


def choose_device(wanted: str) -> torch.device:
    """The device called `auto`, `cpu`, `cuda`, `cuda:N` or `mps`. Raises UsageError with those that exist."""
    existing = ["cpu"]
    if torch.cuda.is_available():
        existing += ["cuda", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        existing.append("mps")
    if wanted == "auto":
        return torch.device(existing[1] if len(existing) > 1 else "cpu")
    if wanted not in existing:
        raise UsageError(f"There is no device {wanted!r} on this machine. Devices here: {', '.join(existing)}.")
    return torch.device(wanted)
