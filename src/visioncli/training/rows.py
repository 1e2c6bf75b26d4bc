"""The row of a network that learns: the base's, with the classes of the set that it learns from."""

import dataclasses
from typing import Any

from visioncli.geometry.keypoints import NAMES
from visioncli.labelled.coco_points import PointNames
from visioncli.models import registry
from visioncli.models.mask_learners import as_learner
from visioncli.models.row import InputSpec, ModelRow, Trained
from visioncli.models.sound import recipe_of
from visioncli.models.trainable import has_class_for_nothing, is_trainable
from visioncli.resolve import describe
from visioncli.weights.downloads import Access


def row_of(notes: dict[str, Any], classes: tuple[str, ...], task: str = "classify") -> ModelRow:
    """The row of the network that is trained, of what `notes_of` wrote: the base's, with this set's classes."""
    base = described(notes["model"], task, Access.of(offline=True))
    if task == "segment":
        base = as_learner(base)
    spec: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in notes["input"].items()}
    sound = None if notes.get("sound") is None else recipe_of(notes["sound"])
    return with_classes(dataclasses.replace(base, input=InputSpec(**spec), sound=sound), classes)


def described(model: str, task: str, access: Access) -> ModelRow:
    """The row of `model` for a network that is to learn `task`. Raises UsageError and ModelUnavailable."""
    pose = task == "detect" and any(
        row.name == model and is_trainable(row, task) for row in registry.rows_for("pose")
    )
    return describe(model, "pose" if pose else task, access=access)


def notes_of(model: str, row: ModelRow) -> dict[str, Any]:
    """What it takes to find the row again in another process."""
    sound = None if row.sound is None else dataclasses.asdict(row.sound)
    return {"model": model, "input": dataclasses.asdict(row.input), "sound": sound}


def with_classes(row: ModelRow, classes: tuple[str, ...]) -> ModelRow:
    """`row` with other classes: its architecture ends in their number; what was published of it does not hold."""
    first = 1 if _detects(row) and is_trainable(row, "detect") and has_class_for_nothing(row.architecture) else 0
    parts = row.architecture.split(":")
    counted = len(parts) > 2 or isinstance(row.source, Trained)
    base = parts[:-1] if counted and parts[-1].isdecimal() else parts
    return dataclasses.replace(
        row,
        tasks=_tasks(row),
        architecture=":".join([*base, str(len(classes) + first)]),
        labels=tuple(enumerate(classes, first)),
        accuracy=(),
        temperature=1.0,
        thresholds=(),
        offset=None,
        form=row.form if row.tasks[0] in ("segment", "detect") or _detects(row) else "",
    )


def _detects(row: ModelRow) -> bool:
    return "detect" in row.tasks or row.form == "people"


def _tasks(row: ModelRow) -> tuple[str, ...]:
    """What the network is for once it was trained: one that finds joints finds who has them, too."""
    if row.form == "people":
        return ("detect", "pose")
    also = ("segment",) if row.form == "instances" else ("gradcam",)
    return tuple(t for t in row.tasks if "detect" not in row.tasks or t in ("detect", *also))


def with_points(row: ModelRow, points: PointNames | None) -> ModelRow:
    """`row` with other keypoints, where it has any: its architecture says how many, unless they are COCO's 17."""
    if points is None or row.form != "people":
        return row
    family, variant, *classes = row.architecture.split(":")
    variant = variant.partition("/")[0]
    if len(points.names) != len(NAMES):
        variant = f"{variant}/{len(points.names)}"
    own = points.names != NAMES
    return dataclasses.replace(
        row,
        architecture=":".join([family, variant, *classes]),
        points=points.names if own else (),
        limbs=points.limbs if own else (),
    )
