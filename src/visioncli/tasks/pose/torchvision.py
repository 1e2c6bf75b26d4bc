"""Keypoint R-CNN: people and their 17 joints by one network, or what it learned of other things."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from visioncli.engines.interface import Engine
from visioncli.models.labels import load_labels
from visioncli.models.registry import ModelRow
from visioncli.pictures import Picture
from visioncli.tasks.detect.detectors import Limits
from visioncli.tasks.detect.torchvision import as_input, choose
from visioncli.tasks.interface import Answer
from visioncli.tasks.pose.people import Pose
from visioncli.tasks.pose.top_down import PoseTask, Prepared


class TorchvisionPose(PoseTask):
    """People best first. A joint's score is the sigmoid of its heat map's peak: the network gives no probability."""

    def __init__(self, row: ModelRow, engine: Engine, person_score: float, **settings: Any) -> None:
        super().__init__(row, engine, None, **settings)
        self._limits = Limits(person_score, 1.0, self._most)
        self.settings |= {"person_score": person_score}
        if isinstance(row.labels, tuple):  # of classes that it was trained for
            self.labels = load_labels(row.labels)
        self._limbs = np.array(row.limbs, np.int64).reshape(-1, 2) if row.points else None

    def prepare(self, picture: Picture) -> Prepared:
        """The picture itself: the network resizes it."""
        return Prepared(picture.image, None)

    def predict(self, batch: Sequence[Prepared]) -> list[Answer]:
        """One picture at a time, so that neighbours change nothing."""
        drawn = {} if self._limbs is None else {"limbs": self._limbs}
        return [Answer(self._people(self.people(np.asarray(one.image))), arrays=dict(drawn)) for one in batch]

    def people(self, rgb: np.ndarray) -> list[Pose]:
        """Everybody in `(H, W, 3) uint8`, with keypoints in its pixels."""
        boxes, labels, scores, points, peaks = (a[0] for a in self._engine.run(as_input(rgb)))
        labels = labels.astype(int)
        kept = choose(boxes, labels, scores, self._limits)
        certain = 1 / (1 + np.exp(-np.clip(peaks, -30, 30)))
        keypoints = np.concatenate([points[..., :2], certain[..., None]], axis=-1).astype(np.float32)
        return [
            Pose(boxes[n], float(scores[n]), keypoints[n], int(labels[n]))
            for n in kept
            if int(labels[n]) in self.labels
        ]
