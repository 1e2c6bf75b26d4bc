"""Detectors of transformers, with their own picture processors before and after."""

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from visioncli.engines.interface import Engine
from visioncli.models.registry import Hub
from visioncli.tasks.detect.detectors import Boxes, Detector, Limits
from visioncli.tasks.detect.torchvision import choose
from visioncli.tasks.transformers import preprocessor


class TransformersDetector(Detector):
    """DETR, YOLOS and their like, one picture at a time."""

    def __init__(self, engine: Engine, source: Hub) -> None:
        self._engine, self._source = engine, source
        self._prepare = preprocessor(source)

    def prepare(self, image: Image) -> np.ndarray:
        return self._prepare(image)

    def detect(self, inputs: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        from visioncli.families import transformers as hf

        found = []
        for x, size in zip(inputs, sizes, strict=True):
            logits, relative = self._engine.run(x[None])
            boxes, labels, scores = hf.boxes(self._source, logits, relative, size, limits.score)
            kept = choose(boxes, labels, scores, limits)
            found.append(Boxes(boxes[kept], scores[kept], labels[kept]))
        return found
