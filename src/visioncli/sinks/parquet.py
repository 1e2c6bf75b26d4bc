"""`predictions.parquet`: one row a record, with typed columns (https://parquet.apache.org/docs/file-format/)."""

import dataclasses
import json
import types
import typing
from typing import Any, ClassVar

import numpy as np

from visioncli.errors import UsageError
from visioncli.predictions import PREDICTIONS, Embedding, Window
from visioncli.results import SCHEMA, Failure, ModelInfo, Record
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.seekable import SeekableSink, with_disk_errors

ROWS = 512
"""Records that are turned into columns at one time."""
GROUP_ROWS = 1 << 16
GROUP_BYTES = 64 << 20
"""A row group ends with so many rows or bytes in memory, so that memory does not grow with the number of records."""
_TEXT_BYTES = 16 << 20
"""Masks and outlines of large pictures are turned into columns sooner."""


class ParquetSink(SeekableSink):
    """Columns are the fields of the record, with nested types that follow from the task's prediction.

    Boxes are lists of four float64, masks structs of `size` and `counts`; `files`, `sizes` and `ms` are maps; `extra`
    is JSON text, for each task adds what it likes. A failure has `error`, and null in all that it lacks.
    Raises UsageError where pyarrow is not installed.
    """

    suffix: ClassVar[str] = "parquet"

    def __init__(self, out: OutputFolder | None, task: str) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise UsageError("Parquet needs a package: pip install 'visioncli[parquet]'.") from None
        self._arrow: Any = pyarrow
        self._task = task
        super().__init__(out)

    def begin(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._batches: list[Any] = []
        self._text = self._grouped = self._bytes = 0
        self._schema: Any = None
        self._writer: Any = None

    def write(self, record: Record) -> None:
        row = self.row(record)
        self._rows.append(row)
        self._text += sum(len(p["mask"]["counts"]) for p in row.get("predictions") or () if "mask" in p)
        if (len(self._rows) >= ROWS or self._text >= _TEXT_BYTES) and self.known:
            self._to_columns()
        if self._grouped >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._group()

    def finish(self) -> None:
        self._to_columns()
        self._group()
        with_disk_errors(self._writer.close, self)

    @property
    def known(self) -> bool:
        """Whether the columns are known by now."""
        return True

    def row(self, record: Record) -> dict[str, Any]:
        """The record's values by column."""
        row = record.to_json()
        if "extra" in row:
            row["extra"] = json.dumps(row["extra"], ensure_ascii=False)
        return row

    def columns(self) -> dict[str, Any]:
        """The types of the columns in which tasks differ."""
        return {"predictions": self._arrow.list_(self._type_of(PREDICTIONS[self._task]))}

    def _columns(self) -> Any:
        arrow, text = self._arrow, self._arrow.string()
        columns = {
            "task": text,
            "input": text,
            "width": arrow.int64(),
            "height": arrow.int64(),
            "frame": arrow.int64(),
            "time_s": arrow.float64(),
            "seconds": arrow.float64(),
            "rate": arrow.int64(),
            "model": self._type_of(ModelInfo),
            **self.columns(),
            "windows": self._type_of(tuple[Window, ...]),
            "extra": text,
            "output": text,
            "files": arrow.map_(text, text),
            "sizes": arrow.map_(text, arrow.int64()),
            "ms": arrow.map_(text, arrow.float64()),
            "key": text,
            "error": self._type_of(Failure),
        }
        return arrow.schema(columns.items(), {"schema": SCHEMA, "task": self._task})

    def _type_of(self, kind: Any) -> Any:
        """The Arrow type of what `Record.to_json` makes of a value of the annotated type."""
        arrow = self._arrow
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            (kind,) = (k for k in args if k is not types.NoneType)
            return self._type_of(kind)
        if origin is tuple:
            return arrow.list_(self._type_of(args[0]), -1 if args[-1] is Ellipsis else len(args))
        if origin is dict:
            return arrow.map_(arrow.string(), self._type_of(args[1]))
        if dataclasses.is_dataclass(kind):
            hints = typing.get_type_hints(kind)
            return arrow.struct([(f.name, self._type_of(hints[f.name])) for f in dataclasses.fields(kind)])
        return {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}[kind]

    def _to_columns(self) -> None:
        arrow = self._arrow
        self._schema = self._schema or self._columns()
        if not self._rows:
            return
        kind = arrow.struct(list(self._schema))
        try:
            array = arrow.array(self._rows, kind)
        except UnicodeEncodeError:  # names of files that are not UTF-8
            array = arrow.array(_utf8(self._rows), kind)
        batch = arrow.RecordBatch.from_struct_array(array).replace_schema_metadata(self._schema.metadata)
        self._batches.append(batch)
        self._grouped += batch.num_rows
        self._bytes += batch.nbytes
        self._rows, self._text = [], 0

    def _group(self) -> None:
        with_disk_errors(self._write_group, self)
        self._batches, self._grouped, self._bytes = [], 0, 0

    def _write_group(self) -> None:
        if self._writer is None:
            parquet = self._arrow.parquet
            self._writer = parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        if self._batches:
            table = self._arrow.Table.from_batches(self._batches, self._schema)
            self._writer.write_table(table, row_group_size=table.num_rows)


class VectorParquetSink(ParquetSink):
    """For `vision embed`: in the place of predictions, `vector`, a list of float32 of fixed length."""

    def begin(self) -> None:
        super().begin()
        self._length: int | None = None

    def finish(self) -> None:
        self._length = self._length or 0
        super().finish()

    @property
    def known(self) -> bool:
        return self._length is not None

    def row(self, record: Record) -> dict[str, Any]:
        vector = vector_of(record)
        row = super().row(dataclasses.replace(record, predictions=() if record.ok else None))
        del row["predictions"]
        if vector is not None:
            self._length = self._length or len(vector)
            row["vector"] = vector
        return row

    def columns(self) -> dict[str, Any]:
        return {"vector": self._arrow.list_(self._arrow.float32(), self._length)}


def vector_of(record: Record) -> np.ndarray | None:
    """`(F,) float32`; None for a failure."""
    for one in record.predictions or ():
        if isinstance(one, Embedding) and one.vector is not None:
            return np.array(one.vector, np.float32)
    return None


def _utf8(value: Any) -> Any:
    """The same, with texts that are not UTF-8 as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_utf8(one) for one in value]
    if isinstance(value, dict):
        return {_utf8(name): _utf8(one) for name, one in value.items()}
    return value
