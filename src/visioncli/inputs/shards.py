"""`--shard I/N`: which of the inputs belong to one of N runs that know nothing of each other."""

import hashlib
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from visioncli.errors import UsageError
from visioncli.inputs.sources import Item

MOST = 99_999
"""Shards: their folders are numbered with five digits."""
FOLDER = re.compile(r"shard-(\d{5})-of-(\d{5})")
_SUFFIX = re.compile(rb"(?<=[^/.])\.[^/.]*\Z")


@dataclass(frozen=True, slots=True)
class Shard:
    """Number `index`, from 1, of `count` shards."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard that `I/N` names. Raises UsageError."""
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
        if found is None:
            raise UsageError(f"--shard takes a number and how many there are, such as 2/8, not {text!r}.")
        index, count = int(found[1]), int(found[2])
        if not 1 <= count <= MOST:
            raise UsageError(f"--shard {text}: there can be 1 to {MOST:,} shards.")
        if not 1 <= index <= count:
            raise UsageError(f"--shard {text}: shards count from 1, so these are 1/{count} to {count}/{count}.")
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def folder(self) -> str:
        """What its folder below the output folder is called."""
        return f"shard-{self.index:05d}-of-{self.count:05d}"

    def holds(self, item: Item) -> bool:
        """Whether an input falls on this shard."""
        return shard_of(item.relative, self.count) == self.index

    def split(self, items: Iterable[Item]) -> Iterator[Item]:
        """Those of the items that fall on this shard."""
        return filter(self.holds, items)


def shard_of(relative: str, count: int) -> int:
    """The shard, from 1 to `count`, on which an input falls whose name in the mirrored tree is `relative`.

    It is one more than the first 8 bytes of the SHA-256 of that name, as a big-endian number, modulo `count`. The
    name is taken without its last suffix and with A to Z as a to z, so that inputs whose results could collide
    (`cat.jpg` and `cat.png`, or two folders' `cat.jpg`) meet in one shard and get the names that one run gives them.
    Only ASCII is folded: what Unicode folds differs between versions of Python.
    """
    name = _SUFFIX.sub(b"", os.fsencode(relative)).lower()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") % count + 1


class Place(NamedTuple):
    """Where an input of a shard stands: `at` in the whole listing, from 0, and what the listing knows of it."""

    at: int
    relative: str
    root: str


@dataclass(slots=True)
class Listing:
    """The inputs of all shards as one of them sees them come by: how many, which, and where its own stand among them.

    Where they are `placed`, `places` are those of its inputs that were given on and for which `next_place` was not
    asked yet.
    """

    shard: Shard
    placed: bool = True
    listed: int = 0
    places: deque[Place] = field(default_factory=deque)
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """Those of the items that fall on the shard."""
        for item in items:
            self._digest.update(os.fsencode(item.relative) + b"\0")
            at, self.listed = self.listed, self.listed + 1
            if self.shard.holds(item):
                if self.placed:
                    self.places.append(Place(at, item.relative, item.root))
                yield item

    def next_place(self) -> Place:
        """That of the next input, in the order in which they were given on."""
        return self.places.popleft()

    @property
    def digest(self) -> str:
        """SHA-256 of the names of all inputs so far: the same on all machines that list the same."""
        return self._digest.hexdigest()
