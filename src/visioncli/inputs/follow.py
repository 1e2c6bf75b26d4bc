"""Watched folders -> items, as files come: what is there first, then each new or changed file once it is whole."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from visioncli.errors import InputsGone, UsageError
from visioncli.inputs.changes import Changes, Polled, changes_in, check_poll, without_notice
from visioncli.inputs.item import Item
from visioncli.inputs.sources import Expansion
from visioncli.inputs.whole import ends

LOOK_SECONDS = 0.1
"""How often files that are being written are looked at."""
CALM_SECONDS = 0.5
"""How often it is asked whether the folders are still there."""
AGAIN_SECONDS = 300.0
"""Even where the system tells of changes everything is looked at so often: it loses some where many come at once, and
knows nothing of what another machine does on a network's file system."""
PATIENCE_WITH_EMPTY = 10
"""An empty file is waited for so many times longer: somebody has just begun to write it."""


@dataclass(frozen=True, slots=True)
class Watching:
    """How to watch: a file is whole when it did not change over `settle` seconds, or when its format says so.

    With `poll` the folders are looked through that often; else the operating system tells of changes.
    """

    settle: float = 1.0
    poll: float | None = None

    def check(self, inputs: Sequence[str]) -> None:
        """Raises UsageError for what cannot be watched, ModelUnavailable where watchfiles is not installed."""
        for text in inputs:
            if not os.path.isdir(text):
                raise UsageError(f"vision watch looks at folders, and {text} is none. Name folders that exist.")
        check_poll(self.poll)


@dataclass(slots=True)
class _Coming:
    """A file that may still be written: what it was like when it was last seen to change, and when that was."""

    item: Item
    stamp: tuple[int, int, int]
    since: float


class Follower:
    """The files in `folders` that `expansion` takes for inputs, now and as they come.

    `begun` is called when all that was there at the start was given on. Sentences go to `tell`.
    """

    def __init__(
        self,
        expansion: Expansion,
        folders: Sequence[str],
        how: Watching,
        tell: Callable[[str], None],
        begun: Callable[[], None] = lambda: None,
    ) -> None:
        self._expansion, self._folders, self._how, self._tell, self._begun = (
            expansion,
            list(folders),
            how,
            tell,
            begun,
        )
        self._coming: dict[str, _Coming] = {}
        self._given: set[int] = set()
        self._real = {os.path.realpath(folder): folder for folder in folders}

    def items(self) -> Iterator[Item]:
        """Endless. Raises InputsGone when a folder is no longer there."""
        changes = changes_in(self._folders, self._how.poll, self._tell)
        looked = time.monotonic()
        for item in self._expansion.items(self._folders, inside=False):
            self._see(item)
            yield from self._whole([item.path])
        self._begun()
        while True:
            try:
                changed = changes.wait(LOOK_SECONDS if self._coming else CALM_SECONDS)
            except OSError as problem:
                changes, changed = without_notice(problem, self._tell), None
            if changed is None or time.monotonic() - looked > AGAIN_SECONDS:
                looked = time.monotonic()
                for item in self._expansion.items(self._folders, inside=False):
                    self._see(item)
                    yield from self._whole([item.path])
                _rest(changes, time.monotonic() - looked)
            else:
                for path in sorted(changed):
                    for item in self._at(path):
                        self._see(item)
            yield from self._whole()
            for folder in self._folders:
                if not os.path.isdir(folder):
                    raise InputsGone(f"The folder {folder} is no longer there, so nothing more can come.")

    def _at(self, path: str) -> Iterator[Item]:
        """The inputs at a path that changed: the file, or all in the folder."""
        for real, folder in self._real.items():
            for start in (folder, os.path.abspath(folder), real):
                below = path[len(start) :].lstrip("/") if path.startswith(start.rstrip("/") + "/") else ""
                if below:
                    yield from self._expansion.below(folder, below)
                    return

    def _see(self, item: Item) -> None:
        """Takes note of a file, unless it was given on as it is."""
        stamp = _stamp(item.path)
        if stamp is None:
            self._coming.pop(item.path, None)
        elif _mark(item.path, stamp) not in self._given:
            known = self._coming.get(item.path)
            if known is None or known.stamp != stamp:
                self._coming[item.path] = _Coming(item, stamp, time.monotonic())

    def _whole(self, paths: Sequence[str] | None = None) -> Iterator[Item]:
        """Those of the files that are whole, each once, in the order in which they were seen; or only of `paths`."""
        for path in list(self._coming) if paths is None else paths:
            if (one := self._coming.get(path)) is None:
                continue
            self._see(one.item)  # it may have grown, or gone
            # Asked again behind it: between the two looks nobody wrote.
            if self._coming.get(path) is one and self._is_whole(one) and _stamp(path) == one.stamp:
                del self._coming[path]
                self._given.add(_mark(path, one.stamp))
                yield from self._expansion.within(one.item)

    def _is_whole(self, one: _Coming) -> bool:
        wait = self._how.settle * (1 if one.stamp[0] else PATIENCE_WITH_EMPTY)
        if time.monotonic() - one.since >= wait:
            return True
        # What was written before and put here by a rename keeps its time; a clock that is ahead says nothing.
        return time.time_ns() - one.stamp[1] > wait * 1e9 or (one.stamp[0] > 0 and ends(one.item.path))


def _rest(changes: Changes, seconds: float) -> None:
    if isinstance(changes, Polled):
        changes.looked(seconds)


def _stamp(path: str) -> tuple[int, int, int] | None:
    """Size, time of modification in ns, and inode; None where there is no file."""
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def _mark(path: str, stamp: tuple[int, int, int]) -> int:
    """A number for a file as it is: what was given on is remembered by eight bytes each."""
    digest = hashlib.blake2b(os.fsencode(path), digest_size=8)
    digest.update(repr(stamp).encode())
    return int.from_bytes(digest.digest(), "big")
