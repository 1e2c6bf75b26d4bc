"""Whether a task looks at the mirror image of a picture where the user does not say."""

from collections.abc import Sequence

from visioncli.engines import choose_precision
from visioncli.engines.interface import EngineOptions
from visioncli.models.row import ModelRow
from visioncli.models.tta import Tta, is_mirrored


def chosen_tta(task: str, tta: str | None, rows: Sequence[ModelRow], options: EngineOptions | None) -> Tta:
    """`tta` where it is given; else flip where the precision `auto` makes all of the networks `rows` int8.

    A picture and its mirror image then cost no more than the picture alone does in fp32, and answers are better.

    Raises UsageError as `is_mirrored` and `choose_precision`.
    """
    if tta is not None:
        return Tta.FLIP if is_mirrored(task, tta) else Tta.NONE
    options = options or EngineOptions()
    affordable = options.precision == "auto" and all(choose_precision(row, options) == "int8" for row in rows)
    return Tta.FLIP if affordable else Tta.NONE
