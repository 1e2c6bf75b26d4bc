"""`vision gradcam`."""

import functools
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from visioncli.cli import completion
from visioncli.cli.choices import MOST_SEED
from visioncli.cli.options import FrameOptions, with_frame_options

METHODS = (
    *("gradcam", "gradcam++", "smoothgradcam++", "xgradcam", "layercam"),
    *("scorecam", "sscam", "iscam", "eigencam"),
)
"""The methods by name: where they are implemented, torch is imported."""


class Raw(StrEnum):
    """File types of a map as numbers."""

    PNG = "png"
    NPY = "npy"


class Explained(StrEnum):
    """Which kind of network is explained."""

    CLASSIFY = "classify"
    DETECT = "detect"


@with_frame_options
def gradcam(
    frame: FrameOptions,
    target: Annotated[
        str,
        typer.Option(
            "--class",
            "-c",
            metavar="WHAT",
            help="Class names or ids, or top-N; for --task detect, boxes.",
            autocompletion=completion.targets,
        ),
    ] = "top-1",
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help=f"{', '.join(METHODS[:-1])} or {METHODS[-1]}.",
            show_default="gradcam; layercam for boxes",
            autocompletion=completion.words(*METHODS),
        ),
    ] = None,
    layer: Annotated[
        str, typer.Option("--layer", metavar="NAME", help="Where the map is taken; auto is the last feature map.")
    ] = "auto",
    list_layers: Annotated[
        bool, typer.Option("--list-layers", help="Print the layers that maps can be taken from, and exit.")
    ] = False,
    task: Annotated[Explained, typer.Option("--task", help="Explain classes or boxes.")] = Explained.CLASSIFY,
    score: Annotated[
        float, typer.Option("--score", metavar="P", help="With --task detect: boxes below this do not count.")
    ] = 0.4,
    opacity: Annotated[
        float, typer.Option("--opacity", metavar="SHARE", min=0.0, max=1.0, help="Of the heat map.")
    ] = 0.5,
    raw: Annotated[
        Raw | None, typer.Option("--raw", help="Also write the map itself: 16-bit PNG, or .npy of 0 to 1.")
    ] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Draw all asked-for classes side by side.")] = False,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="A,B",
            help="Explain with several models, side by side.",
            autocompletion=completion.models,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", metavar="N", min=0, max=MOST_SEED, help="For methods that add noise (smoothgradcam++, sscam)."
        ),
    ] = 0,
) -> None:
    """Show where in the picture the evidence for a class, or for a detected box, lies.

    A slow method (scorecam) runs the network once for each channel.
    """
    import dataclasses

    from visioncli.errors import UsageError
    from visioncli.models import registry
    from visioncli.resolve import named, resolve
    from visioncli.sinks.formats import SinkOptions
    from visioncli.weights.downloads import Access

    names = [n.strip() for n in (compare or "").split(",") if n.strip()]
    if names and frame.model:
        raise UsageError("Give the models with --compare or with --model, not with both.")
    detect = task is Explained.DETECT
    first = names[0] if names else frame.model or registry.default_model(task.value)
    if ":" not in first:
        named(first, task.value)
    access = Access.of(frame.offline)
    others = [resolve(name, "gradcam", access=access) for name in names[1:]]
    settings: dict[str, Any] = {
        # A box has a place: layercam weighs each place of the map by itself, gradcam a channel as a whole.
        "method": method or ("layercam" if detect else "gradcam"),
        "layer": layer,
        "target": target,
        "detect": detect,
        "score": score,
        "compare": others,
        "seed": seed,
    }
    if list_layers:
        _print_layers(first, frame, settings)
        return
    from visioncli.cli.session import run_task
    from visioncli.render.heat import draw

    draw_all = functools.partial(draw, opacity=opacity, grid=grid)
    raw = raw or (Raw.PNG if frame.report else None)  # which the page draws
    options = SinkOptions(raw_maps=raw.value if raw else None)
    run_task("gradcam", dataclasses.replace(frame, model=first), settings, draw_all, options)


def _print_layers(model: str, frame: FrameOptions, settings: dict[str, Any]) -> None:
    from visioncli.api import build_task
    from visioncli.engines.interface import EngineOptions
    from visioncli.tasks.gradcam.task import GradCam

    own: dict[str, Any] = {"weights": frame.weights, "labels": frame.labels, "offline": frame.offline}
    cam = build_task("gradcam", model, EngineOptions(frame.device), **own, **settings)
    assert isinstance(cam, GradCam)
    for network in cam.networks:
        layers = network.layers()
        width = max(len(layer.name) for layer in layers)
        for n, layer in enumerate(layers):
            shape = " x ".join(str(side) for side in layer.shape)
            auto = "  (auto)" if n == len(layers) - 1 and not settings["detect"] else ""
            sys.stdout.write(f"{layer.name:<{width}}  {layer.kind:<18} {shape}{auto}\n")
