"""Columns for the page: numbers as base64 of typed arrays, words as a table and codes, and a script that holds them.

Ten thousand pictures with a hundred thousand objects are a few dozen arrays, not a hundred thousand objects of
JavaScript: the page reads them at once and keeps them as they are. See README.md for the format.
"""

import base64
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

VARIABLE = "VISION_REPORT"
"""What the script calls the data."""
LARGEST = np.iinfo(np.uint32).max
_NARROW = ((np.uint8, "u1"), (np.uint16, "u2"), (np.uint32, "u4"))


def numbers(values: ArrayLike) -> dict[str, str]:
    """Floats as 32 bits, NaN where there is no number; whole numbers in as few bytes as hold them, huge ones as
    floats."""
    array = np.asarray(values)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    lowest, highest = (int(array.min()), int(array.max())) if array.size and array.dtype.kind != "f" else (0, 0)
    if array.dtype.kind == "f" or highest > LARGEST or lowest < -LARGEST // 2:
        with np.errstate(over="ignore"):
            return _column(array.astype("<f4"), "f4")
    if lowest < 0:
        return _column(array.astype("<i4"), "i4")
    kind, code = next((kind, code) for kind, code in _NARROW if highest <= np.iinfo(kind).max)
    return _column(array.astype(np.dtype(kind).newbyteorder("<")), code)


def _column(array: NDArray[Any], code: str) -> dict[str, str]:
    return {"t": code, "b": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def words(values: Sequence[str]) -> dict[str, Any]:
    """Texts of which many are the same, in the order in which they first come."""
    table: dict[str, int] = {}
    codes = [table.setdefault(value, len(table)) for value in values]
    return {"words": list(table), "codes": numbers(np.array(codes, np.int64))}


def starts(counts: Iterable[int]) -> NDArray[np.int64]:
    """(N + 1,) where the rows of each of N things begin, and where the last one's end."""
    return np.concatenate([[0], np.cumsum(np.fromiter(counts, np.int64))]).astype(np.int64)


def finite(value: float, digits: int = 6) -> float | None:
    """A number for the script: None where it is undefined."""
    return round(float(value), digits) if math.isfinite(value) else None


def script(body: dict[str, Any]) -> str:
    """The data as a script of ASCII alone, which is safe inside a page too: no name in it can end a tag."""
    text = json.dumps(body, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"var {VARIABLE}={text};\n"
