"""The files of an evaluation, in a folder of vision's: all of them whole, or none."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.files import explain, name_part, new_file
from visioncli.metrics.report import AnyReport, ConfusionTable
from visioncli.results import dump_line
from visioncli.sinks.csv_table import FORMULA
from visioncli.sinks.folder import OutputFolder

NUMBERS, CLASSES, CONFUSION, SLICES, STRESS = "eval.json", "classes.csv", "confusion.csv", "slices.csv", "stress.csv"
TABLES = (NUMBERS, CLASSES, CONFUSION, SLICES, STRESS)
RECORDS = ".jsonl"
Row = Sequence[Any]


def record_files(names: Sequence[str]) -> list[str]:
    """The name of each network's records, `MODEL.jsonl`; no two are the same."""
    files: list[str] = []
    for name in names:
        base = name_part(Path(name).name or name) or "model"
        tries = (base if n == 1 else f"{base}-{n}" for n in range(1, len(names) + 1))
        taken = {file.casefold() for file in files}
        files.append(next(f"{t}{RECORDS}" for t in tries if f"{t}{RECORDS}".casefold() not in taken))
    return files


def write_documents(out: OutputFolder, documents: dict[str, bytes]) -> None:
    """Gives each file its name when all are written; of an earlier evaluation nothing stays. Raises OutputError."""
    written: list[tuple[Path, str]] = []
    try:
        for number, (name, data) in enumerate(documents.items()):
            target = out.check(name)
            temporary = out.partial / f".vision-document.{number}"
            try:
                with new_file(temporary) as file:
                    file.write(data)
            except OSError as problem:
                raise explain(problem, target) from problem
            written.append((temporary, name))
        stale = [n for n in (*TABLES, *(p.name for p in out.path.glob(f"*{RECORDS}"))) if n not in documents]
        for temporary, name in written:
            out.note(name)
            try:
                temporary.replace(out.path / name)
            except OSError as problem:
                raise explain(problem, out.path / name) from problem
        for name in stale:
            out.remove(name)
    finally:
        for temporary, _ in written:
            with suppress(OSError):
                temporary.unlink()


def json_document(body: dict[str, Any]) -> bytes:
    """JSON for people and programs, with a line end."""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, indent=1)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def json_lines(bodies: Iterable[dict[str, Any]]) -> bytes:
    """A line each."""
    return b"".join(map(dump_line, bodies))


def table(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """CSV in UTF-8; empty cells are undefined numbers, and no cell is a formula to spreadsheets."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if np.isnan(value) else repr(float(value))
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def classes_table(reports: Iterable[tuple[str, AnyReport]]) -> bytes:
    """`classes.csv`: a row for each network and class; intervals as two columns behind each number that has one."""
    columns: list[str] = ["model", "label"]
    rows: list[dict[str, Any]] = []
    for name, report in reports:
        for k, (label, numbers) in enumerate(report.class_numbers().items()):
            row: dict[str, Any] = {"model": name, "label": label}
            ends = report.intervals.classes if report.intervals and report.intervals.has_classes else {}
            for number, value in numbers.items():
                row[number] = value
                if number in ends and number != "support":
                    row |= with_ends(number, ends[number][:, k])
            rows.append(row)
            columns += [column for column in row if column not in columns]
    return table(columns, ([row.get(column, "") for column in columns] for row in rows))


def with_ends(name: str, ends: Sequence[float] | np.ndarray) -> dict[str, float]:
    """The two columns of an interval."""
    return {f"{name}_low": float(ends[0]), f"{name}_high": float(ends[1])}


def confusion_table(tables: Iterable[tuple[str, ConfusionTable]]) -> bytes:
    """`confusion.csv`: how often each pair of classes occurred, without the pairs that did not."""
    return table(("model", "truth", "predicted", "count"), _pairs(tables))


def _pairs(tables: Iterable[tuple[str, ConfusionTable]]) -> Iterator[Row]:
    for name, found in tables:
        labels = [*found.labels, *([""] if len(found.counts) > len(found.labels) else [])]
        for truth, predicted in zip(*np.nonzero(found.counts), strict=True):
            yield name, labels[truth], labels[predicted], int(found.counts[truth, predicted])
