"""Which detectors learn, and how."""

from visioncli.models.row import ModelRow
from visioncli.training.box_learner import BoxLearner


def learner_class(row: ModelRow) -> type[BoxLearner] | None:
    """How the network of a row learns; None where it cannot be trained here."""
    family = row.architecture.split(":")[0]
    if "detect" not in row.tasks:
        return None
    if family == "ssd_mobilenet_v2":
        from visioncli.training.ssd_learner import SsdLearner

        return SsdLearner
    return None
