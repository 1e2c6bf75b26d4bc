"""Files as text and as JSON, with errors that name the line and the column."""

import json
from pathlib import Path
from typing import Any

from visioncli.datasets.interface import DatasetError


def read_text(path: Path) -> str:
    """The file as text without a byte-order mark. Raises DatasetError: missing, unreadable, empty, not UTF-8."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file or folder.", "not_found") from None
    except OSError as problem:
        raise DatasetError(f"{path}: cannot be read ({problem.strerror}).") from None
    if not data.strip():
        raise DatasetError(f"{path}: the file is empty.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise DatasetError(f"{path}: line {line} is not UTF-8 text; what is this file?") from None


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
    except ValueError as problem:
        raise DatasetError(f"{where}: the JSON cannot be used: {problem}.") from None


def read_json(path: Path) -> Any:
    """The JSON value of a file. Raises DatasetError as `read_text` and `parse_json` do."""
    return parse_json(read_text(path), str(path))
