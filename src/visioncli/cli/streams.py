"""The program's standard output and standard error: full disks, closed pipes and old encodings are no tracebacks, and
what a file or a server said does not steer the terminal."""

import io
import os
import sys
import warnings
from typing import TextIO

from visioncli.errors import OutputError


class _Results(io.FileIO):
    """Standard output: what cannot be written ends the run with a sentence."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            # Without its number: libraries look for that, and have ways of their own to end the program.
            raise BrokenPipeError from None
        except OSError as problem:
            raise OutputError(f"Cannot write to standard output: {_reason(problem)}.") from None


class _Words(io.FileIO):
    """Standard error: words that nobody can read must not change what becomes of the results."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def _reason(problem: OSError) -> str:
    words = problem.strerror or str(problem)
    return words[:1].lower() + words[1:]


def steady_streams() -> None:
    """Puts them in the place of Python's own. Characters that an encoding lacks become escapes."""
    sys.stdout = _text(_Results(1, "w", closefd=False), sys.stdout)
    sys.stderr = words_to(2, sys.stderr)


def words_to(descriptor: int, like: TextIO) -> TextIO:
    """A stream to an open file, as forgiving as standard error, in the encoding of another. Closing it closes the
    file, but for standard error itself."""
    return _text(_Words(descriptor, "w", closefd=descriptor != 2), like, line_buffering=True)


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def worded_warnings() -> None:
    """Shows warnings of this package as sentences, where a command does not collect them; others as they were."""
    usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is None and category is UserWarning and os.path.abspath(filename).startswith(_PACKAGE):
            sys.stderr.write(f"vision: warning: {printable(str(message))}\n")
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.showwarning = show


def _text(raw: io.FileIO, like: TextIO | None, *, line_buffering: bool = False) -> TextIO:
    encoding = getattr(like, "encoding", None) or "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=line_buffering or raw.isatty()
    )


def encodes(stream: TextIO, text: str) -> bool:
    """Whether the stream's encoding has every character of `text`."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def printable(text: str) -> str:
    """`text` without control characters, which a terminal would obey, and with odd bytes as escapes."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in clean)
