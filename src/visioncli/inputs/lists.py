"""Tables whose rows are pictures: CSV and Parquet with a column of paths, Parquet also with one of encoded pictures.

Rows come by one after the other; of a Parquet file a few are in memory, however long it is (extra `parquet`).
"""

import csv
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from visioncli.errors import InputError
from visioncli.inputs.addresses import is_url
from visioncli.inputs.item import Held, Item, facts_of, failed
from visioncli.inputs.limits import MOST_MEMBER
from visioncli.inputs.read_ahead import Piece, ReadAhead

TEXTS, PARQUETS = (".csv", ".tsv"), (".parquet", ".pq")
_ROWS = 4
"""Rows of a Parquet file that are decoded together: each may hold a picture."""
_ROW = re.compile(r"(.*\.(?:parquet|pq))#(.+)=([0-9]{1,12})", re.DOTALL | re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")

Listed = Callable[[str], Iterator[Item]]
"""From a path as it stands in a list to the inputs that it names."""


def is_list(path: str) -> bool:
    """Whether a file of this name is read as a list where a column is named."""
    return path.lower().endswith((*TEXTS, *PARQUETS))


def split_row(path: str) -> tuple[str, str, int] | None:
    """The Parquet file, the column and the row (from 0) that a path such as `train.parquet#image=17` names."""
    found = _ROW.fullmatch(path)
    return (found[1], found[2], int(found[3])) if found and not os.path.lexists(path) else None


def rows(item: Item, column: str, listed: Listed) -> Iterator[Item]:
    """The inputs that the rows of a table name or hold. What cannot be read is an input that fails."""
    each = _of_parquet if item.path.lower().endswith(PARQUETS) else _of_text
    count = 0
    try:
        for count, found in enumerate(each(item, column, listed), start=1):  # noqa: B007 - counts
            yield found
    except InputError as problem:
        yield failed(item, problem.kind, str(problem), item.path)
        return
    except Exception as problem:  # noqa: BLE001 - pyarrow has many, and none may end the run
        if isinstance(problem, OSError) and problem.strerror:
            yield failed(item, "read_failed", f"The list could not be read: {problem.strerror}.", item.path)
            return
        words = " ".join(str(problem).split())[:200].rstrip(".") or type(problem).__name__
        message = f"The list is damaged after {count:,} inputs ({words}). Copy or download it again."
        yield failed(item, "read_failed", message, item.path)
        return
    if not count:
        yield failed(item, "unreadable_picture", "The list has no rows.", item.path)


def _path_of(item: Item, value: str) -> str:
    """A path in a list, which is relative to the list."""
    if is_url(value) or _SCHEME.match(value):
        return value
    return os.path.join(os.path.dirname(item.path), value)


def _empty(item: Item, column: str, row: int) -> Held:
    place = Item(f"{item.path}#{column}={row}", f"{item.relative}/row-{row:08d}", item.root)
    return failed(place, "unreadable_picture", f"There is nothing in column {column} of this row.", item.path)


def _no_column(column: str, names: list[str]) -> InputError:
    shown = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
    return InputError("unreadable_picture", f"The list has no column {column}. It has: {shown or 'none'}.")


def _of_text(item: Item, column: str, listed: Listed) -> Iterator[Item]:
    try:
        with open(item.path, encoding="utf-8-sig", newline="", errors="strict") as file:
            head = file.readline(1 << 20)
            mark = max(",;\t", key=head.count) if head.count("\t") < 1 or "," in head else "\t"
            names = [name.strip() for name in next(csv.reader([head], delimiter=mark), [])]
            if column not in names:
                raise _no_column(column, names)
            place = names.index(column)
            for row, fields in enumerate(filter(None, csv.reader(file, delimiter=mark))):
                value = fields[place].strip() if place < len(fields) else ""
                if value:
                    yield from listed(_path_of(item, value))
                else:
                    yield _empty(item, column, row)
    except UnicodeDecodeError:
        raise InputError("read_failed", "The list is not UTF-8 text. Save it as UTF-8.") from None
    except csv.Error as problem:
        raise InputError("read_failed", f"The list is no table that can be read ({problem}).") from None


def _of_parquet(item: Item, column: str, listed: Listed) -> Iterator[Item]:
    file, ahead, stamp = _opened(item.path), ReadAhead(), facts_of(item.path)
    try:
        _check_column(file, column)
        row = 0
        for batch in file.iter_batches(batch_size=_ROWS, columns=[column]):
            for value in batch.column(0):
                data, path = _parts(value.as_py())
                if data:
                    piece = Piece(len(data), ahead, _again(item.path, column, row))
                    yield _held(item, column, row, stamp, piece)
                    piece.fill(lambda data=data: _checked(data))  # type: ignore[misc]
                elif path:
                    yield from listed(_path_of(item, path))
                else:
                    yield _empty(item, column, row)
                row += 1
    finally:
        file.close()


def _held(item: Item, column: str, row: int, stamp: str, piece: Piece) -> Held:
    return Held(
        f"{item.path}#{column}={row}",
        f"{item.relative}/row-{row:08d}",
        item.root,
        piece.content,
        f"{stamp}|{column}|{row}",
        item.path,
        True,
        piece.ask,
        piece.done,
    )


def _checked(data: bytes) -> bytes:
    if len(data) > MOST_MEMBER:
        raise InputError("too_large", f"It is {len(data) >> 20:,} MiB large; the limit is {MOST_MEMBER >> 20:,} MiB.")
    return data


def _parts(value: Any) -> tuple[bytes | None, str | None]:
    """The bytes and the path in a value; Hugging Face's pictures have both, and either may be missing."""
    if isinstance(value, dict):
        return value.get("bytes"), value.get("path")
    return (value, None) if isinstance(value, bytes) else (None, value)


def _opened(path: str) -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise InputError(
            "unreadable_picture",
            "This is a Parquet table, which is read with pyarrow, which is not installed. Install it: pip install "
            "'visioncli[parquet]'",
        ) from None
    return parquet.ParquetFile(path, buffer_size=1 << 20)


def _check_column(file: Any, column: str) -> None:
    from pyarrow import types

    schema = file.schema_arrow
    if column not in schema.names:
        raise _no_column(column, list(schema.names))
    kind = schema.field(column).type
    if types.is_dictionary(kind):
        kind = kind.value_type
    texts = types.is_string(kind) or types.is_large_string(kind)
    data = types.is_binary(kind) or types.is_large_binary(kind)
    if types.is_struct(kind):
        texts = {kind.field(n).name for n in range(kind.num_fields)} & {"bytes", "path"}
    if not (texts or data):
        names = ", ".join(schema.names[:20])
        raise InputError(
            "unreadable_picture",
            f"Column {column} holds {kind}, neither paths nor encoded pictures. The list has: {names}.",
        )


def _again(path: str, column: str, row: int) -> Callable[[], bytes]:
    return lambda: one(path, column, row)


def one(path: str, column: str, row: int) -> bytes:
    """The bytes of the picture in a row of a Parquet file, from 0. Raises InputError, OSError."""
    file, first = _opened(path), 0
    try:
        _check_column(file, column)
        for group in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if row < first + count:
                for batch in file.iter_batches(batch_size=_ROWS, row_groups=[group], columns=[column]):
                    if row < first + len(batch):
                        data = _parts(batch.column(0)[row - first].as_py())[0]
                        if data:
                            return _checked(data)
                        raise InputError("not_found", "There are no bytes of a picture in this row.")
                    first += len(batch)
            first += count
    finally:
        file.close()
    raise InputError("not_found", "The list has fewer rows.")


def named(item: Item, path: str, column: str, row: int) -> Held:
    """The input that one row of the Parquet file at `path` holds, as the path of an item says."""
    relative = f"{item.relative.removesuffix(f'#{column}={row}')}/row-{row:08d}"
    try:
        stamp = f"{facts_of(path)}|{column}|{row}"
    except OSError:
        return failed(item, "not_found", f"There is no such file: {path}. Check the path.", path)
    return Held(item.path, relative, item.root, _again(path, column, row), stamp, path)
