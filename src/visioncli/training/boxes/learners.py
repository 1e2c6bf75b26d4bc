"""Which detectors learn here, and how each does."""

from visioncli.models.row import ModelRow
from visioncli.models.trainable import has_class_for_nothing, is_trainable
from visioncli.training.boxes.learner import BoxLearner


def learner_class(row: ModelRow) -> type[BoxLearner] | None:
    """How the network of a row learns; None where it cannot be trained here."""
    if not is_trainable(row, "detect"):
        return None
    family = row.architecture.split(":")[0]
    if family == "ssd_mobilenet_v2":
        from visioncli.training.boxes.ssd_learner import SsdLearner

        return SsdLearner
    if family == "yolov3":
        from visioncli.training.boxes.yolo_learner import YoloLearner

        return YoloLearner
    if row.form == "people":
        from visioncli.training.boxes.point_learner import PointLearner

        return PointLearner
    from visioncli.training.boxes.torchvision_learner import FocalLearner, TorchvisionLearner

    return TorchvisionLearner if has_class_for_nothing(row.architecture) else FocalLearner
