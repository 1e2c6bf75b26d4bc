"""Lines on standard output, each as soon as its input is finished; BrokenPipeError where the reader has gone."""

import dataclasses
import os
import sys
from collections.abc import Callable

from visioncli.results import Record, dump_line
from visioncli.sinks.interface import RecordSink

Around = Callable[[Callable[[], None]], None]
"""Calls what prints; on a terminal it moves a progress bar out of the way meanwhile."""


class StdoutLines(RecordSink):
    """JSON Lines: one record a line."""

    def __init__(self, around: Around = lambda printing: printing()) -> None:
        self._around = around

    def write(self, record: Record) -> None:
        line = dump_line(record.to_json())
        self._around(lambda: _put(line))

    def close(self) -> None:
        """Every line is out already."""


class StdoutPaths(RecordSink):
    """The path of each success, with `end` behind it: its annotated picture, or the input where there is none."""

    def __init__(self, end: bytes, around: Around = lambda printing: printing()) -> None:
        self._end, self._around = end, around

    def write(self, record: Record) -> None:
        # The last frame of a video names the annotated one, which they have in common.
        if record.ok and (record.frame is None or "annotated" in record.files):
            path = os.fsencode(record.files.get("annotated", record.input)) + self._end
            self._around(lambda: _put(path))

    def close(self) -> None:
        """Every path is out already."""


class StdoutDuplicates(StdoutPaths):
    """The path of each picture that is a duplicate of another one, not of those that are kept."""

    def write(self, record: Record) -> None:
        if any(one.kind != "kept" for one in record.predictions or ()):
            super().write(dataclasses.replace(record, files={}))


def _put(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
