"""Keypoint R-CNN: people and their 17 joints by one network."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from visioncli.engines.interface import Engine
from visioncli.models.registry import ModelRow
from visioncli.pictures import Picture
from visioncli.tasks.detect.detectors import Limits
from visioncli.tasks.detect.torchvision import as_input, choose
from visioncli.tasks.interface import Answer
from visioncli.tasks.pose.people import Pose
from visioncli.tasks.pose.top_down import PERSON_ID, PoseTask, Prepared


class TorchvisionPose(PoseTask):
    """People best first. A joint's score is the sigmoid of its heat map's peak: the network gives no probability."""

    def __init__(self, row: ModelRow, engine: Engine, person_score: float, **settings: Any) -> None:
        super().__init__(row, engine, None, **settings)
        self._limits = Limits(person_score, 1.0, self._most)
        self.settings |= {"person_score": person_score}

    def prepare(self, picture: Picture) -> Prepared:
        """The picture itself: the network resizes it."""
        return Prepared(picture.image, None)

    def predict(self, batch: Sequence[Prepared]) -> list[Answer]:
        """One picture at a time, so that neighbours change nothing."""
        return [Answer(self._people(self.people(np.asarray(prepared.image)))) for prepared in batch]

    def people(self, rgb: np.ndarray) -> list[Pose]:
        """Everybody in `(H, W, 3) uint8`, with keypoints in its pixels."""
        boxes, labels, scores, points, peaks = (a[0] for a in self._engine.run(as_input(rgb)))
        kept = choose(boxes, labels, scores, self._limits)
        certain = 1 / (1 + np.exp(-np.clip(peaks, -30, 30)))
        keypoints = np.concatenate([points[..., :2], certain[..., None]], axis=-1).astype(np.float32)
        return [Pose(boxes[n], float(scores[n]), keypoints[n]) for n in kept if labels[n] == PERSON_ID]
