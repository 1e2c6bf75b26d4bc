"""CSV: a header and one box a row, as our csv sink writes it and as most other tools do.

The file is read a few thousand rows at a time into columns, so that memory does not grow with its text.
"""

import csv
import io
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.datasets.columns import LONGEST_SHOWN, check_corners, check_sizes
from visioncli.datasets.file_bytes import not_utf8, open_bytes, refuse_binary, unreadable
from visioncli.datasets.interface import (
    F64,
    I64,
    Categories,
    Dataset,
    DatasetError,
    Images,
    ReadOptions,
    Role,
    plain_annotations,
)
from visioncli.datasets.text import whole_number

NAME = "csv"
COLUMNS = {
    "input": ("input", "image", "file", "filename", "file_name", "path", "image_path"),
    "label": ("label", "class", "category", "class_name", "category_name", "label_name"),
    "label_id": ("label_id", "class_id", "category_id"),
    "score": ("score", "confidence", "conf"),
    "width": ("image_width",),
    "height": ("image_height",),
}
CORNERS = (("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"))
SIDES = (("x", "y", "w", "h"), ("x", "y", "width", "height"))
DEFUSED = re.compile(r"^'(?='*[=+\-@\t\r\n])")
"""The apostrophe in front of a text that spreadsheets would compute, as our csv sink writes it."""
ROWS_AT_ONCE = 1 << 14
LONGEST_LINE = 1 << 20
_PEEK = 1 << 16


class _Numbering(dict[str, int]):
    """Numbers the names that cells hold, in the order in which they first occur."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __missing__(self, cell: str) -> int:
        name = DEFUSED.sub("", cell)
        if name not in self:
            self.setdefault(name, len(self.names))
            self.names.append(name)
        self[cell] = number = self[name]
        return number


class _Table:
    """The columns of the file as they grow; what a row holds is decided by its header."""

    def __init__(self, header: list[str], path: Path, options: ReadOptions) -> None:
        self.path, self.header = path, header
        self.at = _columns(header, path)
        self.corners, self.box_at = _box_columns(header, path)
        self.inclusive = options.inclusive
        if self.inclusive and not self.corners:
            raise DatasetError(
                f"{path}: --inclusive is for corners, whose last pixel counts; this file holds widths and heights."
            )
        self.key = self.at.get("label", self.at.get("label_id", 0))
        self.scored = options.role is Role.PREDICTIONS and "score" in self.at
        self.pictures, self.classes = _Numbering(), _Numbering()
        self.ids: dict[str, str] = {}
        self._parts: dict[str, list[Any]] = {"line": [], "image": [], "category": [], "box": [], "score": []}

    def column(self, name: str) -> Any:
        """One column of all rows that have a box; its parts are given up."""
        parts = self._parts.pop(name)
        if parts:
            return np.concatenate(parts)
        return np.empty((0, 4) if name == "box" else 0, np.float64 if name in ("box", "score") else np.int64)

    def add(self, numbered: list[tuple[int, list[str]]]) -> None:
        """Take in some rows, each with the number of its line. Raises DatasetError with the line that is wrong."""
        rows = [row for _, row in numbered]
        lines = np.fromiter((line for line, _ in numbered), np.int64, len(numbered))
        if {len(self.header)}.issuperset(map(len, rows)):
            columns = list(zip(*rows, strict=True))
            if all(map(str.strip, columns[self.at["input"]])) and all(map(str.strip, columns[self.box_at[0]])):
                self._add(columns, lines)
                return
        self._add_with_gaps(rows, lines)

    def _add_with_gaps(self, rows: list[list[str]], lines: I64) -> None:
        """As `add`, where there are blank rows, rows without a box, or wrong ones."""
        kept, wide = [], len(self.header)
        for i, row in enumerate(rows):
            if not any(map(str.strip, row)):
                continue
            if len(row) != wide:
                raise DatasetError(f"{self.path}: line {lines[i]} has {len(row)} cells, but the header has {wide}.")
            if not row[self.at["input"]].strip():
                raise DatasetError(f"{self.path}: line {lines[i]} does not name its picture.")
            self.pictures[row[self.at["input"]]]  # numbered here, since the order is that of the file
            if any(row[k].strip() for k in self.box_at):
                kept.append(i)
        if kept:
            self._add(list(zip(*(rows[i] for i in kept), strict=True)), lines[kept])

    def _add(self, columns: list[tuple[str, ...]], lines: I64) -> None:
        def place(i: int) -> str:
            return f"{self.path}: line {lines[i]}"

        boxes = np.stack([self._numbers(columns[k], self.header[k], lines) for k in self.box_at], axis=1)
        (check_corners if self.corners else check_sizes)(boxes, place)
        if self.inclusive:
            boxes[:, 2:] += 1
        labels = columns[self.key]
        if not all(labels):
            raise DatasetError(f"{place(labels.index(''))}: the {self.header[self.key]} is empty.")
        if "label_id" in self.at:
            for label, number in dict(
                zip(reversed(labels), reversed(columns[self.at["label_id"]]), strict=True)
            ).items():
                self.ids.setdefault(DEFUSED.sub("", label), number)
        count = len(lines)
        self._parts["line"].append(lines)
        self._parts["box"].append(boxes)
        images = columns[self.at["input"]]
        self._parts["image"].append(np.fromiter(map(self.pictures.__getitem__, images), np.int64, count))
        self._parts["category"].append(np.fromiter(map(self.classes.__getitem__, labels), np.int64, count))
        if self.scored:
            self._parts["score"].append(self._numbers(columns[self.at["score"]], "score", lines))

    def _numbers(self, cells: tuple[str, ...], name: str, lines: I64) -> F64:
        try:
            out = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            i = next(i for i, cell in enumerate(cells) if not _is_float(cell))
            raise DatasetError(
                f'{self.path}: line {lines[i]}: {name} must be a number, not the text "{cells[i][:LONGEST_SHOWN]}".'
            ) from None
        for i in np.flatnonzero(~np.isfinite(out))[:1]:
            raise DatasetError(f"{self.path}: line {lines[i]}: {name} is {out[i]}; it must be a finite number.")
        return out


def read(path: Path, options: ReadOptions) -> Dataset:
    """Read one file. A row whose box is empty names a picture without objects.

    Raises DatasetError with the line of whatever is wrong.
    """
    try:
        table = _read_table(path, options)
    except UnicodeDecodeError:
        raise not_utf8(path, _first_odd_line(path)) from None
    except (OSError, MemoryError) as problem:
        raise unreadable(path, problem) from None
    named, ids = "label" in table.at, table.ids
    numbers = [whole_number(ids[label]) for label in table.classes.names] if ids else []
    numbered = bool(numbers) and None not in numbers and len(set(numbers)) == len(table.classes.names)
    categories = Categories(
        tuple(table.classes.names) if named else ("",) * len(table.classes.names),
        tuple(n for n in numbers if n is not None) if numbered else (None if named else tuple(table.classes.names)),
        listed=False,
    )
    annotations = plain_annotations(
        table.column("image"),
        table.column("category"),
        table.column("box"),
        table.column("score") if table.scored else None,
        corners=table.corners,
        ids=table.column("line"),
    )
    images = Images(tuple(table.pictures.names), np.zeros((len(table.pictures.names), 2), np.int64), listed=False)
    scored = table.scored or not len(annotations)
    holds_scores = "score" in table.at and len(annotations) > 0
    return Dataset(path, NAME, images, categories, annotations, scored, holds_scores=holds_scores)


def _read_table(path: Path, options: ReadOptions) -> _Table:
    with open_bytes(path) as file:
        start = file.peek(_PEEK)[:_PEEK] if isinstance(file, io.BufferedReader) else b""
        refuse_binary(start, path)
        size = os.fstat(file.fileno()).st_size
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        reader = csv.reader(_lines(text, path))
        try:
            header = next((row for row in reader if any(map(str.strip, row))), None)
            if header is None:
                raise DatasetError(f"{path}: the file is empty.")
            table = _Table([name.strip().casefold() for name in header], path, options)
            numbered = ((reader.line_num, row) for row in reader)
            while rows := list(islice(numbered, ROWS_AT_ONCE)):
                table.add(rows)
                options.progress(f"reading {path}", file.tell() if size else 0, size)
        except csv.Error as problem:
            words = str(problem)
            if "field limit" in words:
                words = (
                    f"a cell is longer than {csv.field_size_limit():,} characters; a quotation mark may be missing"
                )
            raise DatasetError(f"{path}: line {reader.line_num}: malformed CSV: {words.rstrip('.')}.") from None
    return table


def _lines(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """The lines of the file. Raises DatasetError where one has no end."""
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) >= LONGEST_LINE:
            raise DatasetError(f"{path}: line {number} is longer than {LONGEST_LINE:,} characters; is this a CSV?")
        yield line


def _first_odd_line(path: Path) -> int:
    """The line of a file, known to be not UTF-8, at which it is not."""
    with open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def is_header(line: str) -> bool:
    """Whether a first line names the columns of a table of boxes."""
    names = {name.strip().strip('"').casefold() for name in line.split(",")}
    return bool(names & set(COLUMNS["input"])) and any(names.issuperset(n) for n in (*CORNERS, *SIDES))


def _is_float(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _columns(header: list[str], path: Path) -> dict[str, int]:
    at: dict[str, int] = {}
    for wanted, names in COLUMNS.items():
        for name in names:
            if name in header:
                at.setdefault(wanted, header.index(name))
    shown = ",".join(header)[:80]
    if "input" not in at:
        raise DatasetError(
            f"{path}: the first line must be a header with a column input (or image, file), but it is {shown}."
        )
    if "label" not in at and "label_id" not in at:
        raise DatasetError(f"{path}: the header has no column label or label_id; it is {shown}.")
    return at


def _box_columns(header: list[str], path: Path) -> tuple[bool, list[int]]:
    for names in (*CORNERS, *SIDES):
        if all(n in header for n in names):
            return names in CORNERS, [header.index(n) for n in names]
    raise DatasetError(
        f"{path}: the header has no columns x1, y1, x2, y2 (nor xmin, ymin, xmax, ymax, nor x, y, w, h); "
        f"it is {','.join(header)[:80]}."
    )
