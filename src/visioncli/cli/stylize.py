"""`vision stylize`."""

import sys
from typing import Annotated, Any

import typer

from visioncli.cli import completion
from visioncli.cli.options import EngineKind, FrameOptions, Precision, frame_options_but

_LEFT_OUT: dict[str, Any] = {
    "weights": None,
    "labels": None,
    "engine": EngineKind.AUTO,
    "precision": Precision.AUTO,
    "exact_decode": False,
}


def _list_styles(wanted: bool) -> None:
    if not wanted:
        return
    from visioncli.models.styles import DEFAULT, STYLES

    for number, name in STYLES:
        sys.stdout.write(f"{number}\t{name}{'  (default)' if name == DEFAULT else ''}\n")
    raise typer.Exit


@frame_options_but(**_LEFT_OUT)
def stylize(
    frame: FrameOptions,
    style: Annotated[
        str | None,
        typer.Option(
            "--style",
            "-s",
            metavar="NAME|FILE[:SHARE],...",
            help="A style by name, any picture, or a mixture: mosaic:0.7,candy:0.3.",
            show_default="starry",
            autocompletion=completion.styles,
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option("--strength", metavar="SHARE", min=0.0, max=1.0, help="Of the painting; 0 is the photo itself."),
    ] = 1.0,
    keep_colours: Annotated[
        bool, typer.Option("--keep-colours", help="Take only the painting's luminance, and the photo's colours.")
    ] = False,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            metavar="PX",
            min=1,
            help="Paint the picture with at most this many pixels on its longer side.",
            show_default="as it is",
        ),
    ] = None,
    tile: Annotated[
        str | None,
        typer.Option(
            "--tile",
            metavar="SIZE[:OVERLAP]",
            help="Paint in overlapping tiles of this size.",
            show_default="768:0.25 beyond 1024 x 1024 pixels",
        ),
    ] = None,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="A RUN of --task translate: make its first kind of the second.")
    ] = False,
    list_styles: Annotated[
        bool,
        typer.Option("--list-styles", is_eager=True, callback=_list_styles, help="Print the styles, and exit."),
    ] = False,
) -> None:
    """Make paintings of pictures: in one of 26 styles, in the style of any other picture, or in a mixture."""
    from visioncli.cli.session import run_task
    from visioncli.render.stylize import draw

    settings: dict[str, object] = {
        "style": style,
        "strength": strength,
        "keep_colours": keep_colours,
        "size": size,
        "tile": tile,
        "reverse": reverse,
    }
    run_task("stylize", frame, settings, draw)
