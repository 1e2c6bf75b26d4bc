"""The vectors of `vision embed` that a shard's documents hold: records have them rounded, or not at all."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.errors import UsageError
from visioncli.merging.parts import DamagedError, Part, Row

ROWS = 256
"""Vectors that are read at one time."""


def document_of_vectors(formats: list[str]) -> str | None:
    """The format whose document holds the vectors; None where none was written."""
    return next((name for name in ("npy", "parquet", "csv") if name in formats), None)


def with_vectors(part: Part, rows: Iterable[Row], document: str) -> Iterator[Row]:
    """The rows of a shard, each success with its vector as float32. Raises DamagedError and UsageError."""
    path = part.folder / f"predictions.{document}"
    vectors = {"npy": _of_npy, "parquet": _of_parquet, "csv": _of_csv}[document](path)
    try:
        for row in rows:
            # An array has no rows for failures; tables have one for every input.
            vector = next(vectors) if row.record.ok or document != "npy" else None
            if row.record.ok:
                if vector is None:
                    raise DamagedError
                (prediction,) = row.record.predictions or ()
                record = replace(row.record, predictions=(replace(prediction, vector=vector),))
                yield replace(row, record=record)
            else:
                yield row
    except (OSError, ValueError, StopIteration):
        raise DamagedError from None


def _of_npy(path: Path) -> Iterator[Any]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    count, offset, width = len(array), array.offset, array.shape[1]
    del array  # its descriptor: there may be many shards
    for begin in range(0, count, ROWS):
        rows = min(ROWS, count - begin)
        block = np.fromfile(path, "<f4", rows * width, offset=offset + begin * width * 4).reshape(rows, width)
        yield from map(tuple, block.tolist())


def _of_parquet(path: Path) -> Iterator[Any]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise UsageError("Parquet needs a package: pip install 'visioncli[parquet]'.") from None
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS, columns=["vector"]):
            yield from batch.column(0).to_pylist()


def _of_csv(path: Path) -> Iterator[Any]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows, None)
        for cells in rows:
            numbers = [cell for cell in cells[2:] if cell]
            yield tuple(np.array(numbers, np.float32).tolist()) if numbers else None
