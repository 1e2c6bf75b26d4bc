"""Segmentation networks of transformers, with their own picture processors before them."""

import numpy as np
from PIL.Image import Image

from visioncli.engines.interface import Engine
from visioncli.models.registry import Hub
from visioncli.tasks.segment.segmenters import Segmenter
from visioncli.tasks.transformers import preprocessor


class TransformersSegmenter(Segmenter):
    """SegFormer and its like; the processor fixes the input size."""

    def __init__(self, engine: Engine, source: Hub) -> None:
        super().__init__(engine)
        self._prepare = preprocessor(source)

    def prepare(self, image: Image, size: int) -> np.ndarray:
        return self._prepare(image)
