"""The options that name any network, the user's own included, where it is only told of or written."""

from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli import completion

WeightsOption = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="Your own checkpoint: .pth or .safetensors.")
]
LabelsOption = Annotated[Path | None, typer.Option("--labels", metavar="FILE", help="Its class names, one a line.")]
AnyName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A network of `vision models`, a RUN folder, timm:NAME, hf:NAME_OR_PATH or onnx:FILE.",
        autocompletion=completion.network_names,
    ),
]
