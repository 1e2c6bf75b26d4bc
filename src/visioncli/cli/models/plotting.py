"""`vision models plot`."""

import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.models.listing import select
from visioncli.errors import UsageError
from visioncli.models.row import ModelRow

if TYPE_CHECKING:
    from visioncli.render.models import Speeds

TRAINED_HERE = "trained here"
"""What RUN folders are called in the legend."""


def plot(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN...]",
            help="RUN folders of vision train, drawn among the networks.",
            autocompletion=completion.run_folders,
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.png", help="Where to write it.")] = Path(
        "models.png"
    ),
    task: Annotated[
        str, typer.Option("--task", "-t", metavar="TASK", help="Which networks.", autocompletion=completion.tasks)
    ] = "classify",
    speed: Annotated[
        Path | None,
        typer.Option(
            "--speed",
            metavar="FILE.jsonl",
            help="What vision bench --json wrote: milliseconds on this machine instead of multiply-adds.",
        ),
    ] = None,
    measured: Annotated[
        bool, typer.Option("--measured", help="Accuracy as measured by this project, not as published.")
    ] = False,
) -> None:
    """Draw accuracy against cost, as a PNG: multiply-adds, or the speed that was measured on this machine."""
    from visioncli.files import is_stream, whole_file
    from visioncli.render.models import draw_plot
    from visioncli.weights.runs import told_apart

    own = [_run(name, task) for name in runs or ()]
    rows = told_apart([*select(task, None), *own])
    image = draw_plot(rows, task, read_speeds(speed) if speed else None, measured=measured)
    with whole_file(out) as temporary:
        image.save(temporary, "PNG", optimize=True)
    if not is_stream(out):
        sys.stdout.write(f"{out}\n")


def _run(name: str, task: str) -> ModelRow:
    """The row of a RUN folder. Raises UsageError for what is none, and ModelUnavailable."""
    from visioncli.resolve import named
    from visioncli.weights.runs import is_run

    if not is_run(name):
        raise UsageError(f"{name} is no RUN folder of vision train. Networks of `vision models` are drawn anyway.")
    return dataclasses.replace(named(name, task, check=False), family=TRAINED_HERE)


def read_speeds(path: Path) -> "Speeds":
    """Milliseconds a picture by network, of what `vision bench --json` wrote: one picture at a time, the fastest of
    the engines and precisions that were measured. Raises UsageError."""
    from visioncli.inputs.small_files import read_small

    try:
        lines = read_small(path, "figures of vision bench --json").splitlines()
    except OSError as problem:
        raise UsageError(f"The figures in {path} cannot be read: {problem.strerror or problem}.") from problem
    speeds: dict[str, float] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            name, size, ms = one["model"], one["batch_size"], float(one["p50_ms"])
            if not (isinstance(name, str) and math.isfinite(ms) and ms > 0):
                raise ValueError("no speed")
        except (ValueError, TypeError, KeyError, RecursionError):
            raise UsageError(f"Line {number} of {path} is not as vision bench --json writes it.") from None
        if size == 1:
            speeds[name] = min(ms, speeds.get(name, ms))
    if not speeds:
        raise UsageError(f"{path} holds no figures for single pictures: vision bench MODEL... -b 1 --json > {path}")
    return speeds
