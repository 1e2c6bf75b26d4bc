"""`vision export`: a network as an ONNX file."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.own_network import LabelsOption, WeightsOption
from visioncli.cli.shared_options import OfflineOption, QuietOption


class ExportPrecision(StrEnum):
    """The numbers that the network in the file computes with."""

    FP32 = "fp32"
    INT8 = "int8"


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A network of `vision models`, a RUN folder, timm:NAME or hf:NAME_OR_PATH.",
            autocompletion=completion.network_names,
        ),
    ],
    weights: WeightsOption = None,
    labels: LabelsOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write it.", show_default="MODEL.onnx")
    ] = None,
    precision: Annotated[
        ExportPrecision,
        typer.Option("--precision", help="int8 is for the embedded networks."),
    ] = ExportPrecision.FP32,
    offline: OfflineOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a network as an ONNX file with its labels, preprocessing and licence inside.

    `vision classify --model onnx:FILE` takes it back, and so does any program with ONNX Runtime.
    """
    from visioncli import resolve
    from visioncli.engines.compile import check_exportable, check_quantisable, export_model
    from visioncli.models.offset import words
    from visioncli.models.row import Trained
    from visioncli.weights.downloads import Access

    access = Access.of(offline)
    row = resolve.describe(model, weights=weights, labels=labels, access=access)
    # Before its weights are fetched.
    check_exportable(row)
    if precision is ExportPrecision.INT8:
        check_quantisable(row)
    row = resolve.ready(row, access)
    own = isinstance(row.source, Trained)  # of a folder such as `.` the path is no name
    path = export_model(row, out or Path(f"{_file_name(row.name if own else model)}.onnx"), precision.value)
    if not quiet:
        size = f"{path.stat().st_size / 2**20:.1f} MiB, " if path.is_file() else ""
        sys.stderr.write(f"vision: {path} holds {row.name} ({size}{row.licence}).\n")
        if row.offset:
            sys.stderr.write(
                f"vision: The file answers where things are. {row.name} moves that: its masks lie "
                f"{words(row.offset)} what they mark, as those that it learned from.\n"
            )


def _file_name(model: str) -> str:
    """A name for a file: of `timm:` and `hf:`, what stands at the end."""
    return model.rstrip("/").rpartition(":")[2].rpartition("/")[2].strip(".") or "network"
