"""Feature vectors as documents: `predictions.npy` with `predictions.names.json`, `predictions.csv`,
`predictions.parquet`.

Arrays hold the inputs that succeeded, tables all of them, in input order.
"""

import csv
import dataclasses
import io
import json

import numpy as np

from visioncli.results import Record
from visioncli.sinks.csv_table import defused
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.parquet import VectorParquetSink, vector_of
from visioncli.sinks.seekable import SeekableSink, with_disk_errors

_HEADER = 128
"""Bytes of what stands before the numbers of an array, whose count is known last."""


def vector_sinks(name: str, out: OutputFolder | None) -> list[DocumentSink]:
    """The sinks of a format for vectors. Raises UsageError where its library is missing."""
    if name == "csv":
        return [VectorCsvSink(out)]
    if name == "parquet":
        return [VectorParquetSink(out, "embed")]
    return [NpySink(out), *([NamesSink(out)] if out is not None else [])]


class NpySink(SeekableSink):
    """`(N, F) float32` in NumPy's own format (https://numpy.org/neps/nep-0001-npy-format.html)."""

    suffix = "npy"

    def begin(self) -> None:
        self._shape = (0, 0)
        self.put(bytes(_HEADER))

    def write(self, record: Record) -> None:
        vector = vector_of(record)
        if vector is not None:
            self._shape = self._shape[0] + 1, len(vector)
            self.put(vector.astype("<f4").tobytes())

    def finish(self) -> None:
        facts = repr({"descr": "<f4", "fortran_order": False, "shape": self._shape})
        head = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little") + facts.encode()
        with_disk_errors(lambda: self._begin_with(head.ljust(_HEADER - 1) + b"\n"), self)

    def _begin_with(self, head: bytes) -> None:
        self._file.seek(0)
        self._file.write(head)
        self._file.seek(0, 2)


class NamesSink(DocumentSink):
    """The inputs of the rows of `predictions.npy`, as a JSON array of texts."""

    suffix = "names.json"

    def begin(self) -> None:
        self._separator = b"[\n"

    def write(self, record: Record) -> None:
        if vector_of(record) is not None:
            name = json.dumps(record.input, ensure_ascii=False).encode("utf-8", "backslashreplace")
            self.put(self._separator + name)
            self._separator = b",\n"

    def finish(self) -> None:
        self.put(b"[]\n" if self._separator == b"[\n" else b"\n]\n")


class VectorCsvSink(DocumentSink):
    """One row an input: its name, the sentence of a failure, `f0`, `f1` … with as many digits as float32 has."""

    suffix = "csv"

    def begin(self) -> None:
        self._waiting: list[Record] = []
        self._length: int | None = None

    def write(self, record: Record) -> None:
        vector = vector_of(record)
        if self._length is None:
            if vector is None:
                self._waiting.append(record)  # how many columns there are is not known yet
                return
            self._head(len(vector))
        self._row(record, vector)

    def finish(self) -> None:
        if self._length is None:
            self._head(0)

    def _head(self, length: int) -> None:
        self._length = length
        self._cells(["input", "error", *(f"f{n}" for n in range(length))])
        for record in self._waiting:
            self._row(record, None)
        self._waiting = []

    def _row(self, record: Record, vector: np.ndarray | None) -> None:
        error = f"{record.error.kind}: {record.error.message}" if record.error else ""
        numbers = [""] * (self._length or 0) if vector is None else [f"{n:.9g}" for n in vector.tolist()]
        self._cells([defused(record.input), defused(error), *numbers])

    def _cells(self, cells: list[str]) -> None:
        text = io.StringIO()
        csv.writer(text).writerow(cells)
        self.put(text.getvalue().encode("utf-8", errors="backslashreplace"))


class WithoutVectors(RecordSink):
    """What `sink` takes, without the vectors."""

    def __init__(self, sink: RecordSink) -> None:
        self._sink = sink

    @classmethod
    def around(cls, sink: RecordSink) -> RecordSink:
        """`sink` itself where it is one of vectors."""
        return sink if isinstance(sink, _OF_VECTORS) else cls(sink)

    def write(self, record: Record) -> None:
        if record.predictions:
            bare = tuple(dataclasses.replace(p, vector=None) for p in record.predictions)
            record = dataclasses.replace(record, predictions=bare)
        self._sink.write(record)

    def close(self) -> None:
        self._sink.close()


_OF_VECTORS = (NpySink, NamesSink, VectorCsvSink, VectorParquetSink)
