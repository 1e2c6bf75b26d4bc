"""Which networks `vision train` takes, by their rows alone: nothing is built or imported to tell."""

from visioncli.models import mask_learners
from visioncli.models.row import ModelRow

_DETECTORS = ("ssd_mobilenet_v2", "yolov3", "rfcn", "torchvision")
_NO_CLASSIFIERS = ("onnx", "transformers")


def is_trainable(row: ModelRow, task: str) -> bool:
    """Whether a network is one that learns `task`: "classify", "segment" or "detect"."""
    family = row.architecture.split(":")[0]
    if task not in row.tasks:
        return False
    if task == "detect":
        # Masks and keypoints are learned with boxes or not at all, and data with boxes have neither.
        return family in _DETECTORS and row.form in ("", "grids", "boxes")
    if task == "segment":
        return mask_learners.can_begin_with(row)
    return task == "classify" and family not in _NO_CLASSIFIERS
