"""`predictions.jsonl`: appended to while a run lasts, renamed when it ends, read by `--resume`."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from visioncli.errors import OutputError, UsageError
from visioncli.files import explain, new_file, refuse_irregular, whole_file
from visioncli.results import Record, dump_line
from visioncli.sinks.folder import PREDICTIONS, PREVIOUS, OutputFolder
from visioncli.sinks.interface import RecordSink

JOURNAL = "journal.jsonl"
EARLIER = "earlier.jsonl"


class Journal(RecordSink):
    """Keeps each record as soon as it is finished, so that a killed run loses only what was in flight."""

    def __init__(self, out: OutputFolder, *, resume: bool) -> None:
        self._out = out
        self._target = out.check(PREDICTIONS)
        self._previous = out.check(PREVIOUS)
        self._path = out.partial / JOURNAL
        self._resume = resume
        self._keys: set[str] = set()
        self._keep_previous = not resume
        try:
            self._keep_leftovers()
            self._file = new_file(self._path)
        except OSError as problem:
            raise explain(problem, self._target) from problem

    def _keep_leftovers(self) -> None:
        """Finished records of killed runs: gathered in one file, which `--resume` reads."""
        earlier = self._out.partial / EARLIER
        for path in (earlier, self._path):
            refuse_irregular(path)
        if self._path.exists():
            with whole_file(earlier, self._out.partial) as temporary, temporary.open("wb") as file:
                for path in (earlier, self._path):
                    if path.exists():
                        file.writelines(line for line in path.open("rb") if line.endswith(b"\n"))
        self.sources = [p for p in (self._target, earlier) if p.exists()] if self._resume else []

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

    def settle(self, finished: "Finished", *, complete: bool) -> None:
        """Sees to it that no success of an earlier run is lost: those that this run did not come to.

        A run that was cut short takes them over; beside a complete one `close` keeps the earlier file.
        """
        if complete:
            self._keep_previous = any(True for _ in finished.lines(self._keys))
            return
        with suppress(OSError):  # the disk may be full: the records of this run matter more
            self._file.writelines(finished.lines(self._keys))
            self._file.flush()

    def close(self) -> None:
        """Renames the journal to `predictions.jsonl`; an earlier one that holds other records is kept beside it."""
        try:
            self._drop_torn_line()
            if self._keep_previous and self._target.exists() and self._target.stat().st_size:
                self._out.note(PREVIOUS)
                os.replace(self._target, self._previous)
            self._out.note(PREDICTIONS)
            os.replace(self._path, self._target)
        except OSError as problem:
            raise explain(problem, self._target) from problem

    def _drop_torn_line(self) -> None:
        """A disk that filled up may have taken half a line."""
        with suppress(OSError):  # what did not fit is lost; the lines before it are whole
            self._file.close()
        with self._path.open("rb+") as file:
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


class Finished:
    """The successes of earlier runs by key. Only offsets are held in memory, not records."""

    def __init__(self, paths: list[Path], out: OutputFolder) -> None:
        self._places: dict[str, tuple[Path, int]] = {}
        for path in paths:
            for offset, line in _lines_with_offsets(path):
                record = _parse(path, line)
                if record is not None and record.ok and record.key:
                    self._places[record.key] = (path, offset)
                    if record.output:
                        out.reserve(record.output, record.input)

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: str) -> Record | None:
        """The record with this key, if there is one and all files that it names still exist."""
        place = self._places.get(key)
        if place is None:
            return None
        path, offset = place
        with path.open("rb") as file:
            file.seek(offset)
            record = _parse(path, file.readline())
        if record is None or not all(os.path.exists(f) for f in record.files.values()):
            return None
        return record

    def lines(self, without: set[str]) -> Iterator[bytes]:
        """The successes as they stand in the files, but for those whose key is in `without`."""
        for key, (path, offset) in self._places.items():
            if key not in without:
                with path.open("rb") as file:
                    file.seek(offset)
                    yield file.readline()


def _lines_with_offsets(path: Path) -> Iterator[tuple[int, bytes]]:
    offset = 0
    try:
        with path.open("rb") as file:
            for line in file:
                yield offset, line
                offset += len(line)
    except OSError as problem:
        raise OutputError(f"Cannot read {path} to resume from it: {problem.strerror}.") from problem


def _parse(path: Path, line: bytes) -> Record | None:
    """The record on a line, or None for one that cannot be used: that input is simply done again."""
    try:
        return Record.from_json(json.loads(line))
    except ValueError:
        return None


def check_resume(resume: bool, out: OutputFolder | None) -> None:
    """Raises UsageError where there is no folder to resume from."""
    if resume and out is None:
        raise UsageError("--resume needs an output folder; with -o - nothing is kept that could be resumed.")
