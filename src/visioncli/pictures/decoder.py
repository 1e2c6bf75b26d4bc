"""The process that `apart` starts: decodes one file after the other, each under an alarm clock that ends it."""

import fcntl
import io
import json
import os
import signal
import sys
from typing import IO, Any

from PIL import Image

from visioncli import pictures
from visioncli.errors import InputError

_BAND = 1 << 20
"""Pixels that are handed over at one time."""


def serve() -> None:
    """Answers requests on standard input until it ends."""
    # The alarm must end this process inside a decoder too, which only the system's own way of ending does.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    _write(answers, {})
    while line := requests.readline():
        ask = json.loads(line)
        data = requests.read(ask["bytes"])
        _end_with_parent(True)
        signal.setitimer(signal.ITIMER_REAL, ask["seconds"])
        try:
            found = _decode(ask, data)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _end_with_parent(False)
        if isinstance(found, InputError):
            _write(answers, {"kind": found.kind, "message": str(found)})
            continue
        rows = max(1, _BAND // found.width)
        _write(answers, {"width": found.width, "height": found.height, "rows": rows})
        for top in range(0, found.height, rows):
            answers.write(found.crop((0, top, found.width, min(top + rows, found.height))).tobytes())
        answers.flush()
        del found, data


def _decode(ask: dict[str, Any], data: bytes) -> Image.Image | InputError:
    try:
        with open(ask["path"], "rb") if ask["path"] is not None else io.BytesIO(data) as stream:
            return pictures.decode(stream, max_pixels=ask["max_pixels"], allow_truncated=ask["allow_truncated"])
    except InputError as problem:
        return problem
    except OSError as problem:
        return InputError("read_failed", f"The file could not be read: {problem.strerror or problem}.")


def _write(answers: IO[bytes], facts: dict[str, Any]) -> None:
    answers.write(json.dumps(facts).encode() + b"\n")
    answers.flush()


def _end_with_parent(wanted: bool) -> None:
    """Whether the end of standard input, which comes when the parent is no more, ends this process at once."""
    if not sys.platform.startswith("linux"):
        return  # the alarm ends it
    flags = fcntl.fcntl(0, fcntl.F_GETFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, flags | os.O_ASYNC if wanted else flags & ~os.O_ASYNC)
