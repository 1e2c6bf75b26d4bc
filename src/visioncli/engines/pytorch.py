"""The reference engine: the network's own `nn.Module`, run by PyTorch."""

import numpy as np
import torch

from visioncli.engines.interface import Engine, EngineOptions
from visioncli.errors import UsageError
from visioncli.models.registry import ModelRow
from visioncli.weights.load import load_network

_DTYPES = {"auto": torch.float32, "fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchEngine(Engine):
    """Runs a network in inference mode on one device, channels last. Half precisions need a GPU."""

    name = "torch"

    def __init__(self, row: ModelRow, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        self.device = choose_device(options.device)
        self.dtype = _DTYPES[options.precision]
        self.precision = "fp32" if options.precision == "auto" else options.precision
        if self.dtype is not torch.float32 and self.device.type == "cpu":
            raise UsageError(
                f"--precision {options.precision} needs a GPU; on the CPU it would be slower and less exact. "
                "Leave it out, or give --device cuda on a machine that has one."
            )
        if self.dtype is torch.bfloat16 and self.device.type == "cuda" and not torch.cuda.is_bf16_supported():
            raise UsageError("This GPU cannot compute in bf16. Give --precision fp16.")
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        network = load_network(row).to(self.device, self.dtype)
        self.network = network.to(memory_format=torch.channels_last)

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        # On a CPU a batch is no faster than its pictures one by one, and the last digits would depend on its size.
        step = 1 if self.device.type == "cpu" else len(batch)
        parts = [self._run(batch[n : n + step]) for n in range(0, len(batch), step)]
        return tuple(np.concatenate(outputs) for outputs in zip(*parts, strict=True))

    def _run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        with torch.inference_mode():
            answer = self.network(self._on_device(torch.from_numpy(np.ascontiguousarray(batch))))
        outputs = answer if isinstance(answer, tuple) else (answer,)
        return tuple(output.float().cpu().numpy() for output in outputs)

    def _on_device(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.device.type == "cuda":
            # From pinned memory the copy goes on while the processor does other things.
            tensor = tensor.pin_memory()
        tensor = tensor.to(self.device, self.dtype, non_blocking=self.device.type == "cuda")
        return tensor.contiguous(memory_format=torch.channels_last)


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
