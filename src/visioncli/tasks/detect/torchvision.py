"""Torchvision's detection networks: they resize, normalise and suppress by themselves."""

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from visioncli.engines.interface import Engine
from visioncli.tasks.detect.detectors import Boxes, Detector, Limits
from visioncli.tasks.detect.nms import batched_nms


def as_input(rgb: np.ndarray) -> np.ndarray:
    """`(H, W, 3) uint8` -> `(1, 3, H, W) float32` of 0 to 1."""
    x: np.ndarray = rgb.transpose(2, 0, 1)[None].astype(np.float32)
    x /= np.float32(255)
    return x


def choose(boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray, limits: Limits) -> np.ndarray:
    """Which of a picture's objects count, `(K,)` indices, best first.

    The network has left out scores below .05 and, at its own overlap, duplicates; stricter limits apply on top.
    """
    able = scores >= limits.score
    if limits.classes is not None:
        able &= np.isin(labels, list(limits.classes))
    candidates = np.flatnonzero(able)
    kept = batched_nms(
        boxes[candidates], scores[candidates], labels[candidates], limits.iou, limits.most, limits.agnostic
    )
    chosen: np.ndarray = candidates[kept]
    return chosen


class TorchvisionDetector(Detector):
    """Faster R-CNN, RetinaNet, FCOS, SSD, SSDLite, Mask and Keypoint R-CNN, one picture at a time.

    In a batch, pictures would be padded to the largest: neighbours could change an answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def prepare(self, image: Image) -> np.ndarray:
        """The picture itself: as 8-bit values it waits in a quarter of the memory."""
        return np.asarray(image)

    def prepare_mirrored(self, image: Image, prepared: np.ndarray) -> np.ndarray:
        return prepared[:, ::-1]  # a view: a copy of a large picture would be as large

    def detect(self, inputs: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        found = []
        for rgb in inputs:
            boxes, labels, scores = (a[0] for a in self._engine.run(as_input(rgb))[:3])
            labels = labels.astype(int)
            kept = choose(boxes, labels, scores, limits)
            found.append(Boxes(boxes[kept], scores[kept], labels[kept]))
        return found
