"""Which views of a picture a task looks at where the user does not say, and how they are made."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from visioncli.engines import choose_precision
from visioncli.engines.interface import EngineOptions
from visioncli.models.row import ModelRow
from visioncli.models.tta import SegmentTta, Tta, known_tta

PLAIN = ((0, False),)
"""The picture alone, as quarter turns and whether it is mirrored before them."""
VIEWS: dict[str, tuple[tuple[int, bool], ...]] = {
    SegmentTta.NONE: PLAIN,
    SegmentTta.FLIP: (*PLAIN, (0, True)),
    SegmentTta.TURNS: tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4)),
}


def seen(x: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    """A view of `(C, h, w)`, in memory of its own."""
    x = x[..., ::-1] if mirrored else x
    return np.ascontiguousarray(np.rot90(x, turns, axes=(-2, -1)))


def seen_back(x: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    """What was answered of a view `(C, h, w)`, laid over the picture again."""
    x = np.rot90(x, -turns, axes=(-2, -1))
    return x[..., ::-1] if mirrored else x


def told(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of the views that a task with these settings looks at beside the picture: `{"tta": "flip"}`,
    or nothing."""
    tta = settings.get("tta")
    return {"tta": tta} if tta in (SegmentTta.FLIP, SegmentTta.TURNS) else {}


def chosen_tta(task: str, tta: str | None, rows: Sequence[ModelRow], options: EngineOptions | None) -> str:
    """`tta` where it is given; else the first network's own, where it has one; else flip where the precision `auto`
    makes all of the networks `rows` int8.

    A picture and its mirror image then cost no more than the picture alone does in fp32, and answers are better.

    Raises UsageError as `known_tta` and `choose_precision`.
    """
    if tta is not None:
        return known_tta(task, tta)
    if rows[0].views:
        return known_tta(task, rows[0].views)
    options = options or EngineOptions()
    affordable = options.precision == "auto" and all(choose_precision(row, options) == "int8" for row in rows)
    return Tta.FLIP if affordable else Tta.NONE
