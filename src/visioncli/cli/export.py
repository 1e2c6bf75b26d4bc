"""`vision export`: a network as an ONNX file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli import completion


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A network of `vision models`.", autocompletion=completion.network_names
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write it.", show_default="MODEL.onnx")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Open no connection. [env: VISION_OFFLINE=1]")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
) -> None:
    """Write a network as an ONNX file with its labels, preprocessing and licence inside.

    `vision classify --model onnx:FILE` takes it back, and so does any program with ONNX Runtime.
    """
    from visioncli import resolve
    from visioncli.engines.compile import check_compilable, compile_model
    from visioncli.models import registry
    from visioncli.weights.downloads import Access

    row = registry.find(model)
    # Before its weights are fetched.
    check_compilable(row)
    row = resolve.ready(row, Access.of(offline))
    path = compile_model(row, out or Path(f"{model}.onnx"))
    if not quiet:
        size = f"{path.stat().st_size / 2**20:.1f} MiB, " if path.is_file() else ""
        sys.stderr.write(f"vision: {path} holds {row.name} ({size}{row.licence}).\n")
