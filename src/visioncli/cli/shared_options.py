"""Options that several commands have in the same words, beside those of every task in `options`."""

from pathlib import Path
from typing import Annotated

import typer

OfflineOption = Annotated[bool, typer.Option("--offline", help="Open no connection. [env: VISION_OFFLINE=1]")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")]
TruthIdsOption = Annotated[
    Path | None,
    typer.Option("--images", metavar="TRUTH.json", help="Take COCO image ids from this ground truth."),
]
