"""`vision stylize`."""

import functools
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from visioncli.cli import completion
from visioncli.cli.choices import MOST_SEED
from visioncli.cli.options import EngineKind, FrameOptions, Precision, frame_options_but

_LEFT_OUT: dict[str, Any] = {
    "report": False,
    "weights": None,
    "labels": None,
    "engine": EngineKind.AUTO,
    "precision": Precision.AUTO,
    "exact_decode": False,
}


class Method(StrEnum):
    """How a picture is painted."""

    NETWORK = "network"
    OPTIMISE = "optimise"


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
            show_default="as it is; optimise: 512",
        ),
    ] = None,
    stroke: Annotated[
        float | None,
        typer.Option(
            "--stroke",
            metavar="FACTOR",
            min=1.0,
            max=100.0,
            help="Strokes so many times as wide: painted smaller, then enlarged.",
            show_default="1 up to 2048 pixels",
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
    method: Annotated[
        Method,
        typer.Option(
            "--method",
            help="network: at once; optimise: minutes a picture, by gradient descent, in the style of any picture.",
        ),
    ] = Method.NETWORK,
    iterations: Annotated[
        int, typer.Option("--iterations", metavar="N", min=1, max=100_000, help="With --method optimise: steps.")
    ] = 300,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, max=MOST_SEED, help="With --method optimise: of the noise.")
    ] = 0,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="A RUN of --task translate: make its first kind of the second.")
    ] = False,
    list_styles: Annotated[
        bool,
        typer.Option("--list-styles", is_eager=True, callback=_list_styles, help="Print the styles, and exit."),
    ] = False,
) -> None:
    """Make paintings of pictures: in one of 26 styles, in the style of any other picture, or in a mixture."""
    from visioncli.cli.request import Request
    from visioncli.cli.session import load_task, run_request, task_elsewhere
    from visioncli.cli.terminal import Console
    from visioncli.render.stylize import draw
    from visioncli.sinks.formats import SinkOptions

    settings: dict[str, object] = {
        "style": style,
        "strength": strength,
        "keep_colours": keep_colours,
        "size": size,
        "stroke": stroke,
        "tile": tile,
        "reverse": reverse,
    }
    if method is Method.OPTIMISE:
        settings |= {"method": method.value, "iterations": iterations, "seed": seed}
    console = Console(quiet=frame.quiet)
    request = Request.of("stylize", frame, settings, draw, SinkOptions())
    watched = settings | ({"steps": console.steps} if method is Method.OPTIMISE else {})
    task = load_task("stylize", frame, dict(watched), console)
    make = functools.partial(task_elsewhere, "stylize", frame, settings, None) if frame.on else None
    run_request(request, task, console, make)
