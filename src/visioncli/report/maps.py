"""Maps of classes for a page: out of files, out of records, and out of what `vision train` put beside them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.datasets.interface import DatasetError
from visioncli.datasets.label_maps import read_map, renumbered
from visioncli.predictions import Rle, Segment
from visioncli.report.outputs import Output
from visioncli.results import Record

VOID = 255
"""Pixels of this value do not count."""
ENDING = ".mask.png"
MapOf = Callable[[], np.ndarray]
"""Gives a map, `(H, W)` whole numbers. Raises DatasetError."""


def of_file(path: Path, values: Mapping[int, int]) -> np.ndarray:
    """A label map with the numbers that a network answers with: `values` has them by those in the file."""
    return renumbered(read_map(path), values)


def of_record(record: Record, output: Output) -> np.ndarray:
    """What a run answered: the map that it wrote, where its record says or beside the records if the folder has
    moved since; without one what the masks in the record make."""
    said = Path(record.files.get("mask", ""))
    moved = output.folder / f"{record.output}{ENDING}"
    if moved.is_file():
        return read_map(moved)
    if record.files.get("mask"):
        return read_map(said)
    parts = [(p.label_id, p.mask) for p in record.predictions or () if isinstance(p, Segment)]
    return _drawn(parts, (record.height or 0, record.width or 0), record.input)


def of_truth(truth: Mapping[str, Any], record: Record) -> np.ndarray:
    """What stands beside a record of a RUN: `segments` with `label_id` and `mask`, and `ignored` pixels."""
    parts = [(part["label_id"], _rle(part["mask"])) for part in truth["segments"]]
    if truth.get("ignored") is not None:
        parts.append((VOID, _rle(truth["ignored"])))
    return _drawn(parts, (record.height or 0, record.width or 0), record.input)


def _rle(mask: Any) -> Rle:
    height, width = mask["size"]
    return Rle((height, width), mask["counts"])


def _drawn(parts: list[tuple[int, Rle]], size: tuple[int, int], name: str) -> np.ndarray:
    found = np.zeros(size, np.uint8)
    for number, mask in parts:
        try:
            found[mask.decode()] = number
        except (ValueError, IndexError, TypeError) as problem:
            raise DatasetError(f"{name}: a mask of its record cannot be used: {problem}.") from None
    return found
