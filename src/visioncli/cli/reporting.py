"""Making a report, with words for people: by itself, or at the end of a run."""

import os
from dataclasses import replace
from pathlib import Path

import typer

from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.iou_progress import LineProgress
from visioncli.cli.options import FrameOptions
from visioncli.cli.streams import printable
from visioncli.cli.terminal import Console
from visioncli.errors import VisionError
from visioncli.report.alike import NothingToShowError
from visioncli.report.build import Made, Request, build
from visioncli.status import Status

FOLDER = "report"
"""Where `--report` puts the page, below the results."""
MOST_NAMED = 5


def make(request: Request, frame: FrameOptions) -> None:
    """Makes the report and leaves with the exit status that the contract names. Raises VisionError."""
    console = Console(quiet=frame.quiet)
    interrupts.begin()
    try:
        with interrupts.armed():
            made = _built(request, frame, console)
    except KeyboardInterrupt:
        console.note("interrupted. Made again, the report goes on with the thumbnails that it has.")
        raise typer.Exit(Status.INTERRUPTED) from None
    for name, problem in made.problems[:MOST_NAMED]:
        console.failure(name, problem)
    if len(made.problems) > MOST_NAMED:
        console.warning(
            f"{len(made.problems) - MOST_NAMED:,} more pictures cannot be shown: see Failures on the page."
        )
    for warning in made.warnings:
        console.warning(printable(warning))
    for sentence in made.sentences:
        console.note(printable(sentence))
    _say_where(made, console)
    if made.problems:
        raise typer.Exit(Status.SOME_FAILED)


def make_beside(out: Path, frame: FrameOptions, console: Console) -> bool:
    """The report of the run that has just ended, in its folder; whether that went well. What goes wrong with it is a
    sentence, for the results are there."""
    try:
        with interrupts.armed():
            made = _built(Request((str(out),), out / FOLDER, max_pixels=frame.max_pixels), frame, console)
    except NothingToShowError:
        console.note("There are no duplicates to show, so there is no report.")
        return True
    except VisionError as problem:
        console.error(f"The report was not made: {printable(str(problem))}")
        return False
    except KeyboardInterrupt:
        console.note(f"interrupted; the results are whole. For the page: vision report {out} -o {out / FOLDER}")
        raise typer.Exit(Status.INTERRUPTED) from None
    _say_where(made, console)
    return True


def _built(request: Request, frame: FrameOptions, console: Console) -> Made:
    line = LineProgress(quiet=frame.quiet)
    workers = frame.workers or min(32, os.cpu_count() or 1)
    try:
        with console.silent_decoders(), console.captured_warnings():
            return build(replace(request, workers=workers, progress=line))
    except VisionError as problem:
        # Names out of files may hold anything, and a terminal obeys control characters.
        problem.args = (*problem.args[:-1], printable(str(problem)))
        raise
    finally:
        line.clear()


def _say_where(made: Made, console: Console) -> None:
    pictures = "1 picture" if made.pictures == 1 else f"{made.pictures:,} pictures"
    packed = f", packed in {made.archive}" if made.archive else ""
    console.note(f"Report of {pictures}: open {printable(str(made.page))}{packed}")
