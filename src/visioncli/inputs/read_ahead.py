"""What is read of a stream before somebody wants it: bounded, in order, each piece held until it was used."""

import threading
from collections.abc import Callable

from visioncli.errors import InputError

MOST_AHEAD = 64 << 20
"""Bytes that are held, beside a single larger piece."""


class ReadAhead:
    """Room for pieces of a stream. Whoever reads the stream waits where there is none."""

    def __init__(self, most: int = MOST_AHEAD) -> None:
        self._most, self._held = most, 0
        self._change = threading.Condition()

    def take(self, size: int) -> None:
        """Waits for room for `size` bytes."""
        with self._change:
            self._change.wait_for(lambda: not self._held or self._held + size <= self._most)
            self._held += size

    def give_back(self, size: int) -> None:
        """So many bytes are held no more."""
        with self._change:
            self._held -= size
            self._change.notify_all()


class Piece:
    """A piece of a stream: asked for by whoever lists the pieces, filled when the stream has come to it, and let go.

    `content` waits until it is filled. Where nobody asked in time, or it was let go, `again` reads it anew.
    """

    def __init__(self, size: int, ahead: ReadAhead, again: Callable[[], bytes]) -> None:
        self._size, self._ahead, self._again = size, ahead, again
        self._asked = self._over = False
        self._data: bytes | None = None
        self._problem: InputError | None = None
        self._filled = threading.Event()
        self._lock = threading.Lock()

    def ask(self) -> None:
        """Somebody will want the content."""
        self._asked = True

    def fill(self, read: Callable[[], bytes]) -> None:
        """The stream has come to it, and `read` reads it: only where somebody asked. `read` may raise anything."""
        try:
            if not self._asked or self._over:
                return
            self._ahead.take(self._size)
            try:
                data = read()
            except InputError as problem:
                self._problem = problem
                data = None
            except BaseException:
                self._problem = InputError(
                    "read_failed", "What it lies in cannot be read up to its end, as its own record says."
                )
                self._ahead.give_back(self._size)
                raise
            with self._lock:
                self._data = None if self._over else data
            if self._data is None:
                self._ahead.give_back(self._size)
        finally:
            self._filled.set()

    def content(self) -> bytes:
        """The bytes. Raises InputError."""
        if self._asked and not self._over:
            self._filled.wait()
        with self._lock:
            data, problem = self._data, self._problem
        if problem is not None:
            raise problem
        return self._again() if data is None else data

    def done(self) -> None:
        """Nobody wants the content any more."""
        with self._lock:
            held, self._data, self._over = self._data is not None, None, True
        if held:
            self._ahead.give_back(self._size)
