"""Ctrl-C and SIGTERM, from the program's first moment to its last.

While nothing was done yet (imports, networks being loaded or compiled) a signal ends the program there and then. It
is not raised as an exception: libraries swallow those, or take them for trouble of their own. While pictures are in
work, what was finished is kept: the signal becomes a KeyboardInterrupt, but not in the middle of a record. A second
signal ends the program whatever it is doing, also inside a library's C code.

Imports nothing that takes time: this is what the program loads first.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

ECHO_SECONDS = 1.0
"""A signal this soon after another is its echo: shells, terminals and wrappers often send the same one twice."""
GRACE_SECONDS = 2.0
"""How long the program has to end by itself after the second signal."""
AGAIN_SECONDS = 0.01
"""After this an exception that was lost is raised again: by then the finaliser that swallowed it has ended."""
LOST = b"\0"
"""What `_watch` is told of such an exception: no signal has the number 0."""
INTERRUPTED = 130
"""`status.Status.INTERRUPTED`, whose module takes time to load."""


class Interrupts:
    """What signals do at the moment. A process has one: `program`."""

    def __init__(self) -> None:
        self._begun = self._armed = self._held = self._pending = self._over = False
        self._last = float("-inf")
        self._count = 0
        self._number = signal.SIGINT

    def install(self) -> None:
        """Takes SIGINT and SIGTERM over, for the rest of the process. Those that were ignored stay so (`nohup`, a
        script's background jobs)."""
        wake, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.on_signal)
        self._report, sys.unraisablehook = sys.unraisablehook, self.on_unraisable
        # The main thread may be inside a library that does not come back; this one notices all the same.
        threading.Thread(target=self._watch, args=(wake,), name="signals", daemon=True).start()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """What the main thread does on a signal, as soon as it comes to it."""
        if not self._begun:
            end_at_once()
        self._pending, self._number = not self._over, signal.Signals(number)
        if self._armed and not (self._held and self._count < 2):
            self._armed = False  # raised once: nobody would catch a second one
            raise KeyboardInterrupt

    def on_unraisable(self, lost: "sys.UnraisableHookArgs") -> None:
        """What becomes of an exception that no caller can get: a signal that fell into a finaliser or a callback
        comes once more, for the main thread may be about to wait for long; anything else is reported as usual."""
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            self._report(lost)
        elif self._pending:
            os.write(self._bell, LOST)

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Within the block a signal is raised as KeyboardInterrupt; one that was lost since `begin`, at its start.

        After it the program is ending anyway, and one signal changes nothing.
        """
        self._armed = True
        try:
            self.check()
            yield
        finally:
            self._over, self._armed, self._pending = True, False, False

    def begin(self) -> None:
        """From here on there is something to keep: a signal no longer ends the program at once, but is raised."""
        self._begun = self._armed = True

    def check(self) -> None:
        """Raises KeyboardInterrupt where a signal came and its exception was lost, as it is inside a finaliser."""
        if self._pending and not self._held:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """Puts the first interrupt off until the block ends; a second one is not: a reader may never read on."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._armed:
            self.check()

    def _watch(self, wake: int) -> None:
        while rung := os.read(wake, 1):
            if not self._begun:
                end_at_once()
            now = time.monotonic()
            if rung == LOST:
                select.select([], [], [], AGAIN_SECONDS)
                if self._pending:
                    self._armed, self._last = True, now  # its bell is the echo of the first one's
                    signal.pthread_kill(threading.main_thread().ident or 0, self._number)
                continue
            if now - self._last < ECHO_SECONDS:
                continue
            self._last = now
            self._count += 1
            if self._count >= 2:
                signal.raise_signal(signal.SIGINT)
                select.select([], [], [], GRACE_SECONDS)
                end_at_once()


def end_at_once() -> None:
    """Leaves with status 130 and nothing half done: temporary files go, and so do processes of ours."""
    if pip := sys.modules.get("visioncli.weights.package_index"):
        for child in list(pip.running):
            child.kill()
            with suppress(Exception):  # what it was writing goes below, so it must be over by then
                child.wait(1)
    if files := sys.modules.get("visioncli.files"):
        for path in list(files.unfinished):
            if os.path.isdir(path):
                import shutil

                shutil.rmtree(path, ignore_errors=True)
            with suppress(OSError):
                os.unlink(path)
    if "multiprocessing" in sys.modules:
        import multiprocessing

        for process in multiprocessing.active_children():
            process.kill()
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\x1b[?25h")  # a progress bar hides the cursor
    os._exit(INTERRUPTED)


program = Interrupts()
"""Signals belong to the process, so there is one of these."""
