"""One input: where it is, what it is called, and how its bytes are had where it is no file of its own."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from visioncli.errors import InputError
from visioncli.inputs.addresses import is_url, without_credentials

INSIDE = "!/"
"""Stands between a file and what lies in it: `set.zip!/cat/1.jpg`."""


@dataclass(frozen=True, slots=True)
class Item:
    """One input: `path` as the user knows it (a file or a URL), `relative` its name in a mirrored tree."""

    path: str
    relative: str
    root: str = ""

    @property
    def is_url(self) -> bool:
        """Whether the input is fetched over http(s)."""
        return is_url(self.path)

    @property
    def shown(self) -> str:
        """What records and messages call the input: its path, without a user and password."""
        return without_credentials(self.path)

    @property
    def file(self) -> str | None:
        """The file on this machine that holds it; None where there is none."""
        return None if self.is_url else self.path


def _nothing() -> None:
    """For what holds nothing that could be let go."""


@dataclass(frozen=True, slots=True)
class Held(Item):
    """An input within something else, such as a member of an archive.

    `content` gives its bytes, in any thread; it raises InputError where they cannot be had. `stamp` tells this
    content from others of the same name without reading it, None where nothing does. `holder` is the file on this
    machine that it lies in, "" for none. Whoever will ask for the content calls `ask` in the thread that lists the
    inputs, and `done` when it was read: what is `streamed` is held in between, and costs much to read again.
    What is `opened` instead is a part of a file that may be large, and has no `content`.
    """

    content: Callable[[], bytes] = field(default=bytes, compare=False)
    stamp: str | None = None
    holder: str = ""
    streamed: bool = False
    ask: Callable[[], None] = field(default=_nothing, compare=False)
    done: Callable[[], None] = field(default=_nothing, compare=False)
    opened: Callable[[], IO[bytes]] | None = field(default=None, compare=False)

    @property
    def file(self) -> str | None:
        """The file on this machine that holds it; None where there is none."""
        return self.holder or None


def failed(item: Item, kind: str, message: str, holder: str = "") -> Held:
    """An input whose record says what is wrong with it."""

    def content() -> bytes:
        raise InputError(kind, message)

    return Held(item.path, item.relative, item.root, content, None, holder)


def facts_of(path: str) -> str:
    """Size and time of change of a file, for stamps. Raises OSError."""
    facts = os.stat(path)
    return f"{facts.st_size}|{facts.st_mtime_ns}"


def mirrored(name: str) -> str:
    """A name as it may stand below a folder of results: without `..` and without a root."""
    name = name.replace("\0", "_")
    if (
        name.startswith("/")
        or "./" in name
        or "//" in name
        or name.endswith(("/..", "/."))
        or name in ("", ".", "..")
    ):
        return "/".join(p for p in name.split("/") if p not in ("", ".", "..")) or "unnamed"
    return name


def is_hidden(name: str) -> bool:
    """Whether a part of a member's name begins with a dot (`..` is only a name), or is what macOS adds."""
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "__MACOSX" or any(p.startswith(".") and p not in (".", "..") for p in parts)
