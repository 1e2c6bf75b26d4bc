"""Networks of transformers in the tasks: their own picture processors before and after."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL.Image import Image

from visioncli.engines.interface import Engine
from visioncli.models.registry import Hub
from visioncli.tasks.detect.detectors import Boxes, Detector, Limits
from visioncli.tasks.segment.segmenters import Segmenter
from visioncli.tasks.detect.torchvision import choose


def preprocessor(source: Hub) -> Callable[[Image], np.ndarray]:
    """What turns a picture of mode RGB into the network's input `(3, h, w) float32`."""
    from visioncli.families import transformers as hf

    hf.processor(source)  # fails here rather than in a decoding thread
    return lambda image: hf.prepare(source, np.array(image))


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


class TransformersSegmenter(Segmenter):
    """SegFormer and its like; the processor fixes the input size."""

    def __init__(self, engine: Engine, source: Hub) -> None:
        super().__init__(engine)
        self._prepare = preprocessor(source)

    def prepare(self, image: Image, size: int) -> np.ndarray:
        return self._prepare(image)
