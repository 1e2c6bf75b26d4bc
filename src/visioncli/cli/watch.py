"""`vision watch TASK FOLDER...`: each task, on pictures as they come."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from visioncli.cli import caption, classify, detect, embed, gradcam, pose, segment, spectrogram, stylize
from visioncli.cli.help_pages import Command, Group
from visioncli.cli.options import FrameOptions, frame_options_but
from visioncli.inputs.follow import Watching

app = typer.Typer(cls=Group, no_args_is_help=True)
_PANEL = "Watching"
_FOLDERS = Annotated[list[str], typer.Argument(metavar="FOLDER...", help="Folders to watch.", show_default=False)]
_OWN: dict[str, tuple[Any, Any]] = {
    "settle": (
        Annotated[
            float,
            typer.Option(
                "--settle",
                metavar="SECONDS",
                min=0.0,
                help="A file that did not change for so long is whole; most formats tell sooner.",
                rich_help_panel=_PANEL,
            ),
        ],
        1.0,
    ),
    "poll": (
        Annotated[
            float | None,
            typer.Option(
                "--poll",
                metavar="SECONDS",
                min=0.1,
                help="Look through the folders that often: for file systems of a network.",
                show_default="the system tells of changes",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
}


@app.callback()
def watch() -> None:
    """Do a task on the pictures in folders, then on each new or changed one as it comes, until Ctrl-C.

    `vision watch detect FOLDER` takes the options of `vision detect`, and two of its own: --settle SECONDS, how long
    a file must not have changed to count as whole (1.0; most formats tell sooner), and --poll SECONDS for network
    file systems. Records are appended to OUT/predictions.jsonl; what is in there is not done again.
    """


def watching(command: Callable[..., None]) -> Callable[..., None]:
    """A task's command for folders that are watched."""
    task: Any = command
    body = task.__wrapped__

    def watched(frame: FrameOptions, **values: Any) -> None:
        how = Watching(**{name: values.pop(name) for name in _OWN})
        given = {name: value for name, value in frame.given.items() if name not in _OWN}
        body(dataclasses.replace(frame, given=given, watching=how), **values)

    own = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        for name, (annotation, default) in _OWN.items()
    ]
    parameters = inspect.signature(body, eval_str=True).parameters.values()
    watched.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters), *own]
    )
    watched.__name__, watched.__doc__ = body.__name__, body.__doc__
    none = {"report": False, "shard": None, "on": None, "actors": None, "resume": False}
    merged: Any = frame_options_but(**task.instead | none)(watched)
    signature = merged.__signature__
    folders = signature.parameters["inputs"].replace(annotation=_FOLDERS)
    merged.__signature__ = signature.replace(parameters=[folders, *list(signature.parameters.values())[1:]])
    merged.__annotations__["inputs"] = _FOLDERS
    return merged  # type: ignore[no-any-return]


for _function in (
    classify.classify,
    detect.detect,
    segment.segment,
    pose.pose,
    caption.caption,
    gradcam.gradcam,
    embed.embed,
    spectrogram.spectrogram,
    stylize.stylize,
):
    app.command(_function.__name__, cls=Command)(watching(_function))
