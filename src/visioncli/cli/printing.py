"""What a run prints on standard output: `--print`, and `--json` for short."""

import sys
from collections.abc import Callable

from visioncli.cli.options import FrameOptions, PrintKind
from visioncli.cli.terminal import Console
from visioncli.errors import UsageError
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.lines import StdoutLines, StdoutPaths
from visioncli.tasks.interface import Task


def print_kind(frame: FrameOptions, formats: list[str]) -> PrintKind:
    """What was asked for, once `auto` is decided; `formats` are the documents that are written too.

    Raises UsageError where the options contradict each other.
    """
    kind = frame.print
    if frame.json:
        if kind not in (PrintKind.AUTO, PrintKind.JSONL):
            raise UsageError(f"--json means --print jsonl, which --print {kind} contradicts. Give one of them.")
        kind = PrintKind.JSONL
    if frame.out == "-" and formats:
        if kind not in (PrintKind.AUTO, PrintKind.NONE):
            raise UsageError(
                f"With -o - standard output is the document of --format {formats[0]}; it takes no {kind} too. "
                "Give a folder with -o."
            )
        return PrintKind.NONE
    if kind is PrintKind.AUTO:
        return PrintKind.TABLE if sys.stdout.isatty() else PrintKind.JSONL
    return kind


def printer(kind: PrintKind, console: Console, task: Task, *, null: bool) -> list[RecordSink]:
    """The sink that prints, if any. With `null` each path ends with NUL, else with a line end."""
    around = console.above_progress if sys.stdout.isatty() else _call
    match kind:
        case PrintKind.TABLE:
            return [console.table(task)]
        case PrintKind.JSONL:
            return [StdoutLines(around)]
        case PrintKind.PATHS:
            return [StdoutPaths(b"\0" if null else b"\n", around)]
    return []


def _call(printing: Callable[[], None]) -> None:
    printing()
