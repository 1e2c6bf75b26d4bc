"""How far a long comparison is: a line on standard error, only where it takes long."""

import sys
import time

FIRST_SECONDS, EVERY_SECONDS = 10.0, 10.0
ON_TERMINAL = 0.5
"""Seconds between changes of the line, and before the first one, where somebody looks on."""


class LineProgress:
    """A line that changes on a terminal; elsewhere, as in the log of a job, one line every few seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (ON_TERMINAL * 2 if self._terminal else FIRST_SECONDS)
        self._shown = False

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Print how much of `total` is done (without a total, `done` is bytes), unless it was said just now."""
        now = time.monotonic()
        if self._quiet or now < self._next:
            return
        self._next = now + (ON_TERMINAL if self._terminal else EVERY_SECONDS)
        far = f"{100 * done // total} %" if total else f"{done >> 20:,} MiB"
        line = f"vision: {what}: {far}"
        sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        sys.stderr.flush()
        self._shown = self._terminal

    def clear(self) -> None:
        """Take the line off the terminal, before something else is printed."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
