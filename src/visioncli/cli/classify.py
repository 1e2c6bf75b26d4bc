"""`vision classify`."""

from typing import Annotated

import typer

from visioncli.cli.options import FrameOptions, with_frame_options


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
) -> None:
    """Name what each picture shows: the 1000 ImageNet classes, or your own, with their probabilities."""
    from visioncli.cli.session import run_task
    from visioncli.render.classify import draw

    run_task("classify", frame, {"top_k": top_k, "threshold": threshold}, draw)
