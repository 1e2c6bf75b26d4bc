"""How a network runs. `open_engine` imports only the engine that it opens."""

import os
import sys
from pathlib import Path

from visioncli.engines.compile import can_compile, compiled_file
from visioncli.engines.interface import ENGINES, PRECISIONS, Engine, EngineOptions
from visioncli.errors import UsageError
from visioncli.models.row import Carrier, ModelRow, Packaged, Trained

__all__ = ["Engine", "EngineOptions", "choose_engine", "open_engine"]


def open_engine(row: ModelRow, options: EngineOptions | None = None) -> Engine:
    """The network of `row`, loaded and ready. Raises UsageError (device, engine) and ModelUnavailable (weights)."""
    options = options or EngineOptions()
    kind = choose_engine(row, options)
    if row.architecture == "onnx":
        from visioncli.engines.onnx_file import OnnxFileEngine

        return OnnxFileEngine(row, options)
    if kind == "onnx":
        from visioncli.engines.onnx import open_compiled

        if engine := open_compiled(row, options):
            return engine
    from visioncli.engines.pytorch import TorchEngine

    return TorchEngine(row, options)


def choose_engine(row: ModelRow, options: EngineOptions) -> str:
    """`torch` or `onnx`. Raises UsageError for a choice that does not exist or cannot be had.

    `auto` is `onnx` on the CPU, for the embedded networks, those of the package index, the user's own trained ones
    and those that were compiled before; the others start at once with `torch`, for compiling a large network takes
    longer than some pictures do.
    """
    for option, value, known in (
        ("--engine", options.engine, ENGINES),
        ("--precision", options.precision, PRECISIONS),
    ):
        if value not in known:
            raise UsageError(f"{option} is one of {', '.join(known)}, not {value!r}.")
    if row.architecture == "onnx":
        return "onnx"  # its engine says what else it cannot do
    on_cpu = options.device in ("auto", "cpu")
    if options.engine == "onnx":
        if not on_cpu:
            raise UsageError(f"The engine onnx runs on the CPU. For the device {options.device} give --engine torch.")
        if options.precision != "fp32":
            raise UsageError(f"The engine onnx computes in fp32. For {options.precision} give --engine torch.")
        if not can_compile(row):
            raise UsageError(f"{row.name} cannot be compiled for the engine onnx. Leave out --engine.")
        return "onnx"
    wanted = options.engine == "auto" and on_cpu and options.precision == "fp32" and can_compile(row)
    if not wanted or not (isinstance(row.source, Carrier | Packaged | Trained) or compiled_file(row).is_file()):
        return "torch"
    return "torch" if options.device == "auto" and _has_gpu() else "onnx"


def _has_gpu() -> bool:
    """Whether torch would find a GPU. Torch itself, slow to load, is asked only where there may be one."""
    signs = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
    if sys.platform == "win32":
        signs = (os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll"),)
    if not any(Path(sign).exists() for sign in signs):
        return False
    import torch

    return torch.cuda.is_available()
