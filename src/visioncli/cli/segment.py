"""`vision segment`."""

import functools
import math
from enum import StrEnum
from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.options import FrameOptions, with_frame_options
from visioncli.cli.shared_options import DetectorOption, TruthIdsOption
from visioncli.models.tta import SegmentTta


class Mode(StrEnum):
    """What is told apart."""

    SEMANTIC = "semantic"
    INSTANCE = "instance"
    FOREGROUND = "foreground"


@with_frame_options
def segment(
    frame: FrameOptions,
    mode: Annotated[Mode, typer.Option("--mode", help="Classes, single objects, or foreground.")] = Mode.SEMANTIC,
    size: Annotated[
        int, typer.Option("--size", metavar="PX", help="Input size: 257 is quick, larger is finer.")
    ] = 513,
    tile: Annotated[
        str | None,
        typer.Option(
            "--tile",
            metavar="SIZE[:OVERLAP]",
            help="Overlapping tiles, blended, for large pictures, e.g. 512:0.25.",
        ),
    ] = None,
    tta: Annotated[
        SegmentTta | None,
        typer.Option(
            "--tta",
            help="flip: also the mirror image; turns: all eight views.",
            show_default="the RUN's, else flip in int8",
        ),
    ] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Short for --tta flip.")] = False,
    detector: DetectorOption = None,
    opacity: Annotated[
        float,
        typer.Option("--opacity", metavar="SHARE", min=0.0, max=1.0, help="Of the colours in the annotated picture."),
    ] = 0.5,
    polygons: Annotated[bool, typer.Option("--polygons", help="Outlines as polygons in the record.")] = False,
    score: Annotated[
        float, typer.Option("--score", "-s", metavar="P", help="Instance mode: leave out objects below this.")
    ] = 0.4,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            "-c",
            metavar="LIST",
            help="Instance mode: only these.",
            autocompletion=completion.classes,
        ),
    ] = None,
    cutout: Annotated[
        bool, typer.Option("--cutout", help="Foreground mode: also the picture with a transparent background.")
    ] = False,
    background: Annotated[
        str | None,
        typer.Option("--background", metavar="COLOR|FILE", help="Foreground mode: put another background behind."),
    ] = None,
    centerline: Annotated[
        str | None,
        typer.Option(
            "--centerline",
            metavar="LIST",
            help="With --format geojson: also the centre lines of these thin classes, e.g. road.",
            autocompletion=completion.classes,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="PX",
            min=0.0,
            help="With --format geojson: simplify by so many pixels at most.",
            show_default="0: exact; lines 1",
        ),
    ] = None,
    images: TruthIdsOption = None,
) -> None:
    """Give each pixel its class (20 Pascal VOC classes), each object its mask, or cut out the foreground.

    Instance masks are APPROXIMATE with the embedded network, which knows classes but not objects: the class mask
    inside each detected box. Records say so.
    """
    from visioncli.cli.session import run_task
    from visioncli.errors import UsageError
    from visioncli.render.segment import draw
    from visioncli.sinks.formats import SinkOptions, parse_formats

    if (cutout or background) and mode is not Mode.FOREGROUND:
        raise UsageError("--cutout and --background need --mode foreground.")
    if classes is not None and mode is not Mode.INSTANCE:
        raise UsageError("--classes needs --mode instance.")
    if (centerline is not None or tolerance is not None) and "geojson" not in parse_formats(
        frame.format, "segment", to_stdout=False
    ):
        raise UsageError("--centerline and --tolerance shape maps: add --format geojson.")
    if tolerance is not None and not math.isfinite(tolerance):
        raise UsageError(f"--tolerance is a number of pixels, not {tolerance}.")
    settings: dict[str, object] = {"mode": mode.value, "size": size, "polygons": polygons, "detector": detector}
    settings["tile"] = tile
    settings["tta"] = SegmentTta.FLIP.value if flip else tta and tta.value
    if mode is Mode.INSTANCE:
        settings |= {"score": score, "classes": classes}
    options = SinkOptions(
        images=images,
        masks=True,
        cutout=cutout,
        background=background,
        centerline=centerline,
        tolerance=tolerance,
    )
    run_task("segment", frame, settings, functools.partial(draw, opacity=opacity), options)
