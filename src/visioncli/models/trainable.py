"""Which networks `vision train` takes, by their rows alone: nothing is built or imported to tell."""

from typing import Literal

from visioncli.models import mask_learners
from visioncli.models.row import ModelRow, Untrained

_DETECTORS = ("ssd_mobilenet_v2", "yolov3", "rfcn", "torchvision")
_NO_CLASSIFIERS = ("onnx", "transformers")


def is_trainable(row: ModelRow, task: str) -> bool:
    """Whether a network is one that learns `task`: "classify", "segment", "detect", "generate" or "translate"."""
    family = row.architecture.split(":")[0]
    if task == "detect" and row.form == "people":
        return family in _DETECTORS  # it finds people before their joints, whatever it is published for
    if task not in row.tasks:
        return False
    if task == "detect":
        return family in _DETECTORS and row.form in ("", "grids", "boxes", "instances")
    if task == "segment":
        return mask_learners.can_begin_with(row)
    if task in ("generate", "translate"):
        return isinstance(row.source, Untrained)
    return task == "classify" and family not in _NO_CLASSIFIERS


def has_class_for_nothing(architecture: str) -> bool:
    """Whether class 0 of a detector is what is no object, so that its labels begin at 1: those with a sigmoid for
    each class need none."""
    family, _, variant = architecture.partition(":")
    return family != "yolov3" and not (family == "torchvision" and variant.startswith(("retinanet", "fcos")))


def parts_of(row: ModelRow) -> Literal["", "masks", "keypoints"]:
    """What a detector learns of objects beside their boxes."""
    return "masks" if row.form == "instances" else "keypoints" if row.form == "people" else ""
