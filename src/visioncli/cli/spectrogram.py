"""`vision spectrogram`."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visioncli.cli.options import (
    WITHOUT_VIDEOS,
    AnnotatedKind,
    EngineKind,
    FrameOptions,
    Precision,
    frame_options_but,
)
from visioncli.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from visioncli.render.canvas import Arrays
    from visioncli.results import Record
    from visioncli.tasks.interface import Task

_LEFT_OUT: dict[str, Any] = {
    **WITHOUT_VIDEOS,
    "annotated": AnnotatedKind.PNG,
    "report": False,
    "weights": None,
    "labels": None,
    "device": "auto",
    "engine": EngineKind.AUTO,
    "precision": Precision.AUTO,
    "threads": None,
    "max_pixels": 179_000_000,
    "pages": None,
    "dpi": 150.0,
    "exact_decode": False,
    "offline": False,
}
PLAIN_COLUMNS = 65_536
_RECIPE = "Recipe"


class MelScale(StrEnum):
    """How pitches are spaced."""

    HTK = "htk"
    SLANEY = "slaney"


class Colours(StrEnum):
    """Colour maps."""

    INFERNO = "inferno"
    MAGMA = "magma"
    VIRIDIS = "viridis"
    GREY = "grey"


@frame_options_but(**_LEFT_OUT)
def spectrogram(
    frame: FrameOptions,
    plain: Annotated[
        bool, typer.Option("--plain", help="No axes: a column a frame, a row a band, for other programs.")
    ] = False,
    colours: Annotated[
        Colours | None, typer.Option("--colours", help="Colour map.", show_default="inferno; plain: grey")
    ] = None,
    span: Annotated[
        float | None,
        typer.Option(
            "--range",
            metavar="DB",
            min=1,
            max=200,
            help="Decibels from the darkest to the brightest.",
            show_default="80",
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option("--rate", metavar="HZ", help="Samples a second.", show_default="22050", rich_help_panel=_RECIPE),
    ] = None,
    fft: Annotated[
        int | None,
        typer.Option("--fft", metavar="N", help="Samples a frame.", show_default="1024", rich_help_panel=_RECIPE),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            "--window",
            metavar="N",
            help="Samples of it under the window, the rest being zeros.",
            show_default="all",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    hop: Annotated[
        int | None,
        typer.Option(
            "--hop",
            metavar="N",
            help="Samples from a frame to the next.",
            show_default="256",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    mels: Annotated[
        int | None,
        typer.Option("--mels", metavar="N", help="Bands of pitch.", show_default="128", rich_help_panel=_RECIPE),
    ] = None,
    min_hz: Annotated[
        float | None,
        typer.Option("--min-hz", metavar="HZ", help="The lowest pitch.", show_default="0", rich_help_panel=_RECIPE),
    ] = None,
    max_hz: Annotated[
        float | None,
        typer.Option(
            "--max-hz",
            metavar="HZ",
            help="The highest pitch.",
            show_default="half the rate",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    scale: Annotated[
        MelScale | None,
        typer.Option("--scale", help="The mel scale.", show_default="slaney", rich_help_panel=_RECIPE),
    ] = None,
) -> None:
    """Draw recordings: what pitch is how strong at what time.

    --model takes the recipe of a network of sound, such as yamnet: with --plain, the very picture that it looks at.
    """
    from visioncli.cli.request import Request
    from visioncli.cli.session import run_request
    from visioncli.cli.terminal import Console
    from visioncli.sinks.formats import SinkOptions

    given = {
        "rate": rate,
        "fft": fft,
        "window": window,
        "hop": hop,
        "mels": mels,
        "lowest": min_hz,
        "highest": max_hz,
        "scale": scale and scale.value,
    }
    own = {name: value for name, value in given.items() if value is not None}
    console = Console(quiet=frame.quiet)
    task = _task(frame, own, plain)
    map_name = (colours or (Colours.GREY if plain else Colours.INFERNO)).value

    def draw(image: "Image", record: "Record", arrays: "Arrays") -> "Image":
        from visioncli.render.spectrogram import coloured, plot

        limits, decibels = _limits(task, record, span)
        if plain:
            found = coloured(image, map_name, limits)
            return found.getchannel(0) if map_name == Colours.GREY else found
        return plot(image, arrays, colours=map_name, limits=limits, decibels=decibels)

    request = Request.of("spectrogram", frame, {}, draw, SinkOptions())
    run_request(request, task, console)


def _task(frame: FrameOptions, own: dict[str, Any], plain: bool) -> "Task":
    """Raises UsageError for an impossible recipe, or a network that has none."""
    from visioncli.resolve import named
    from visioncli.tasks.spectrogram.task import DrawSpectrogram, recipe

    most = PLAIN_COLUMNS if plain else 4096
    if frame.model is None:
        return DrawSpectrogram(recipe(**own), most_columns=most)
    row = named(frame.model)
    if row.sound is None:
        raise UsageError(f"{row.name} looks at pictures, and has no recipe for recordings. Leave out --model.")
    if own:
        raise UsageError(f"{row.name} has a recipe of its own: leave out --model, or the options of a recipe.")
    return DrawSpectrogram(row.sound, row.name, most)


def _limits(task: Any, record: "Record", span: float | None) -> tuple[tuple[int, int], tuple[float, float]]:
    """The levels that are the darkest and the brightest colour, and their decibels.

    A network's recipe has levels of its own, which stay as they are unless a range is asked for.
    """
    from visioncli.tasks.spectrogram.task import decibels

    spec = task.spec
    each = decibels(1, spec) - decibels(0, spec)
    assert record.predictions is not None
    high = round((record.predictions[0].highest_db - decibels(0, spec)) / each)
    fixed = span is None and task.model.name != "log-mel"
    # Of nothing but silence there is nothing to be stretched.
    low, high = (0, 255) if fixed or not high else (high - round((span or 80.0) / each), high)
    return (low, high), (decibels(low, spec), decibels(high, spec))
