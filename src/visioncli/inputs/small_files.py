"""Text files that are small if they are what they should be: read up to a limit, pipes with a limit of time."""

import os
import select
import stat
from pathlib import Path

from visioncli.errors import UsageError

MOST_BYTES = 16 << 20
PIPE_SECONDS = 10.0
"""How long a pipe may stay silent."""


def read_small(path: Path, what: str) -> bytes:
    """All of a file or of a pipe, such as a shell's `<(command)`; `what` it should hold, for the sentence.

    Raises UsageError for what is larger than 16 MiB, endless or silent, and OSError.
    """
    if stat.S_ISDIR(os.stat(path).st_mode):
        raise UsageError(f"{path} is a folder; {what} are read from a file.")
    # A pipe that nobody writes to would stop a plain `open` for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        data = bytearray()
        while len(data) <= MOST_BYTES:
            if not is_file and not select.select([descriptor], [], [], PIPE_SECONDS)[0]:
                raise UsageError(f"Nothing came from {path} for {PIPE_SECONDS:g} s; {what} were expected.")
            chunk = os.read(descriptor, 1 << 20)
            if not chunk:
                return bytes(data)
            data += chunk
    finally:
        os.close(descriptor)
    raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB, so it does not hold {what}.")
