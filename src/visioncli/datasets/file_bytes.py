"""The bytes of a file that somebody named, whatever it is: nothing that is read here can wait or grow for ever."""

import io
import os
import select
import stat
from pathlib import Path
from typing import BinaryIO

from visioncli.datasets.interface import DatasetError

MOST_BYTES = 8 << 30
"""A file that is read as a whole may be this long; one that is read line by line may be of any length."""
PIPE_SECONDS = 10.0
"""How long nobody need have opened the other end of a named pipe. A writer that is there may take its time."""
_CHUNK = 1 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def is_pipe(path: Path) -> bool:
    """Whether this is a pipe, which can be read only once (`<(jq …)` of a shell is one)."""
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; never raises, however odd the name is."""
    return os.path.exists(path)


def open_bytes(path: Path) -> BinaryIO:
    """The file, opened for reading. Raises DatasetError for a folder, a device, a socket, and what is missing."""
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            kind = "folder" if stat.S_ISDIR(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
            raise DatasetError(f"{path}: this is a {kind}, and a file is needed here.")
        # Without waiting: opening a pipe that nobody writes to would never end, nor would some files of /proc.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as problem:
        raise unreadable(path, problem) from None
    if stat.S_ISFIFO(mode):
        return io.BufferedReader(_Pipe(descriptor, path), _CHUNK)
    return io.BufferedReader(io.FileIO(descriptor), _CHUNK)


def unreadable(path: Path, problem: Exception) -> DatasetError:
    """The sentence for a file that cannot be read."""
    if isinstance(problem, FileNotFoundError):
        return DatasetError(f"{path}: there is no such file or folder.", "not_found")
    if isinstance(problem, MemoryError):
        return DatasetError(f"{path}: reading it needs more memory than there is.")
    reason = problem.strerror if isinstance(problem, OSError) else "its name holds impossible characters"
    return DatasetError(f"{path}: cannot be read ({reason or problem}).")


def read_bytes(path: Path, most: int = MOST_BYTES, *, text: bool = True) -> bytes:
    """The whole file. Raises DatasetError where it cannot be read, is longer than `most`, or (unless `text` is
    false) begins with what is no text.
    """
    parts: list[bytes] = []
    size = 0
    try:
        with open_bytes(path) as file:
            while chunk := file.read(_CHUNK if not parts else _CHUNK << 6):
                if text and not parts:
                    refuse_binary(chunk, path)
                parts.append(chunk)
                size += len(chunk)
                if size > most:
                    raise DatasetError(f"{path}: the file is longer than {most >> 20:,} MiB, which is too much here.")
        return b"".join(parts)
    except (OSError, MemoryError) as problem:
        raise unreadable(path, problem) from None


def refuse_binary(start: bytes, path: Path) -> None:
    """Raises DatasetError where the beginning of a file is UTF-16 or no text at all."""
    if start.startswith(_UTF16):
        raise DatasetError(f"{path}: the file is UTF-16 text; save it as UTF-8.")
    if b"\0" in start:
        line = start.count(b"\n", 0, start.index(b"\0")) + 1
        raise DatasetError(f"{path}: line {line} holds zero bytes, so that this is no text; what is this file?")


def not_utf8(path: Path, line: int) -> DatasetError:
    """The sentence for text in another encoding."""
    return DatasetError(f"{path}: line {line} is not UTF-8 text; what is this file?")


class _Pipe(io.RawIOBase):
    """A pipe. Waits as long as a writer is there, and PIPE_SECONDS for the first one to come."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self._path, self._begun = descriptor, path, False
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLIN)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            try:
                data = os.read(self._descriptor, len(buffer))
            except BlockingIOError:  # there is a writer, which has nothing to say yet
                self._begun = True
                self._ready.poll()
                continue
            if data or self._begun:
                self._begun = True
                buffer[: len(data)] = data
                return len(data)
            if not self._ready.poll(PIPE_SECONDS * 1000):
                raise DatasetError(f"{self._path}: nobody wrote to this pipe for {PIPE_SECONDS:g} s.")
            # Somebody came, wrote or not, and may have gone: what is read now is all there is.
            self._begun = True

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()
