"""Files as text and as JSON, with errors that name the line and the column."""

import json
from pathlib import Path
from typing import Any

from visioncli.datasets.file_bytes import not_utf8, read_bytes, unreadable
from visioncli.datasets.interface import DatasetError


def read_text(path: Path, *, may_be_empty: bool = False) -> str:
    """The file as text without a byte-order mark. Raises DatasetError: missing, unreadable, empty, not UTF-8."""
    data = read_bytes(path)
    if not may_be_empty and not data.strip():
        raise DatasetError(f"{path}: the file is empty.")
    return decoded(data, path)


def decoded(data: bytes, path: Path) -> str:
    """The bytes of a file as text without a byte-order mark. Raises DatasetError where they are not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise not_utf8(path, data.count(b"\n", 0, problem.start) + 1) from None
    except MemoryError as problem:
        raise unreadable(path, problem) from None


def parse_json(text: str, where: str, first_line: int = 1) -> Any:
    """The JSON value of `text`, which begins at `first_line` of its file.

    Raises DatasetError with line and column where it is malformed.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        line = problem.lineno + first_line - 1
        raise DatasetError(
            f"{where}: malformed JSON at line {line}, column {problem.colno}: {problem.msg}."
        ) from None
    except RecursionError:
        raise DatasetError(f"{where}: the JSON is nested too deeply to be annotations.") from None
    except MemoryError:
        raise DatasetError(f"{where}: reading it needs more memory than there is.") from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise DatasetError(f"{where}: the JSON holds a number of thousands of digits.") from None


def read_json(path: Path) -> Any:
    """The JSON value of a file. Raises DatasetError as `read_text` and `parse_json` do."""
    return parse_json(read_text(path), str(path))


def whole_number(text: str) -> int | None:
    """The number that plain digits stand for, None for any other text. More than 18 digits are no number here."""
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None
