"""`vision bench`."""

import json as json_module
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.options import EngineKind, Precision
from visioncli.errors import UsageError

if TYPE_CHECKING:
    from visioncli.models.row import ModelRow


def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL...]",
            help="Networks of `vision models`, or RUN folders.",
            show_default="those of all tasks",
            autocompletion=completion.network_names,
        ),
    ] = None,
    batch_sizes: Annotated[
        str, typer.Option("--batch-size", "-b", metavar="N,...", help="Batch sizes, separated by commas.")
    ] = "1,8",
    engine: Annotated[EngineKind, typer.Option("--engine", help="auto measures each that the network has.")] = (
        EngineKind.AUTO
    ),
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[
        Precision, typer.Option("--precision", help="auto measures each that is of use here.")
    ] = Precision.AUTO,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", metavar="N", min=1, max=1024, help="Threads of the network.", show_default="the CPUs"
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="S", min=0.01, max=600, help="How long to measure each figure.")
    ] = 3.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Measure networks on this machine: pictures per second, latency percentiles and memory.

    The network alone, on arrays ready in memory. A folder of pictures takes longer by what decoding costs.
    """
    import dataclasses

    from visioncli import resolve
    from visioncli.cli.models.tables import write_table
    from visioncli.engines.compile import check_quantisable
    from visioncli.engines.interface import EngineOptions
    from visioncli.measure import measure
    from visioncli.models import registry
    from visioncli.weights.downloads import Access

    sizes = _sizes(batch_sizes)
    access = Access.of(False)
    names = models or [registry.default_model(task) for task in ("classify", "detect", "segment", "pose")]
    described = [resolve.named(name) for name in names]
    if listening := [row.name for row in described if row.sound is not None]:
        raise UsageError(f"{listening[0]} listens to recordings; vision bench measures networks of pictures.")
    if precision is Precision.INT8:
        for row in described:
            check_quantisable(row)  # before anything is fetched
    rows = [resolve.ready(row, access) for row in described]
    found = []
    for row in rows:
        for kind, numbers in _ways(row, engine, device, precision):
            for size in sizes:
                options = EngineOptions(device, threads, kind, numbers, tell=_tell)
                one = measure(row, options, size, seconds)
                found.append(one)
                if json:
                    sys.stdout.write(json_module.dumps(dataclasses.asdict(one)) + "\n")
                    sys.stdout.flush()
    if json:
        return
    head = ("model", "engine", "precision", "batch", "pictures/s", "p50 ms", "p95 ms", "p99 ms", "load s", "MiB")
    table = [
        (
            m.model,
            m.engine,
            m.precision,
            str(m.batch_size),
            f"{m.pictures_per_second:.1f}",
            f"{m.p50_ms:.1f}",
            f"{m.p95_ms:.1f}",
            f"{m.p99_ms:.1f}",
            f"{m.load_seconds:.2f}",
            "-" if m.memory_mib is None else f"{m.memory_mib:.0f}",
        )
        for m in found
    ]
    write_table(head, table, right=tuple(range(3, len(head))))


def _sizes(text: str) -> list[int]:
    from visioncli.errors import UsageError

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= 4096 for part in parts):
        raise UsageError(f"--batch-size takes numbers from 1 to 4096 with commas between them, not {text!r}.")
    return [int(part) for part in parts]


def _tell(message: str) -> None:
    sys.stderr.write(f"vision: {message}\n")


def _ways(row: "ModelRow", engine: EngineKind, device: str, precision: Precision) -> list[tuple[str, str]]:
    """The engines, and what each is to compute in, that are measured where the user left the choice."""
    from visioncli.engines import can_quantise
    from visioncli.engines.compile import can_compile
    from visioncli.processor import has_int8_units

    engines = [engine.value]
    if row.architecture == "onnx" and engine is EngineKind.AUTO:
        engines = ["onnx"]
    elif engine is EngineKind.AUTO:
        on_cpu = device in ("auto", "cpu") and precision in (Precision.AUTO, Precision.FP32)
        engines = ["onnx", "torch"] if on_cpu and can_compile(row) else ["torch"]
        if precision is Precision.INT8:
            engines = ["onnx"]
    if precision is not Precision.AUTO:
        return [(kind, precision.value) for kind in engines]
    ways = []
    for kind in engines:
        both = kind == "onnx" and can_quantise(row) and has_int8_units()
        ways += [(kind, numbers) for numbers in (("int8", "fp32") if both else ("fp32",))]
    return ways
