"""The 17 COCO keypoints of every person: which kind of network finds them."""

from typing import Any

from visioncli.engines.interface import EngineOptions
from visioncli.errors import UsageError
from visioncli.models.registry import ModelRow
from visioncli.tasks.limits import between_0_and_1
from visioncli.tasks.pose.top_down import PERSON, PoseTask

DEFAULT_PERSON_SCORE = 0.15
"""Low, because the joints then tell people from false alarms: measured by OKS AP, see docs/tasks.md."""


def build(
    row: ModelRow,
    options: EngineOptions | None = None,
    *,
    person_score: float = DEFAULT_PERSON_SCORE,
    single: bool = False,
    **settings: Any,
) -> PoseTask:
    """The task with both its networks loaded."""
    from visioncli.engines import open_engine
    from visioncli.models import registry
    from visioncli.tasks.detect import task as detect

    between_0_and_1(person_score=person_score)
    engine = open_engine(row, options)
    if row.form == "people":
        from visioncli.tasks.pose.torchvision import TorchvisionPose

        if single:
            raise UsageError(f"{row.name} finds all people by itself; --single is for networks that know one person.")
        return TorchvisionPose(row, engine, person_score, **settings)
    detector = None
    if not single:
        detector_row = registry.find(registry.DEFAULTS["detect"], "detect")
        detector = detect.build(detector_row, options, score=person_score, classes=PERSON)
    return PoseTask(row, engine, detector, **settings)
