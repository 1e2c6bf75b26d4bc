"""Tables of pictures and their classes: CSV and TSV with a header, and Hugging Face's `metadata.csv` and `.jsonl`.

    path,label,split
    photos/1.jpg,cat,train
    photos/2.jpg,cat;dog,val

Paths are relative to the table. Where any row has several labels, with `;` between, each picture may have any number.
"""

import csv
import io
import json
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from visioncli.inputs.addresses import is_url
from visioncli.labelled.classes import alike, ordered, split_named
from visioncli.labelled.interface import Example, PictureSet, SetError
from visioncli.labelled.trees import Tree, example, is_picture, mirrored
from visioncli.sounds.kinds import is_named_as_sound

PATH = ("path", "file", "file_name", "filename", "image", "image_path", "filepath")
LABEL = ("label", "labels", "class", "class_name", "category")
SPLIT = ("split", "set", "subset")
METADATA = ("metadata.csv", "metadata.jsonl")
SUFFIXES = (".csv", ".tsv", ".tab")
SEVERAL = ";"
"""Stands between the labels of a picture that has several."""
_SHOWN = 60
_MANY_COLUMNS = 10_000


@dataclass(slots=True)
class _Rows:
    """What the rows of one or several tables say, each list with one entry a picture."""

    paths: list[str] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    columns: list[dict[str, str]] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    several: bool = False
    warnings: list[str] = field(default_factory=list)


def is_table(head: bytes, name: str) -> bool:
    """Whether a file begins with a header that names pictures and their classes."""
    try:
        line = head.decode("utf-8-sig", "replace").lstrip("\r\n").split("\n", 1)[0]
        cells = next(csv.reader([line.rstrip("\r")], delimiter=_delimiter(line, name)), [])
    except csv.Error:
        return False
    names = {cell.strip().casefold() for cell in cells}
    return bool(names & set(PATH)) and bool(names & set(LABEL))


def read(tree: Tree, name: str, source: str | None = None, images: str | None = None) -> PictureSet:
    """The set that the table `name` of a tree tells of; `source` is what the user named, where not the tree.

    Where there is no picture at the first path, it is looked for in `images`, and in the folders beside the table.

    Raises SetError with the line of whatever is wrong.
    """
    rows = _Rows()
    _read_table(tree, name, "", rows)
    _rebase(tree, rows, images)
    form = "tsv" if name.lower().endswith((".tsv", ".tab")) else "csv"
    return _assembled(tree, rows, form, source or tree.source)


def read_lines(tree: Tree, name: str, source: str, images: str | None = None) -> PictureSet:
    """The set that a file of JSON Lines, each with `file_name` and `label`, tells of. Raises SetError."""
    rows = _Rows()
    if not _read_lines(tree, name, "", rows):
        raise SetError(f"{source}: each line must be an object with file_name and label.")
    _rebase(tree, rows, images)
    return _assembled(tree, rows, "metadata", source)


def metadata_in(tree: Tree) -> list[str]:
    """The tables of Hugging Face's picture folders that lie in a tree, or in its folders one below."""
    found: dict[str, str] = {}
    for name in tree.files:
        folder, _, last = name.rpartition("/")
        if last in METADATA and "/" not in folder:
            found.setdefault(folder, name)
    return [name for folder, name in found.items() if "" not in found or folder == ""]


def read_metadata(tree: Tree, names: Iterable[str]) -> PictureSet | None:
    """The set that `metadata_in` found; None where it says nothing of classes. Raises SetError."""
    rows = _Rows()
    for name in names:
        split = split_named(name.partition("/")[0]) or "" if "/" in name else ""
        if name.endswith(".jsonl"):
            if not _read_lines(tree, name, split, rows):
                return None
        elif is_table(tree.read(name)[:65536], name):
            _read_table(tree, name, split, rows)
        else:
            return None
    return _assembled(tree, rows, "metadata", tree.source)


def _read_table(tree: Tree, name: str, split: str, rows: _Rows) -> None:
    where = tree.path(name)
    text = _text(tree, name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text.lstrip("\r\n"), name))
    table = (row for row in reader if any(map(str.strip, row)))
    try:
        header = [cell.strip() for cell in next(table, [])]
        if not header:
            raise SetError(f"{where}: the file is empty.")
        add = _adder(rows, posixpath.dirname(name), split, where)
        at = _columns(header, where)
        named = {at_ for at_ in at.values() if at_ is not None}
        others = [(k, title) for k, title in enumerate(header) if k not in named and title]
        for row in table:
            if len(row) != len(header):
                raise SetError(
                    f"{where}: line {reader.line_num} has {len(row)} cells, but the header has {len(header)}."
                )
            cells = [cell.strip() for cell in row[at["label"]].split(SEVERAL)]
            given = row[at["split"]] if at["split"] is not None else ""
            columns = {title: row[k] for k, title in others}
            add(reader.line_num, row[at["path"]].strip(), [c for c in cells if c], given, columns)
    except csv.Error as problem:
        words = str(problem)
        if "field" in words:
            words = f"a cell is longer than {csv.field_size_limit():,} characters; a quotation mark may be missing"
        raise SetError(f"{where}: line {reader.line_num}: malformed: {words.rstrip('.')}.") from None


def _columns(header: list[str], where: str) -> dict[str, Any]:
    """The places of the columns path, label and split. Raises SetError where one that is needed is missing."""
    if len(header) > _MANY_COLUMNS:
        raise SetError(f"{where}: the first line has {len(header):,} cells; is this a table of pictures?")
    plain = [title.casefold() for title in header]
    at = {
        key: next((plain.index(n) for n in names if n in plain), None)
        for key, names in (("path", PATH), ("label", LABEL), ("split", SPLIT))
    }
    for key in ("path", "label"):
        if at[key] is None:
            shown = " ".join(",".join(header).split())
            raise SetError(
                f"{where}: the first line must be a header with the columns path and label, but it is "
                f"{shown[:_SHOWN]}{'…' if len(shown) > _SHOWN else ''}"
            )
    return at


def _read_lines(tree: Tree, name: str, split: str, rows: _Rows) -> bool:
    """Whether the JSON Lines of a `metadata.jsonl` name classes; then they are in `rows`."""
    where = tree.path(name)
    add = _adder(rows, posixpath.dirname(name), split, where)
    key: str | None = None
    for number, line in enumerate(_text(tree, name).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            body = json.loads(line)
        except (ValueError, RecursionError):
            raise SetError(f"{where}: line {number} is no JSON object.") from None
        if not isinstance(body, dict) or not isinstance(body.get("file_name"), str):
            raise SetError(f"{where}: line {number} must be an object with a file_name.")
        if key is None:
            key = next((k for k in LABEL if k in body), None)
            if key is None:
                return False
        columns = {k: v if isinstance(v, str) else json.dumps(v) for k, v in body.items()}
        for used in ("file_name", key, "split"):
            columns.pop(used, None)
        labels = body.get(key)
        if isinstance(labels, list):
            rows.several = True
        given = body.get("split")
        texts = [_label(value, where, number) for value in (labels if isinstance(labels, list) else [labels])]
        add(number, body["file_name"], [t for t in texts if t], given if isinstance(given, str) else "", columns)
    return key is not None


def _label(value: Any, where: str, number: int) -> str:
    """A class in JSON as text; "" where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SetError(
            f"{where}: line {number}: a label is a text or a whole number, not {json.dumps(value)[:_SHOWN]}."
        )
    return str(value).strip()


Add = Callable[[int, str, list[str], str, dict[str, str]], None]


def _adder(rows: _Rows, folder: str, split: str, where: str) -> Add:
    """Takes in one row: its line, path, labels, split and other columns."""
    known_splits: dict[str, str] = {"": split}
    known_labels: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(line: int, path: str, labels: list[str], given: str, columns: dict[str, str]) -> None:
        if not path or "\0" in path:
            raise SetError(f"{where}: line {line} does not name its picture.")
        if given not in known_splits:
            found = split_named(given) if given.strip() else split
            if found is None:
                raise SetError(
                    f"{where}: line {line}: a split is train, val or test, not {given.strip()[:_SHOWN]!r}."
                )
            known_splits[given] = found
        distinct = tuple(dict.fromkeys(labels))
        rows.several = rows.several or len(distinct) > 1
        rows.paths.append(path if is_url(path) or os.path.isabs(path) else posixpath.join(folder, path))
        rows.labels.append(known_labels.setdefault(distinct, distinct))
        rows.splits.append(known_splits[given])
        rows.columns.append(columns)
        rows.places.append((where, line))

    return add


def _assembled(tree: Tree, rows: _Rows, form: str, source: str) -> PictureSet:
    """The set of the rows. Raises SetError for contradictions, and where no picture is there."""
    warnings = list(rows.warnings)
    classes = ordered(label for labels in {*rows.labels} for label in labels)
    if not rows.paths:
        raise SetError(f"{source}: the table has no rows below its header.")
    if not classes:
        raise SetError(f"{source}: no row of the table has a label.")
    number = {name: place for place, name in enumerate(classes)}
    places = {labels: tuple(sorted(number[label] for label in labels)) for labels in {*rows.labels}}
    examples: list[Example] = []
    first: dict[str, int] = {}
    again = unlabelled = 0
    for i, path in enumerate(rows.paths):
        if not rows.labels[i] and not rows.several:
            unlabelled = unlabelled or i + 1
            continue
        seen = first.setdefault(path if is_url(path) else posixpath.normpath(path), i)
        if seen != i:
            if places[rows.labels[seen]] != places[rows.labels[i]] or rows.splits[seen] != rows.splits[i]:
                raise SetError(_contradiction(rows, seen, i))
            again += 1
            continue
        examples.append(_example(tree, path, places[rows.labels[i]], rows.splits[i], rows.columns[i]))
    if again:
        warnings.append(f"{again:,} rows say again what another row says, and are left out.")
    if unlabelled:
        count = sum(not labels for labels in rows.labels)
        warnings.append(
            f"{count:,} rows have no label and are left out; the first is {_place(rows, unlabelled - 1)}."
        )
    if len(classes) == 1 and not rows.several:
        warnings.append(f"There is only one class, {classes[0]}.")
    warnings += [*alike(classes), *_missing(tree, examples, source)]
    return PictureSet(
        source,
        form,
        classes,
        tuple(examples),
        multi_label=rows.several,
        warnings=(*tree.warnings, *warnings),
        classes_by_split=_by_split(examples, classes),
    )


def _by_split(examples: list[Example], classes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The classes that each split has; nothing where the table says no splits."""
    used = {(e.split, e.labels) for e in examples if e.split}
    found = {split: {place for s, labels in used if s == split for place in labels} for split, _ in used}
    return {split: tuple(classes[place] for place in sorted(found[split])) for split in sorted(found)}


def _rebase(tree: Tree, rows: _Rows, images: str | None) -> None:
    """Puts the folder before all paths in which the first picture is, where it is not where the table says."""
    if rows.paths and "\\" in rows.paths[0] and not tree.has(tree.path(rows.paths[0])):
        rows.paths = [p if is_url(p) else p.replace("\\", "/") for p in rows.paths]  # written on Windows
    if not rows.paths or is_url(rows.paths[0]) or tree.has(tree.path(rows.paths[0])):
        return
    for folder in (*([os.path.abspath(images)] if images else []), *tree.folders()):
        if tree.has(tree.path(posixpath.join(folder, rows.paths[0]))):
            rows.paths = [p if is_url(p) else posixpath.join(folder, p) for p in rows.paths]
            return


def _place(rows: _Rows, i: int) -> str:
    where, line = rows.places[i]
    return f"{where}: line {line}"


def _contradiction(rows: _Rows, one: int, other: int) -> str:
    def said(i: int) -> str:
        split = f" in {rows.splits[i]}" if rows.splits[one] != rows.splits[other] else ""
        return f"{SEVERAL.join(rows.labels[i]) or 'nothing'}{split}"

    return (
        f"{_place(rows, other)}: {rows.paths[other][:200]} is {said(other)} here, but {said(one)} in "
        f"{_place(rows, one).rpartition(': ')[2]}. Give a picture one line; several labels stand in one cell, with "
        f"{SEVERAL} between them."
    )


def _example(tree: Tree, path: str, labels: tuple[int, ...], split: str, columns: dict[str, str]) -> Example:
    if is_url(path):
        relative = mirrored(path.split("://", 1)[1].rpartition("@")[2].split("?")[0])
        return Example(path, relative, "", labels, split, columns=columns)
    return example(tree, posixpath.normpath(path), labels, split, columns=columns)


def _missing(tree: Tree, examples: list[Example], source: str) -> Iterator[str]:
    """A warning where pictures are missing. Raises SetError where all are."""
    known = frozenset(tree.files) if tree.content("") is not None else None
    gone = [
        e for e in examples if not e.is_url and not (os.path.exists(e.path) if known is None else e.relative in known)
    ]
    if not gone:
        return
    if len(gone) == len(examples):
        raise SetError(
            f"{source}: none of the {len(gone):,} pictures is there; the first would be {gone[0].path}. Paths are "
            "relative to the table.",
            "not_found",
        )
    yield f"{len(gone):,} of {len(examples):,} pictures are not there; the first is {gone[0].path}"


def _text(tree: Tree, name: str) -> str:
    """A table as text. Raises SetError with the line where it is none."""
    data, where = tree.read(name), tree.path(name)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SetError(f"{where}: the file is UTF-16 text; save it as UTF-8.")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise SetError(f"{where}: line {line} holds zero bytes, so that this is no text; what is this file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise SetError(f"{where}: line {line} is not UTF-8 text; save the table as UTF-8.") from None


def _delimiter(text: str, name: str) -> str:
    line = text[: text.find("\n")] if "\n" in text else text
    if name.lower().endswith((".tsv", ".tab")):
        return "\t"
    return "\t" if "\t" in line and "," not in line else ","


def table_at_root(tree: Tree) -> str | None:
    """The only table of pictures and classes at the root of a tree; None where there is none, or several."""
    names = [n for n in tree.files if "/" not in n and n.lower().endswith(SUFFIXES)]
    found = [n for n in names[:20] if is_table(tree.read(n)[:65536], n)]
    described = any(is_picture(name) or is_named_as_sound(name) for name in tree.files)
    return found[0] if len(found) == 1 and described else None
