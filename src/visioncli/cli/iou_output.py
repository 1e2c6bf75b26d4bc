"""Everything that `vision iou` writes to standard output goes through `show`."""

import json
import sys
from typing import Any, TextIO

import typer

from visioncli.errors import OutputError
from visioncli.status import Status


def json_text(value: Any) -> str:
    """`value` as one line of JSON. Halves of a character, which no encoding has, are written as JSON's escapes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace").decode()


def show(text: str, stream: TextIO | None = None) -> None:
    """Write to standard output, with a line end; what its encoding does not have as escapes.

    Raises OutputError where the disk is full, and Exit with PIPE_CLOSED where the reader went away.
    """
    out = stream or sys.stdout
    encoding = getattr(out, "encoding", None) or "utf-8"
    try:
        out.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        out.flush()
    except BrokenPipeError:
        raise typer.Exit(Status.PIPE_CLOSED) from None
    except OSError as problem:
        raise OutputError(f"Cannot write to standard output: {problem.strerror}.") from None
