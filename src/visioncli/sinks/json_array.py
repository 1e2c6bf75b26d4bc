"""`predictions.json`: all records as one JSON array."""

from visioncli.results import Record, dump_line
from visioncli.sinks.documents import DocumentSink


class JsonArraySink(DocumentSink):
    """Streams the array, so that memory does not grow with the number of inputs."""

    suffix = "json"

    def begin(self) -> None:
        self._separator = b"[\n"

    def write(self, record: Record) -> None:
        self.put(self._separator + dump_line(record.to_json()).rstrip(b"\n"))
        self._separator = b",\n"

    def finish(self) -> None:
        self.put(b"[]\n" if self._separator == b"[\n" else b"\n]\n")
