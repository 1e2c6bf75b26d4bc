"""Options that several commands have in the same words, beside those of every task in `options`."""

from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.models.tta import Tta

TtaOption = Annotated[Tta, typer.Option("--tta", help="flip: also the mirror image; twice the time.")]
MirrorOption = Annotated[
    Tta | None,
    typer.Option(
        "--tta",
        help="flip: also the mirror image; twice the time.",
        show_default="flip where --precision auto is int8",
    ),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME,...",
        help="Networks that find the objects; several are fused.",
        show_default="that of detect",
        autocompletion=completion.detectors,
    ),
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Open no connection. [env: VISION_OFFLINE=1]")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")]
TrackOption = Annotated[
    bool, typer.Option("--track", help="In videos, give each object a number that it keeps over time.")
]
TruthIdsOption = Annotated[
    Path | None,
    typer.Option("--images", metavar="TRUTH.json", help="Take COCO image ids from this ground truth."),
]
