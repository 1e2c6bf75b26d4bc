"""`predictions.jsonl`: appended to while a run lasts, renamed when it ends, read by `--resume`."""

import json
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from visioncli.earlier_results import PREDICTIONS
from visioncli.errors import OutputError, UsageError
from visioncli.files import explain, new_file, refuse_irregular, whole_file
from visioncli.predictions import Segment
from visioncli.results import Record, dump_line
from visioncli.sinks.earlier import EarlierDocuments
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import RecordSink

JOURNAL = "journal.{}.jsonl"
EARLIER = "earlier.{}.jsonl"
"""Of each task its own: a run of another one leaves what a killed run finished as it is."""
LONGEST_LINE = 32 << 20
"""Bytes. Records have some hundred; those of outlines and masks of the largest pictures some millions."""


class Journal(RecordSink):
    """Keeps each record as soon as it is finished, so that a killed run loses only what was in flight."""

    def __init__(self, out: OutputFolder, task: str, *, resume: bool) -> None:
        self._out = out
        self._target = out.check(PREDICTIONS)
        self._before = EarlierDocuments(out, task)
        self._path = out.partial / JOURNAL.format(task)
        self._earlier = out.partial / EARLIER.format(task)
        self._resume = resume
        self._keys: set[str] = set()
        self._outputs: set[str] = set()
        self._keep_previous = not resume
        try:
            self._keep_leftovers()
            self._file = new_file(self._path)
        except OSError as problem:
            raise explain(problem, self._target) from problem

    def _keep_leftovers(self) -> None:
        """Finished records of killed runs: gathered in one file, which `--resume` reads."""
        earlier = self._earlier
        for path in (earlier, self._path):
            refuse_irregular(path)
        if self._path.exists():
            with whole_file(earlier, self._out.partial) as temporary, temporary.open("wb") as file:
                for path in (earlier, self._path):
                    if path.is_file():
                        file.writelines(line for _, line in lines_with_offsets(path))
        self.sources = [p for p in (self._before.records, earlier) if p.is_file()] if self._resume else []

    @property
    def kept(self) -> list[str]:
        """Sentences about where records of earlier runs are now, once this one is closed."""
        return self._before.kept

    def write(self, record: Record) -> None:
        """Appends one line and hands it to the operating system at once."""
        line = dump_line(record.to_json())
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as problem:
            raise explain(problem, self._target) from problem
        if self._resume and record.key:
            self._keys.add(record.key)
            self._outputs.add(record.output or "")

    def settle(self, finished: "Finished", *, complete: bool) -> None:
        """Sees to it that no success of an earlier run is lost: those that this run did not come to.

        A run that was cut short takes them over; beside a complete one `close` keeps the earlier file.
        """
        if complete:
            self._keep_previous = any(True for _ in finished.lines(self._keys))
            return
        with suppress(OSError):  # the disk may be full: the records of this run matter more
            self._file.writelines(finished.lines(self._keys, self._outputs))
            self._file.flush()

    def close(self) -> None:
        """Renames the journal to `predictions.jsonl`; documents of earlier runs are kept beside it."""
        try:
            self._drop_torn_line()
            self._before.switch()
            if self._keep_previous and self._target.exists() and self._target.stat().st_size:
                self._before.keep_previous()
            self._out.note(PREDICTIONS)
            os.replace(self._path, self._target)
            self._earlier.unlink(missing_ok=True)
        except OSError as problem:
            raise explain(problem, self._target) from problem

    def _drop_torn_line(self) -> None:
        """A disk that filled up may have taken half a line."""
        with suppress(OSError):  # what did not fit is lost; the lines before it are whole
            self._file.close()
        drop_torn_line(self._path)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a record stands, and the name of its results."""

    path: Path
    offset: int
    output: str


class Finished:
    """The successes of earlier runs by key. Only offsets are held in memory, not records.

    What does not read as a success of ours, with its files in this folder, counts as not done. Where two records
    have the same `output`, the later one's files stand in the place of the earlier one's, which counts no more.
    """

    def __init__(self, paths: list[Path], out: OutputFolder) -> None:
        self._folder = os.path.abspath(out.path)
        self._places: dict[str, _Place] = {}
        latest: dict[str, str] = {}
        for path in paths:
            for offset, line in lines_with_offsets(path):
                record = self._parse(line)
                if record is None or record.key is None or record.output is None:
                    continue
                if (before := latest.get(record.output, record.key)) != record.key:
                    self._places.pop(before, None)
                latest[record.output] = record.key
                self._places[record.key] = _Place(path, offset, record.output)
                out.reserve(record.output, record.input)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def get(self, key: str) -> Record | None:
        """The record with this key, if there is one and all files that it names still are as they were written."""
        place = self._places.get(key)
        record = self._parse(_line_at(place)) if place else None
        if record is None or any(bytes_of(path) != record.sizes[kind] for kind, path in record.files.items()):
            return None
        return record

    def lines(self, without: Collection[str], outputs: Collection[str] = ()) -> Iterator[bytes]:
        """The successes as they stand in the files, but for those with these keys (`without`) or these `outputs`."""
        for key, place in self._places.items():
            if key not in without and place.output not in outputs:
                yield _line_at(place)

    def _parse(self, line: bytes) -> Record | None:
        """The success on a line, or None for one that cannot be used: that input is simply done again."""
        try:
            record = Record.from_json(json.loads(line, parse_constant=_refuse))
            if not (record.ok and record.key and record.output) or record.sizes.keys() != record.files.keys():
                return None
            for name in (record.input, record.output, *record.files.values()):
                os.fsencode(name)
            inside = all(_is_below(os.path.abspath(path), self._folder) for path in record.files.values())
            if not inside or ".." in PurePosixPath(record.output).parts or record.output.startswith("/"):
                return None
            _check_masks(record)
        except (ValueError, RecursionError):
            return None
        return record


def drop_torn_line(path: Path) -> None:
    """Cuts a file of lines off behind the last whole one. Raises OSError."""
    with path.open("rb+") as file:
        size = whole = file.seek(0, os.SEEK_END)
        while whole:
            start = max(0, whole - (1 << 16))
            file.seek(start)
            at = file.read(whole - start).rfind(b"\n")
            whole = start + at + 1 if at >= 0 else start
            if at >= 0:
                break
        if whole < size:
            file.truncate(whole)


def bytes_of(path: str) -> int:
    """The size of a file, or of the files in a folder; -1 where there is none."""
    try:
        if os.path.isdir(path):
            with os.scandir(path) as entries:
                return sum(entry.stat().st_size for entry in entries)
        return os.stat(path).st_size
    except (OSError, ValueError):
        return -1


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _check_masks(record: Record) -> None:
    """Raises ValueError where a mask is none: compiled code, which trusts it, would read on behind its end."""
    masks = [p.mask for p in record.predictions or () if isinstance(p, Segment)]
    if masks:
        from visioncli.geometry.masks import to_rle

        for mask in masks:
            to_rle({"size": list(mask.size), "counts": mask.counts}, record.height or 0, record.width or 0)


def _line_at(place: _Place) -> bytes:
    with place.path.open("rb") as file:
        file.seek(place.offset)
        return file.readline(LONGEST_LINE)


def lines_with_offsets(path: Path) -> Iterator[tuple[int, bytes]]:
    """Whole lines, but for those that are too long to be ours."""
    offset = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                if line.endswith(b"\n"):
                    yield offset, line
                    offset += len(line)
                    continue
                while line and not line.endswith(b"\n"):
                    offset += len(line)
                    line = file.readline(1 << 20)
                offset += len(line)
    except OSError as problem:
        raise OutputError(f"Cannot read {path} to resume from it: {problem.strerror}.") from problem


def check_resume(resume: bool, out: OutputFolder | None) -> None:
    """Raises UsageError where there is no folder to resume from."""
    if resume and out is None:
        raise UsageError("--resume needs an output folder; with -o - nothing is kept that could be resumed.")
