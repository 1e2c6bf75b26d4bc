"""CSV: a header and one box a row, as our csv sink writes it and as most other tools do."""

import csv
import io
import re
from pathlib import Path

import numpy as np

from visioncli.datasets.columns import check_corners, check_sizes
from visioncli.datasets.interface import (
    F64,
    Categories,
    Dataset,
    DatasetError,
    Images,
    ReadOptions,
    Role,
    plain_annotations,
)
from visioncli.datasets.text import read_text

NAME = "csv"
COLUMNS = {
    "input": ("input", "image", "file", "filename", "file_name", "path", "image_path"),
    "label": ("label", "class", "category", "class_name", "category_name", "label_name"),
    "label_id": ("label_id", "class_id", "category_id"),
    "score": ("score", "confidence", "conf"),
    "width": ("image_width",),
    "height": ("image_height",),
}
DEFUSED = re.compile(r"^'(?='*[=+\-@\t\r\n])")
"""The apostrophe in front of a text that spreadsheets would compute, as our csv sink writes it."""
CORNERS = (("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"))
SIDES = (("x", "y", "w", "h"), ("x", "y", "width", "height"))


def read(path: Path, options: ReadOptions) -> Dataset:
    """Read one file. A row whose box is empty names a picture without objects.

    Raises DatasetError with the line of whatever is wrong.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    header = [name.strip().casefold() for name in next(reader)]
    at = _columns(header, path)
    corners, box_at = _box_columns(header, path)
    words = [at[name] for name in ("input", "label") if name in at]
    lines, rows = [], []
    pictures: dict[str, int] = {}
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise DatasetError(
                    f"{path}: line {reader.line_num} has {len(row)} cells, but the header has {len(header)}."
                )
            for i in words:
                row[i] = DEFUSED.sub("", row[i])
            pictures.setdefault(row[at["input"]], len(pictures))
            if any(row[i].strip() for i in box_at):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as problem:
        raise DatasetError(f"{path}: line {reader.line_num}: malformed CSV: {problem}.") from None
    if "" in pictures:
        raise DatasetError(f"{path}: a row does not name its picture.")

    def place(i: int) -> str:
        return f"{path}: line {lines[i]}"

    boxes = np.stack([_numbers(rows, i, header[i], lines, path) for i in box_at], axis=1)
    (check_corners if corners else check_sizes)(boxes, place)
    key = at.get("label", at.get("label_id"))
    assert key is not None
    table: dict[str, int] = {}
    ids: dict[str, str] = {}
    for row in rows:
        table.setdefault(row[key], len(table))
        if "label_id" in at:
            ids.setdefault(row[key], row[at["label_id"]])
    if "" in table:
        first = next(i for i, row in enumerate(rows) if not row[key])
        raise DatasetError(f"{place(first)}: the {header[key]} is empty.")
    named = "label" in at
    numbered = len(set(ids.values())) == len(table) and all(v.strip().isdigit() for v in ids.values())
    categories = Categories(
        tuple(table) if named else ("",) * len(table),
        tuple(int(ids[n]) for n in table) if numbered else (None if named else tuple(table)),
        listed=False,
    )
    scored = options.role is Role.PREDICTIONS and "score" in at
    score = _numbers(rows, at["score"], "score", lines, path) if scored else None
    annotations = plain_annotations(
        [pictures[row[at["input"]]] for row in rows],
        [table[row[key]] for row in rows],
        boxes,
        score,
        corners=corners,
        ids=lines,
    )
    images = Images(tuple(pictures), np.zeros((len(pictures), 2), np.int64), listed=False)
    return Dataset(path, NAME, images, categories, annotations, scored or not rows)


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


def _numbers(rows: list[list[str]], column: int, name: str, lines: list[int], path: Path) -> F64:
    out = np.empty(len(rows))
    for i, row in enumerate(rows):
        try:
            out[i] = float(row[column])
        except ValueError:
            raise DatasetError(
                f'{path}: line {lines[i]}: {name} must be a number, not the text "{row[column][:40]}".'
            ) from None
    for i in np.flatnonzero(~np.isfinite(out))[:1]:
        raise DatasetError(f"{path}: line {lines[i]}: {name} is {out[i]}; it must be a finite number.")
    return out
