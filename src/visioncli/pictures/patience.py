"""How long one input may take. What it waits for others does not count."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from visioncli.errors import InputError

DEFAULT_SECONDS = 60.0
LONGEST_SECONDS = 86_400.0


class Patience:
    """A clock that runs from `start` on, but not while `paused`. Used by one thread, read by others."""

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self._spent = 0.0
        self._since: float | None = None

    def start(self) -> None:
        """Begins to count."""
        self._since = time.monotonic()

    @property
    def left(self) -> float:
        """Seconds until patience ends; negative afterwards, and all of them before the start."""
        since = self._since
        return self.seconds - self._spent - (time.monotonic() - since if since is not None else 0.0)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For waiting that is not this input's fault."""
        running = self._since is not None
        if running:
            self._spent, self._since = self.seconds - self.left, None
        try:
            yield
        finally:
            if running:
                self.start()

    def check(self) -> None:
        """Raises what `ended` gives once no time is left."""
        if self.left <= 0:
            raise self.ended()

    def ended(self) -> InputError:
        """The sentence for an input that took too long."""
        return InputError(
            "timed_out",
            f"Reading it took longer than {self.seconds:g} s. Give it more with --timeout if you trust the file.",
        )


class WatchedFile:
    """An open file that answers as long as there is patience: then whoever reads it has to end.

    Decoders come back for more of a file all the time, so that this stops most of them, at no cost.
    """

    def __init__(self, stream: IO[bytes], patience: Patience) -> None:
        self._stream, self._patience = stream, patience

    def read(self, size: int = -1, /) -> bytes:
        self._patience.check()
        return self._stream.read(size)

    def readline(self, size: int = -1, /) -> bytes:
        self._patience.check()
        return self._stream.readline(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._patience.check()
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
