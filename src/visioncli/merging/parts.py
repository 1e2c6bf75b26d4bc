"""Shards as `--shard` left them: found, compared, and read without holding them in memory."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visioncli.earlier_results import PREDICTIONS
from visioncli.errors import UsageError
from visioncli.inputs.shards import FOLDER
from visioncli.results import Record
from visioncli.sinks.journal import LONGEST_LINE
from visioncli.sinks.shard import DOCUMENT, FACTS, SCHEMA

BLOCK = 1 << 16
"""Bytes that are read of a file at a time: between two blocks it is closed, for there may be many shards."""
_TAILS = (1 << 20, 1 << 26)
"""Bytes in which the last line is looked for: the labels of the network stand in it."""
_SAME: dict[str, str] = {
    "of": "how many shards there are",
    "task": "the task",
    "version": "the version of vision",
    "model": "the network or its precision",
    "settings": "the settings of the task",
    "labels": "the labels",
    "options": "the options",
    "decoding": "how pictures are decoded",
    "formats": "--format",
    "images": "--images",
    "vectors": "--vectors",
}
"""Facts that are the same in all shards of a run, in the words of a sentence."""


class DamagedError(Exception):
    """A shard whose files do not belong together."""


@dataclass(frozen=True, slots=True)
class Part:
    """One shard: its folder, and the facts of its list.

    Parts `in_a_row` end before the next one begins, and stand in that order. The files of one that is `in_place` lie
    in the merged folder already.
    """

    folder: Path
    facts: dict[str, Any]
    in_a_row: bool = False
    in_place: bool = False

    @property
    def index(self) -> int:
        """Its number, from 1."""
        return int(self.facts["shard"])

    @property
    def complete(self) -> bool:
        """Whether its run came to the end of the inputs."""
        return bool(self.facts["complete"])

    def rows(self) -> "Iterator[Row]":
        """Its records in input order, each with its place.

        Raises DamagedError where list and records are not of the same run.
        """
        entries = _lines(self.folder / DOCUMENT)
        records = _lines(self.folder / PREDICTIONS)
        next(entries, None)  # the head
        last, in_video = -1, False
        for entry in entries:
            if entry.startswith(FACTS):
                break
            line = next(records, None)
            try:
                row = Row.of(self, json.loads(entry.rstrip(b",\n")), json.loads(line or b"null"))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise DamagedError from None
            # The frames of a video, and what became of the rest of it, have its place in common.
            if row.at < last or (row.at == last and not in_video):
                raise DamagedError
            last, in_video = row.at, row.record.frame is not None
            yield row
        if self.complete and next(records, None) is not None:
            raise DamagedError


@dataclass(frozen=True, slots=True)
class Row:
    """A record and its place: `at` in the listing of all shards, what its results are called after, its `files`."""

    part: Part
    at: int
    name: str
    root: str
    files: dict[str, str]
    record: Record

    @classmethod
    def of(cls, part: Part, entry: dict[str, Any], body: Any) -> "Row":
        """Raises ValueError where the two are not about the same input, or files would lie outside of the folder."""
        record = Record.from_json(body)
        files = {str(kind): str(name) for kind, name in entry.get("files", {}).items()}
        same = record.input == entry["input"] and record.task == part.facts["task"]
        if not same or files.keys() != record.files.keys() or files.keys() != record.sizes.keys():
            raise ValueError("another input")
        if any(os.path.isabs(name) or ".." in name.split("/") for name in files.values()):
            raise ValueError("files elsewhere")
        return cls(part, int(entry["at"]), str(entry["name"]), str(entry["root"]), files, record)


def find(paths: Iterable[str]) -> tuple[list[Part], dict[int, Path]]:
    """The shards in the folders `paths`, or in folders of their names directly below; and those that were begun and
    have no records yet, by number.

    Raises UsageError for a folder that holds none, and for shards that are there twice or of different runs.
    """
    parts: list[Part] = []
    unfinished: dict[int, Path] = {}
    counts: set[int] = set()
    for text in dict.fromkeys(map(os.path.normpath, paths)):
        for folder in _folders(Path(text)):
            facts = facts_in(folder / DOCUMENT)
            if facts is not None:
                parts.append(Part(folder, facts))
            elif named := FOLDER.fullmatch(folder.name):
                unfinished[int(named[1])] = folder
                counts.add(int(named[2]))
    _compare(parts)
    if len(counts | {part.facts["of"] for part in parts}) > 1:
        raise UsageError(
            f"There are shards of {' and of '.join(map(str, sorted(counts | {p.facts['of'] for p in parts})))}: "
            "name the folders of one run."
        )
    if not parts:
        names = ", ".join(map(str, unfinished.values()))
        raise UsageError(f"No shard has records yet: {names}. Run each of them to its end.")
    return sorted(parts, key=lambda part: part.index), unfinished


def _folders(folder: Path) -> list[Path]:
    if (folder / DOCUMENT).is_file() or FOLDER.fullmatch(folder.name):
        return [folder]
    try:
        below = sorted(one for one in folder.iterdir() if FOLDER.fullmatch(one.name) and one.is_dir())
    except OSError as problem:
        raise UsageError(f"{folder} is no folder that can be read: {problem.strerror}.") from None
    if not below:
        raise UsageError(f"{folder} holds no shards. Name folders that vision wrote with --shard I/N.")
    return below


def facts_in(path: Path) -> dict[str, Any] | None:
    """The last line of a list; None where there is none that is whole."""
    try:
        with path.open("rb") as file:
            ours = json.loads(file.readline() + b"]}").get("schema") == SCHEMA
            size = file.seek(0, os.SEEK_END)
            for most in _TAILS:
                file.seek(max(0, size - most))
                _, mark, tail = file.read().rpartition(FACTS)
                if mark:
                    break
        facts = json.loads(tail.rstrip()[:-1])
        whole = (
            ours and all(type(facts[n]) is int for n in ("shard", "of", "listed")) and _SAME.keys() <= facts.keys()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return facts if whole and 1 <= facts["shard"] <= facts["of"] else None


def _compare(parts: list[Part]) -> None:
    """Raises UsageError where the shards are not of one run, or one is there twice."""
    seen: dict[int, Part] = {}
    for part in parts:
        if (other := seen.setdefault(part.index, part)) is not part:
            raise UsageError(
                f"Shard {part.index} of {part.facts['of']} is there twice: {other.folder} and {part.folder}. "
                "Name one of them."
            )
    for part in parts[1:]:
        first = parts[0]
        for fact, words in _SAME.items():
            if part.facts[fact] != first.facts[fact]:
                raise UsageError(
                    f"{first.folder} and {part.folder} are not of one run: they differ in {words} "
                    f"({_difference(first.facts[fact], part.facts[fact])}). Run all shards with the same command."
                )
    whole = [part for part in parts if part.complete]
    for part in whole[1:]:
        if (part.facts["listed"], part.facts["listing"]) != (whole[0].facts["listed"], whole[0].facts["listing"]):
            raise UsageError(
                f"{whole[0].folder} and {part.folder} did not see the same inputs "
                f"({whole[0].facts['listed']:,} and {part.facts['listed']:,}): some came or went between the runs. "
                "Run the shards again with --resume, over the same inputs."
            )


def _difference(one: Any, other: Any) -> str:
    """Two values in few words: of objects, what differs first."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            if one.get(name) != other.get(name):
                return f"{name}: {_short(one.get(name))} and {_short(other.get(name))}"
    return f"{_short(one)} and {_short(other)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file. Raises DamagedError where it cannot be read."""
    offset = 0
    try:
        while True:
            with path.open("rb") as file:
                file.seek(offset)
                block = file.read(BLOCK)
                if block and not block.endswith(b"\n"):
                    block += file.readline(LONGEST_LINE)
            if not block:
                return
            offset += len(block)
            yield from block.splitlines(keepends=True)
    except OSError:
        raise DamagedError from None
