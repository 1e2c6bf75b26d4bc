"""Records that a run on a cluster did not have to make: those of an earlier run, and what a killed one left."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visioncli.files import explain, irregular, refuse_irregular
from visioncli.inputs.item import Item
from visioncli.merging.files import Files
from visioncli.merging.merge import Merge
from visioncli.merging.parts import DamagedError, Part, Row, facts_in
from visioncli.results import Record, dump_line
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.journal import JOURNAL, Journal
from visioncli.sinks.shard import DOCUMENT

LIST = "taken.jsonl"
ROOM = "ray"
"""The folder of the pieces, in the hidden one of the output folder."""


@dataclass(frozen=True, slots=True)
class TakenOver(Part):
    """The records of earlier runs that this one takes over, listed in `LIST`; their files stay where they are."""

    where: Path = Path(LIST)

    @property
    def index(self) -> int:
        """No number of a shard."""
        return 0

    @property
    def complete(self) -> bool:
        """It has all that it should have."""
        return True

    def rows(self) -> Iterator[Row]:
        """As `Part.rows`."""
        folder = os.path.abspath(self.folder)
        try:
            with self.where.open("rb") as file:
                for line in file:
                    entry = json.loads(line)
                    record = Record.from_json(entry["record"])
                    files = {kind: os.path.relpath(path, folder) for kind, path in record.files.items()}
                    yield Row(self, entry["at"], entry["name"], entry["root"], files, record)
        except (OSError, ValueError, KeyError):
            raise DamagedError from None


def line_of(at: int, item: Item, record: Record) -> bytes:
    """A line of `LIST`."""
    entry: dict[str, Any] = {"at": at, "name": item.relative, "root": item.root, "record": record.to_json()}
    return dump_line(entry)


class _Leftovers(Journal):
    """Records as a killed run on one machine would have left them, for `--resume`."""

    def __init__(self, out: OutputFolder, task: str) -> None:
        path = out.partial / JOURNAL.format(task)
        refuse_irregular(path)
        self._target = path
        self._resume = False
        self._file = path.open("ab")

    @property
    def kept(self) -> list[str]:
        """Nothing was moved."""
        return []

    def close(self) -> None:
        """All lines are whole."""
        self._file.close()


def salvage(out: OutputFolder, room: Path) -> None:
    """Brings what a killed run had finished to where `--resume` finds it, and clears the room. Raises OutputError."""
    if irregular(room) != "a folder":
        refuse_irregular(room)
    if not room.is_dir():
        return
    try:
        for folder in sorted(room.iterdir()):
            facts = facts_in(folder / DOCUMENT)
            if facts is not None and facts["task"] != "embed":  # whose vectors are in a cache of their own
                merge = Merge.of_parts([Part(folder, facts | {"formats": []})], Files.MOVE)
                merge.check(out.path)
                if merge.parts:
                    merge.write(out, journal=_Leftovers(out, merge.task))
        with suppress(FileNotFoundError):
            shutil.rmtree(room)
    except OSError as problem:
        raise explain(problem, room) from problem
