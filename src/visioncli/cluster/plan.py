"""The inputs of a run, listed once into a file and cut into pieces: nobody holds all of them in memory."""

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from visioncli.errors import ErrorKind
from visioncli.files import explain
from visioncli.inputs.item import Held, Item, failed
from visioncli.inputs.shards import Listing, Place, Shard
from visioncli.inputs.sources import Expansion

LARGEST = 256
"""Inputs of a piece: seconds to a minute of work, of which a lost machine costs some."""
ROUNDS = 8
"""So many pieces each actor gets at least where there are enough inputs, so that all end at about the same time."""
PARTS = 8
"""So many parts a piece is cut into that has ended an actor more than once."""


@dataclass(frozen=True, slots=True)
class Within(Item):
    """An input in another one, such as a member of an archive, on its way to the machine that opens it."""

    outer: Item = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Piece:
    """Inputs that follow each other in the listing, the first one at `begin`.

    `lost` is how many actors ended while they worked on it; `tries` how often it was given out.
    """

    begin: int
    items: tuple[tuple[int, Item], ...]
    lost: int = 0
    tries: int = 0

    @property
    def folder(self) -> str:
        """What its folder is called at this try: an actor that is lost but not dead may still write to another."""
        return f"piece-{self.begin:012d}-{len(self.items)}-{self.tries}"

    def opened(self, expansion: Expansion) -> Iterator[Item]:
        """The inputs as they are on this machine: what lies in others is found there, in one pass over each."""
        for outer, group in itertools.groupby((item for _, item in self.items), key=_outer):
            if outer is None:
                yield from group
                continue
            inside = expansion.within(outer)
            for wanted in group:
                found = next((one for one in inside if one.path == wanted.path), None)
                words = f"It is no longer in {outer.shown}, where it was when the inputs were listed."
                yield found or failed(wanted, ErrorKind.NOT_FOUND, words)

    def cut(self) -> "list[Piece]":
        """The same inputs in smaller pieces."""
        size = max(1, -(-len(self.items) // PARTS))
        starts = range(0, len(self.items), size)
        # Each has its tries counted from where this one stands, so that no two folders have one name.
        return [Piece(self.items[n][0], self.items[n : n + size], 0, self.tries + 1) for n in starts]


def _outer(item: Item) -> Item | None:
    return item.outer if isinstance(item, Within) else None


@dataclass(slots=True)
class PieceListing(Listing):
    """The places of a piece's inputs, in the listing of the whole run."""

    known: tuple[int, str] = (0, "")

    @classmethod
    def of_piece(cls, piece: Piece, listed: int, digest: str) -> "PieceListing":
        """`listed` and `digest` are of the whole listing."""
        listing = cls(Shard(1, 1), listed=listed, known=(listed, digest))
        listing.places.extend(Place(at, item.relative, item.root) for at, item in piece.items)
        return listing

    @property
    def digest(self) -> str:
        """SHA-256 of the names of all inputs of the run."""
        return self.known[1]


@dataclass(slots=True)
class Plan:
    """The listing of a run in the file `path`: a line an input that is to be done."""

    path: Path
    listed: int = 0
    to_do: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def list(
        self,
        items: Iterable[Item],
        within: Callable[[Item], Iterable[Item]],
        done: Callable[[int, Item], bool],
        step: Callable[[], None],
    ) -> None:
        """Lists what is `within` all items, but for those that are `done` already. Raises OutputError."""
        try:
            with self.path.open("wb") as file:
                for outer in items:
                    for item in within(outer):
                        step()
                        self._digest.update(os.fsencode(item.relative) + b"\0")
                        if not done(self.listed, item):
                            self._put(file, item, outer)
                        self.listed += 1
        except OSError as problem:
            raise explain(problem, self.path) from problem

    def _put(self, file: IO[bytes], item: Item, outer: Item) -> None:
        names = [item.path, item.relative, item.root]
        around = [outer.path, outer.relative, outer.root] if isinstance(item, Held) else None
        file.write(json.dumps([self.listed, names, around]).encode() + b"\n")
        self.to_do += 1

    @property
    def digest(self) -> str:
        """SHA-256 of the names of all inputs."""
        return self._digest.hexdigest()

    def pieces(self, actors: int) -> Iterator[Piece]:
        """All that is to be done, in order, for so many actors."""
        size = max(1, min(LARGEST, -(-self.to_do // (actors * ROUNDS))))
        items: list[tuple[int, Item]] = []
        with self.path.open("rb") as file:
            for line in file:
                at, names, around = json.loads(line)
                items.append((at, Within(*names, outer=Item(*around)) if around else Item(*names)))
                if len(items) == size:
                    yield Piece(items[0][0], tuple(items))
                    items = []
        if items:
            yield Piece(items[0][0], tuple(items))
