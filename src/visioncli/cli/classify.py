"""`vision classify`."""

from enum import StrEnum
from typing import Annotated

import typer

from visioncli.cli.options import FrameOptions, with_frame_options
from visioncli.cli.shared_options import TtaOption
from visioncli.models.tta import Tta


class Fuse(StrEnum):
    """How several networks answer together."""

    MEAN = "mean"


@with_frame_options
def classify(
    frame: FrameOptions,
    top_k: Annotated[int, typer.Option("--top-k", "-k", metavar="K", help="Classes a picture, best first.")] = 5,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="P",
            help="Leave out classes below this.",
            show_default="0, or as trained",
        ),
    ] = None,
    fuse: Annotated[
        Fuse | None,
        typer.Option(
            "--fuse", help="Of several networks: the mean of their probabilities, not one beside the other."
        ),
    ] = None,
    tta: TtaOption = Tta.NONE,
    windows: Annotated[
        bool, typer.Option("--windows", help="Of a recording, also what is heard when, window by window.")
    ] = False,
) -> None:
    """Name what each picture shows: the 1000 ImageNet classes, or your own, with their probabilities.

    Recordings (WAV, FLAC, Ogg, MP3) are named by what is heard in them, one of 521 sounds or more. Several networks,
    --model A,B, stand side by side; A+B, or --fuse mean, answer together.
    """
    from visioncli.cli.session import run_task
    from visioncli.render.classify import draw

    settings = {
        "top_k": top_k,
        "threshold": threshold,
        "fuse": fuse and fuse.value,
        "tta": tta.value,
        "windows": windows,
    }
    run_task("classify", frame, settings, draw)
