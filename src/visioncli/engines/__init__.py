"""How a network runs. `open_engine` imports only the engine that it opens."""

import dataclasses
import os
import sys
from pathlib import Path

from visioncli import processor
from visioncli.engines.compile import can_compile, can_quantise, check_quantisable, compiled_file
from visioncli.engines.interface import ENGINES, PRECISIONS, Engine, EngineOptions
from visioncli.errors import UsageError
from visioncli.models.activation_ranges import activation_ranges
from visioncli.models.row import Carrier, ModelRow, Packaged, Trained

__all__ = ["Engine", "EngineOptions", "can_quantise", "choose_engine", "choose_precision", "open_engine"]

AUTO_INT8 = True
"""Whether the precision `auto` is int8 where the network and the processor are made for it."""


def open_engine(row: ModelRow, options: EngineOptions | None = None) -> Engine:
    """The network of `row`, loaded and ready. Raises UsageError (device, engine) and ModelUnavailable (weights)."""
    options = options or EngineOptions()
    kind = choose_engine(row, options)
    if row.architecture == "onnx":
        from visioncli.engines.onnx_file import OnnxFileEngine

        return OnnxFileEngine(row, options)
    precision = choose_precision(row, options)
    if options.precision == "int8" and precision != "int8":
        options.tell(f"{row.name} runs in fp32: this processor has no units for int8, without which that is faster.")
    if kind == "onnx":
        from visioncli.engines.onnx import open_compiled

        if engine := open_compiled(row, options, precision):
            return engine
        precision = "fp32"
    from visioncli.engines.pytorch import TorchEngine

    return TorchEngine(row, dataclasses.replace(options, precision=precision))


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
    if options.precision == "int8":
        _check_int8(row, options)
        return "onnx"
    if options.engine == "onnx":
        if not on_cpu:
            raise UsageError(f"The engine onnx runs on the CPU. For the device {options.device} give --engine torch.")
        if options.precision not in ("auto", "fp32"):
            raise UsageError(
                f"The engine onnx computes in fp32 and int8. For {options.precision} give --engine torch."
            )
        if not can_compile(row):
            raise UsageError(f"{row.name} cannot be compiled for the engine onnx. Leave out --engine.")
        return "onnx"
    wanted = options.engine == "auto" and on_cpu and options.precision in ("auto", "fp32") and can_compile(row)
    if not wanted or not (isinstance(row.source, Carrier | Packaged | Trained) or compiled_file(row).is_file()):
        return "torch"
    return "torch" if options.device == "auto" and _has_gpu() else "onnx"


def choose_precision(row: ModelRow, options: EngineOptions) -> str:
    """What the network of `row` computes in: `fp32`, `int8`, `fp16` or `bf16`. Raises as `choose_engine`.

    `auto` is int8 where the engine is onnx, the network's activation ranges are known and worth it, and the processor
    has units for it; fp32 elsewhere. Who asks for int8 on a processor without them gets fp32: it is faster there.
    """
    engine = choose_engine(row, options)
    if options.precision not in ("auto", "int8"):
        return options.precision
    wanted = options.precision == "int8" or (AUTO_INT8 and engine == "onnx" and _worthwhile(row))
    return "int8" if wanted and processor.has_int8_units() else "fp32"


def _worthwhile(row: ModelRow) -> bool:
    """Whether int8 is the better choice for the network of `row` where there are units for it."""
    known = activation_ranges(row)
    return can_quantise(row) and known is not None and known.auto


def _check_int8(row: ModelRow, options: EngineOptions) -> None:
    """Raises UsageError where the network of `row` cannot be run in int8 as `options` want it."""
    if options.engine == "torch":
        raise UsageError("The engine torch computes in fp32, fp16 and bf16. For int8 give --engine onnx.")
    if options.device not in ("auto", "cpu"):
        raise UsageError(f"--precision int8 is for the CPU, not for {options.device}. For a GPU give fp16 or bf16.")
    check_quantisable(row)


def _has_gpu() -> bool:
    """Whether torch would find a GPU. Torch itself, slow to load, is asked only where there may be one."""
    signs = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
    if sys.platform == "win32":
        signs = (os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll"),)
    if not any(Path(sign).exists() for sign in signs):
        return False
    import torch

    return torch.cuda.is_available()
