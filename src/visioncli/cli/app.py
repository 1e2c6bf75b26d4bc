"""The program `vision`: its commands, and how errors become sentences and exit statuses."""

import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from visioncli import __version__
from visioncli.cli import (
    bench,
    caption,
    classify,
    datasets,
    dedupe,
    detect,
    embed,
    eval,
    export,
    generate,
    gradcam,
    iou,
    merge,
    models,
    pose,
    report,
    schema,
    segment,
    similar,
    spectrogram,
    stylize,
    train,
    watch,
    wrong_usage,
)
from visioncli.cli.help_pages import Command, Group
from visioncli.cli.streams import printable, steady_streams
from visioncli.errors import OutputError, VisionError
from visioncli.status import Status

_NEXT_LINE = "\n  "
"""Where a message that is a small list goes on."""

app = typer.Typer(
    name="vision",
    cls=Group,
    help="Pretrained vision networks for pictures: annotated pictures, masks and JSON. Works offline.",
    epilog=(
        "Exit status: 0 all inputs succeeded, 1 some failed, 2 wrong usage, 3 none succeeded or no input found, "
        "4 a model is not available, 5 a --fail-under gate was missed, 130 interrupted."
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_PICTURES, _NETWORKS, _NUMBERS = "Pictures", "Networks", "Evaluation and records"
for _function in (
    classify.classify,
    detect.detect,
    segment.segment,
    pose.pose,
    caption.caption,
    gradcam.gradcam,
    embed.embed,
    similar.similar,
    dedupe.dedupe,
    spectrogram.spectrogram,
    stylize.stylize,
    generate.generate,
):
    app.command(_function.__name__, cls=Command, rich_help_panel=_PICTURES)(_function)
app.add_typer(watch.app, name="watch", cls=Group, rich_help_panel=_PICTURES)
app.command("eval", cls=Command, rich_help_panel=_NUMBERS)(eval.evaluate)
app.command("iou", cls=iou.IouCommand, rich_help_panel=_NUMBERS)(iou.iou)
app.command("merge", cls=Command, rich_help_panel=_NUMBERS)(merge.merge)
app.command("report", cls=Command, rich_help_panel=_NUMBERS)(report.report)
app.add_typer(models.app, name="models", cls=Group, rich_help_panel=_NETWORKS)
app.command("train", cls=Command, rich_help_panel=_NETWORKS)(train.train)
app.add_typer(datasets.app, name="datasets", cls=Group, rich_help_panel=_NETWORKS)
app.command("bench", cls=Command, rich_help_panel=_NETWORKS)(bench.bench)
app.command("export", cls=Command, rich_help_panel=_NETWORKS)(export.export)
app.command("schema", cls=Command, rich_help_panel=_NUMBERS)(schema.schema)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"vision {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Pretrained vision networks for pictures: annotated pictures, masks and JSON. Works offline."""


def main() -> NoReturn:
    """Runs the command that was typed, and leaves with its exit status."""
    steady_streams()
    try:
        status = int(app(prog_name="vision", standalone_mode=False) or Status.OK)
    except VisionError as problem:
        status = _say(str(problem), problem.status)
    except TyperException as problem:
        status = _wrong_usage(problem)
    except KeyboardInterrupt:
        status = int(Status.INTERRUPTED)
    except BrokenPipeError:
        status = int(Status.PIPE_CLOSED)
    _leave(status)


def _say(sentence: str, status: int) -> int:
    # Other line ends come from names and servers, and are shown as what they are.
    sys.stderr.write(_NEXT_LINE.join(map(printable, f"vision: {sentence}".split(_NEXT_LINE))) + "\n")
    return int(status)


def _wrong_usage(problem: TyperException) -> int:
    """What the command line's parser found, as one sentence; a command without any arguments shows its help."""
    context: Any = getattr(problem, "ctx", None)
    if type(problem).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{problem.message}\n")
        return int(Status.USAGE)
    message = wrong_usage.sentence(problem)
    where = f" See {context.command_path} --help." if context is not None else ""
    return _say(f"{message.rstrip('.')}.{where}" if message[-1] not in "?!" else message + where, Status.USAGE)


def _leave(status: int) -> NoReturn:
    """Ends at once: a thread inside a decoder cannot be stopped, and its result is no longer wanted."""
    # After an interrupt what is still buffered may be half a line, and its reader may never read on.
    if status != Status.INTERRUPTED:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            status = status or int(Status.PIPE_CLOSED)
        except OutputError as problem:
            # A run that failed for this very reason has said so.
            status = status or _say(str(problem), problem.status)
    sys.stderr.flush()
    os._exit(status)
