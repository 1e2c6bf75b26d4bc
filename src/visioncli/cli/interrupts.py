"""Ctrl-C and SIGTERM as KeyboardInterrupt, but not in the middle of a record, unless it is asked for twice."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ECHO_SECONDS = 1.0
"""A signal this soon after another is its echo: shells, terminals and wrappers often send the same one twice."""


class Interrupts:
    """Within `held()` an interrupt waits until the block ends; a second one does not: a reader may never read on."""

    def __init__(self) -> None:
        self._held = self._pending = self._ending = False
        self._last = -math.inf
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._on_signal)
            signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._ending or now - self._last < ECHO_SECONDS:
            return
        self._last = now
        if self._held and not self._pending:
            self._pending = True
        else:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """Puts interrupts off."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt

    def ignore(self) -> None:
        """From here on the program is ending anyway."""
        self._ending = True
