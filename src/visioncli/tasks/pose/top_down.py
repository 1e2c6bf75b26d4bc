"""Poses of several people: a detector finds them, a one-person network finds the joints of each."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL.Image import Image

from visioncli.engines.interface import Engine
from visioncli.errors import UsageError
from visioncli.models.registry import ModelRow
from visioncli.models.tta import DEFAULT_POSE_TTA, PoseTta
from visioncli.pictures import Picture
from visioncli.predictions import Keypoint, Person
from visioncli.results import ModelInfo
from visioncli.tasks.detect.task import Detect
from visioncli.tasks.detect.task import Prepared as PreparedDetection
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.limits import between_0_and_1
from visioncli.tasks.pose.joints import ANGLES, KEYPOINT_NAMES
from visioncli.tasks.pose.people import PERSON_ID, Pose, find_keypoints

PERSON = "person"
DEFAULT_SCORE = 0.03
"""Of detection times mean joint score; what lies below adds nothing to OKS AP."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The picture itself, which the crops are cut from, and the detector's input unless the picture is one person."""

    image: Image
    detection: PreparedDetection | None


class PoseTask(Task):
    """The 17 COCO keypoints of each detected person. Where nobody is detected, nobody is drawn.

    Joints are the mean of a crop's and its mirror image's, unless `tta` is none.
    """

    name = "pose"

    def __init__(
        self,
        row: ModelRow,
        engine: Engine,
        detector: Detect | None,
        *,
        score: float = DEFAULT_SCORE,
        min_keypoint_score: float = 0.2,
        max_people: int = 20,
        angles: bool = False,
        tta: str = DEFAULT_POSE_TTA,
    ) -> None:
        between_0_and_1(score=score, min_keypoint_score=min_keypoint_score)
        if max_people < 1:
            raise UsageError(f"--max-people must be at least 1, not {max_people}.")
        self._engine, self._detector = engine, detector
        self.parallel = engine.parallel if detector is None else min(engine.parallel, detector.parallel)
        self._score, self._min_score = score, min_keypoint_score
        self._most, self._angles = max_people, angles
        self._flip = tta != PoseTta.NONE
        self.labels = {PERSON_ID: PERSON}
        self.keypoint_names = row.points or KEYPOINT_NAMES
        self.model = ModelInfo(row.name, row.source.sha256, engine.precision)
        self.settings = {
            "score": score,
            "min_keypoint_score": min_keypoint_score,
            "max_people": max_people,
            "angles": angles,
            "tta": str(tta),
            "detector": asdict(detector.model) | detector.settings if detector else None,
        }

    def prepare(self, picture: Picture) -> Prepared:
        """The detector's input; crops are cut when the people are known."""
        return Prepared(picture.image, self._detector.prepare(picture) if self._detector else None)

    def predict(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Detects people in all pictures together, then finds the joints picture by picture."""
        if self._detector is None:
            return [self._single(p.image) for p in batch]
        found = self._detector.find([p.detection for p in batch if p.detection is not None])
        extra = {"detector": self._detector.facts}
        return [
            Answer(self._people(self._found(p.image, people.boxes, people.scores)), extra)
            for p, people in zip(batch, found, strict=True)
        ]

    def _network(self, crops: np.ndarray) -> np.ndarray:
        (keypoints,) = self._engine.run(crops)
        return keypoints

    def _found(self, image: Image, boxes: np.ndarray, scores: np.ndarray, **how: Any) -> list[Pose]:
        return find_keypoints(image, boxes, scores, self._network, flip=self._flip, **how)

    def _single(self, image: Image) -> Answer:
        box = np.array([[0, 0, *image.size]], np.float32)
        # The whole picture is the crop: nothing beyond its border belongs to the person.
        found = self._found(image, box, np.ones(1, np.float32), scale=1.0, second_pass=False)
        return Answer(self._people(found))

    def _people(self, found: list[Pose]) -> tuple[Person, ...]:
        people = []
        for pose in [p for p in found if p.score >= self._score][: self._most]:
            keypoints = tuple(
                Keypoint(name, float(x), float(y), float(score))
                for name, (x, y, score) in zip(self.keypoint_names, pose.keypoints, strict=True)
            )
            x1, y1, x2, y2 = (float(v) for v in pose.box)
            angled = self._angles and self.keypoint_names == KEYPOINT_NAMES
            angles = joint_angles(pose.keypoints, self._min_score) if angled else None
            label = self.labels[pose.label_id]
            people.append(Person(label, pose.label_id, float(pose.score), (x1, y1, x2, y2), keypoints, angles))
        return tuple(people)


def joint_angles(keypoints: np.ndarray, min_score: float) -> dict[str, float]:
    """Degrees from 0 to 180 at elbows, knees, shoulders and hips of `(17, 3)` x, y, score.

    An angle with a joint below `min_score` is left out, as is one between joints that coincide.
    """
    angles = {}
    for name, (a, joint, b) in ANGLES.items():
        first, second = keypoints[a, :2] - keypoints[joint, :2], keypoints[b, :2] - keypoints[joint, :2]
        lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
        if min(keypoints[[a, joint, b], 2]) >= min_score and lengths > 0:
            cosine = float(np.dot(first, second)) / lengths
            angles[name] = round(math.degrees(math.acos(min(1.0, max(-1.0, cosine)))), 2)
    return angles
