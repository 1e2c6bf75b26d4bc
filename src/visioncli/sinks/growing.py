"""`predictions.jsonl` of a run that has no end of its own: it grows in its place, a record at a time."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from visioncli.earlier_results import PREDICTIONS
from visioncli.files import explain, refuse_irregular
from visioncli.results import Record, dump_line
from visioncli.sinks.earlier import EarlierDocuments
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.journal import EARLIER, JOURNAL, Finished, drop_torn_line, lines_with_offsets


class GrowingJournal(RecordSink):
    """Appends each record to `OUT/predictions.jsonl`, behind those of earlier runs of the same task.

    It stands in the place of `Journal`. What a killed run that ended differently left is taken in at the start. The
    file is whole lines, but for a last one that a full disk or a power cut tore, which the next run cuts off.
    """

    def __init__(self, out: OutputFolder, task: str, *, resume: bool = True) -> None:
        self._target: Path = out.check(PREDICTIONS)
        self._before = EarlierDocuments(out, task)
        try:
            self._before.switch()
            out.note(PREDICTIONS)
            if self._target.exists():
                drop_torn_line(self._target)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self._target, flags, 0o666), "ab", buffering=0)
            self._take_in(out, [out.partial / name.format(task) for name in (EARLIER, JOURNAL)])
        except OSError as problem:
            raise explain(problem, self._target) from problem
        self.sources = [self._target]

    @property
    def kept(self) -> list[str]:
        """Sentences about where records of another task are now."""
        return self._before.kept

    def _take_in(self, out: OutputFolder, leftovers: list[Path]) -> None:
        for path in leftovers:
            refuse_irregular(path)
        there = [path for path in leftovers if path.is_file()]
        if there:
            known = Finished([self._target], out)
            for line in _once(there):
                if json.loads(line)["key"] not in known:
                    self._put(line)
            for path in there:
                path.unlink()

    def write(self, record: Record) -> None:
        """Appends one line and hands it to the operating system at once."""
        self._put(dump_line(record.to_json()))

    def _put(self, line: bytes) -> None:
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as problem:
            raise explain(problem, self._target) from problem

    def settle(self, finished: Finished, *, complete: bool) -> None:
        """Nothing is lost: all records stay where they are."""

    def close(self) -> None:
        """Cuts off what a full disk took of a line."""
        try:
            self._file.close()
            drop_torn_line(self._target)
        except OSError as problem:
            raise explain(problem, self._target) from problem


def _once(paths: list[Path]) -> Iterator[bytes]:
    """The lines of files of records that have a key, the last one of each key."""
    last: dict[str, tuple[Path, int]] = {}
    for at, key, _ in _keyed(paths):
        last[key] = at
    for at, key, line in _keyed(paths):
        if last[key] == at:
            yield line


def _keyed(paths: list[Path]) -> Iterator[tuple[tuple[Path, int], str, bytes]]:
    for path in paths:
        for offset, line in lines_with_offsets(path):
            try:
                key = json.loads(line).get("key")
            except (ValueError, AttributeError, RecursionError):
                continue
            if isinstance(key, str):
                yield (path, offset), key, line
