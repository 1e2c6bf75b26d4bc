"""Columns of numbers out of lists of JSON values: fast where they are right, with the place where they are not."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from visioncli.datasets.interface import F64, DatasetError
from visioncli.geometry.boxes import FARTHEST

Place = Callable[[int], str]
"""Says where the value with this number stands: `truth.json: annotation 3 (id 17)`."""

LARGEST_SIDE = 1 << 31
"""No picture is this many pixels wide or high."""
LONGEST_SHOWN = 40


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked(value: Any, name: str, where: str) -> float:
    if not is_number(value):
        raise DatasetError(f"{where}: {name} must be a number, not {describe(value)}.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DatasetError(f"{where}: {name} is {describe(value)}; it must be a finite number.")
    return number


def describe(value: Any) -> str:
    """A JSON value as a reader of an error message would call it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'the text "{value[:LONGEST_SHOWN]}"'
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    words = str(value)
    return words if len(words) <= LONGEST_SHOWN else f"{words[: LONGEST_SHOWN - 10]}… ({len(words)} digits)"


def _all_numbers(values: Iterable[Any]) -> bool:
    return {int, float}.issuperset(map(type, values))


def numbers(values: Sequence[Any], name: str, place: Place) -> F64:
    """(N,) float64 from N JSON values. Raises DatasetError naming the first one that is no finite number."""
    if _all_numbers(values):
        try:
            column = np.array(values, np.float64).reshape(-1)
        except OverflowError:
            column = np.array([np.inf])
        if np.isfinite(column).all():
            return column
    return np.array([_checked(v, name, place(i)) for i, v in enumerate(values)], np.float64).reshape(-1)


def number_rows(values: Sequence[Any], width: int, name: str, parts: str, place: Place) -> F64:
    """(N, width) float64 from N JSON lists, for instance boxes; `parts` says what the numbers of a row are.

    Raises DatasetError naming the first row that is not `width` finite numbers.
    """
    if {list}.issuperset(map(type, values)) and {width}.issuperset(map(len, values)):
        flat = list(chain.from_iterable(values))
        if _all_numbers(flat):
            try:
                rows = np.array(flat, np.float64).reshape(-1, width)
            except OverflowError:
                rows = np.array([[np.inf]])
            if np.isfinite(rows).all():
                return rows
    clean = np.empty((len(values), width))
    for i, row in enumerate(values):
        if not isinstance(row, list | tuple) or len(row) != width:
            raise DatasetError(
                f"{place(i)}: {name} must be a list of {width} numbers ({parts}), not {describe(row)}."
            )
        for k, value in enumerate(row):
            clean[i, k] = _checked(value, f"{name}[{k}]", place(i))
    return clean


def check_reach(rows: F64, name: str, place: Place) -> None:
    """Raises DatasetError naming the first of (N, ·) rows of coordinates that lies beyond `boxes.FARTHEST`."""
    if not rows.size or (rows.max() <= FARTHEST and rows.min() >= -FARTHEST):
        return
    i = int(np.flatnonzero((np.abs(rows) > FARTHEST).any(axis=1))[0])
    raise DatasetError(
        f"{place(i)}: the {name} reaches to {np.abs(rows[i]).max():g} pixels, farther than any picture."
    )


def check_corners(boxes: F64, place: Place) -> None:
    """Raises DatasetError naming the first of (N, 4) x1 y1 x2 y2 boxes that reaches too far or is swapped."""
    check_reach(boxes, "box", place)
    wrong = np.flatnonzero((boxes[:, 2] < boxes[:, 0]) | (boxes[:, 3] < boxes[:, 1]))
    if len(wrong):
        i = int(wrong[0])
        x1, y1, x2, y2 = (f"{v:g}" for v in boxes[i])
        raise DatasetError(
            f"{place(i)}: the corners of the box {x1}, {y1}, {x2}, {y2} are swapped; "
            "x1 must not exceed x2, nor y1 exceed y2."
        )


def check_sizes(xywh: F64, place: Place) -> None:
    """Raises DatasetError naming the first of (N, 4) x y width height boxes that reaches too far or whose size is
    negative."""
    check_reach(xywh, "box", place)
    wrong = np.flatnonzero((xywh[:, 2] < 0) | (xywh[:, 3] < 0))
    if len(wrong):
        i = int(wrong[0])
        side, value = ("width", xywh[i, 2]) if xywh[i, 2] < 0 else ("height", xywh[i, 3])
        raise DatasetError(
            f"{place(i)}: the {side} of the box is negative ({value:g}); "
            "a COCO box is x, y, width, height. Are the corners swapped?"
        )


def repeated(values: Sequence[Any]) -> list[Any]:
    """The values that occur more than once, each once, in order of their second appearance."""
    if len(set(values)) == len(values):
        return []
    seen: set[Any] = set()
    again: dict[Any, None] = {}
    for value in values:
        if value in seen:
            again[value] = None
        seen.add(value)
    return list(again)
