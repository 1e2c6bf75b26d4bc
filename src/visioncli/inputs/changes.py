"""What changed in folders since one looked last: told by the operating system, or to be found by looking again."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from visioncli.errors import missing_extra

STEP_MS = 50
"""Changes that follow each other this fast are told together."""
DEBOUNCE_MS = 200
USUAL_POLL_SECONDS = 2.0
"""Where the operating system does not tell, and nobody chose."""


class Changes(ABC):
    """Changes below folders, as they come."""

    @abstractmethod
    def wait(self, seconds: float) -> set[str] | None:
        """Paths at which something changed; empty after `seconds` without a change; None: look everywhere."""


class Polled(Changes):
    """Asks for a look everywhere once in `every` seconds."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._next = time.monotonic() + every

    def wait(self, seconds: float) -> set[str] | None:
        time.sleep(max(0.0, min(seconds, self._next - time.monotonic())))
        if time.monotonic() < self._next:
            return set()
        self._next = time.monotonic() + self._every
        return None

    def looked(self, seconds: float) -> None:
        """A look took `seconds`: the next one waits so much longer that looking is not all that is done."""
        self._next = time.monotonic() + max(self._every, 4 * seconds)


class Notified(Changes):
    """What the operating system tells (inotify on Linux), through watchfiles. Raises OSError where it cannot."""

    def __init__(self, folders: Sequence[str]) -> None:
        from watchfiles import watch

        self._told: Any = watch(
            *folders,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            rust_timeout=STEP_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=True,
        )
        self._first = self._next()  # from here on nothing is missed

    def wait(self, seconds: float) -> set[str] | None:
        end = time.monotonic() + seconds
        first, self._first = self._first, set()
        while not first and time.monotonic() < end:
            first = self._next()
        return first

    def _next(self) -> set[str]:
        try:
            return {path for _, path in next(self._told)}
        except StopIteration:
            raise OSError("it stopped telling of changes") from None
        except (RuntimeError, ValueError) as problem:  # what watchfiles makes of the errors that it does not know
            raise OSError(str(problem)) from None


def check_poll(poll: float | None) -> None:
    """Raises ModelUnavailable where changes are to be told by the system and watchfiles is not installed."""
    if poll is None:
        try:
            import watchfiles  # noqa: F401
        except ImportError:
            raise missing_extra("watchfiles", "watch") from None


def changes_in(folders: Sequence[str], poll: float | None, tell: Callable[[str], None]) -> Changes:
    """The changes in folders: told by the operating system, or found by looking every `poll` seconds.

    Where the system cannot tell, as its limit of watched folders is reached, a sentence goes to `tell`.
    """
    if poll is not None and math.isfinite(poll):
        return Polled(poll)
    try:
        return Notified(folders)
    except OSError as problem:
        return without_notice(problem, tell)


def without_notice(problem: OSError, tell: Callable[[str], None]) -> Polled:
    """Looking again and again, after the operating system gave up telling."""
    why = " ".join(str(problem.strerror or problem).split()).rstrip(".") or type(problem).__name__
    tell(
        f"The system does not tell of changes ({why}), so the folders are looked through every "
        f"{USUAL_POLL_SECONDS:.0f} s. On Linux a larger fs.inotify.max_user_watches helps; --poll SECONDS says how "
        "often."
    )
    return Polled(USUAL_POLL_SECONDS)
