"""The 17 COCO keypoints of every person: which kind of network finds them."""

from collections.abc import Sequence
from typing import Any

from visioncli.engines.interface import EngineOptions
from visioncli.errors import UsageError
from visioncli.models.registry import ModelRow
from visioncli.models.tta import DEFAULT_POSE_TTA, Tta, is_mirrored
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
    detector: Sequence[ModelRow] = (),
    tta: str = DEFAULT_POSE_TTA,
    **settings: Any,
) -> PoseTask:
    """The task with its networks loaded; people are found by those of `detector`, together if they are several."""
    from visioncli.engines import open_engine
    from visioncli.tasks.detect import task as detect

    between_0_and_1(person_score=person_score)
    flip = is_mirrored("pose", tta)
    engine = open_engine(row, options)
    if row.form == "people":
        from visioncli.tasks.pose.torchvision import TorchvisionPose

        if single:
            raise UsageError(f"{row.name} finds all people by itself; --single is for networks that know one person.")
        if flip:
            raise UsageError(
                f"{row.name} finds all people by itself; --tta flip is for networks that know one person."
            )
        return TorchvisionPose(row, engine, person_score, **settings)
    finder = None
    if not single:
        first, *others = detector or detect.default_rows()
        seen = Tta.FLIP if flip else Tta.NONE
        finder = detect.build(first, options, others=others, tta=seen, score=person_score, classes=PERSON)
    return PoseTask(row, engine, finder, tta=tta, **settings)
