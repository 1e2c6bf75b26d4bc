"""JSON Lines on standard output: one record a line, each as soon as it is finished."""

import sys

from visioncli.results import Record, dump_line
from visioncli.sinks.interface import RecordSink


class StdoutLines(RecordSink):
    """Raises BrokenPipeError where the reader has gone."""

    def write(self, record: Record) -> None:
        sys.stdout.buffer.write(dump_line(record.to_json()))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Every line is out already."""
