"""The program `vision`: its commands, and how errors become sentences and exit statuses."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from visioncli import __version__
from visioncli.cli import bench, caption, classify, detect, export, gradcam, iou, models, pose, schema, segment
from visioncli.errors import VisionError
from visioncli.status import Status

app = typer.Typer(
    name="vision",
    help="Pretrained vision networks for pictures: annotated pictures, masks and JSON. Works offline.",
    epilog=(
        "Exit status: 0 all inputs succeeded, 1 some failed, 2 wrong usage, 3 none succeeded or no input found, "
        "4 a model is not available, 5 a --fail-under gate was missed, 130 interrupted."
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("classify")(classify.classify)
app.command("detect")(detect.detect)
app.command("segment")(segment.segment)
app.command("pose")(pose.pose)
app.command("caption")(caption.caption)
app.command("gradcam")(gradcam.gradcam)
app.command("iou", cls=iou.IouCommand)(iou.iou)
app.add_typer(models.app, name="models")
app.command("bench")(bench.bench)
app.command("export")(export.export)
app.command("schema")(schema.schema)


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
    _replace_closed_streams()
    try:
        app(standalone_mode=True)
        status = int(Status.OK)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(Status.OK)
    except VisionError as problem:
        sys.stderr.write(f"vision: {problem}\n")
        status = int(problem.status)
    except KeyboardInterrupt:
        status = int(Status.INTERRUPTED)
    except BrokenPipeError:
        status = int(Status.PIPE_CLOSED)
    _leave(status)


def _replace_closed_streams() -> None:
    # Started with `>&-` or by a daemon: Python has no stream then, and the next file opened would take its number.
    if sys.stdout is None or sys.stderr is None:
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(descriptor)
        sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
        sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _leave(status: int) -> NoReturn:
    """Ends at once: a thread inside a decoder cannot be stopped, and its result is no longer wanted."""
    # After an interrupt what is still buffered may be half a line, and its reader may never read on.
    for stream in (sys.stdout, sys.stderr) if status != Status.INTERRUPTED else (sys.stderr,):
        try:
            stream.flush()
        except OSError as problem:
            if status == Status.OK:
                closed = isinstance(problem, BrokenPipeError)
                status = int(Status.PIPE_CLOSED if closed else Status.NONE_SUCCEEDED)
                if not closed:
                    os.write(2, f"vision: Cannot write to standard output: {problem.strerror}.\n".encode())
    os._exit(status)
