"""Segmentation networks of the user's own, as ONNX files, one picture at a time."""

from typing import Any

import numpy as np
from PIL import Image

from visioncli.engines.interface import Engine
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.tasks.detect.onnx import CELL, nameless
from visioncli.tasks.preprocess import INTERPOLATION, normalise
from visioncli.tasks.segment.segmenters import Segmenter


class OnnxSegmenter(Segmenter):
    """Maps of logits, or of class numbers, that tile the picture; it is squashed to the input where that is fixed."""

    def __init__(self, row: ModelRow, engine: Engine) -> None:
        super().__init__(engine)
        assert row.layout is not None
        self._layout, self._spec, self._classes = row.layout, row.input, len(load_labels(row.labels))

    def prepare(self, image: Image.Image, size: int) -> np.ndarray:
        height, width = self._layout.height, self._layout.width
        if not height:
            stretch = (image.height / image.width) ** 0.5
            height, width = (max(1, round(n / CELL)) * CELL for n in (size * stretch, size / stretch))
        return normalise(image.resize((width, height), INTERPOLATION[self._spec.interpolation]), self._spec)

    def logits(self, x: np.ndarray) -> np.ndarray:
        answer: Any = self._engine.run(x[None])[self._layout.outputs[0]]
        if answer.dtype.kind in "iu":
            numbers = answer.reshape(answer.shape[-2:])
            if numbers.min() < 0 or numbers.max() >= self._classes:
                raise nameless(int(numbers.max()))
            apart: np.ndarray = (numbers == np.arange(self._classes)[:, None, None]).astype(np.float32)
            return apart
        maps: np.ndarray = answer[0].astype(np.float32, copy=False)
        if len(maps) > 1:
            return maps
        if maps.min() >= 0 and maps.max() <= 1:  # probabilities already
            share = np.clip(maps, 1e-6, 1 - 1e-6)
            maps = np.log(share / (1 - share))
        return np.concatenate([np.zeros_like(maps), maps])
