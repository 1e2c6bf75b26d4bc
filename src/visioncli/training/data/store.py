"""Pictures for training: decoded once, shrunk to what augmentation can use, and kept as far as memory allows."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from visioncli.labelled.content import load
from visioncli.labelled.interface import Example
from visioncli.models.row import InputSpec
from visioncli.tasks.preprocess import INTERPOLATION, crop_box
from visioncli.training.data.augment import TINY
from visioncli.training.data.kept import Kept

BUDGET = 768 << 20
"""Bytes of pictures that stay in memory, of those for training and of those for validation each. What goes beyond is
decoded again in each epoch: the result is the same, and only time is lost."""
_MARGIN = 1.5
"""Pictures are kept at so many times what the network sees: a crop of half their area is then still sharp."""


class PictureStore:
    """Pictures by place, `(H, W, 3) uint8`. Any thread may ask."""

    def __init__(self, examples: Sequence[Example], spec: InputSpec, budget: int = BUDGET) -> None:
        self._examples, self._spec, self._kept = examples, spec, Kept(budget)

    def get(self, place: int) -> np.ndarray:
        """The picture, its shorter side at most `_MARGIN` times what the network sees. Raises InputError."""
        return self._remembered("shrunk", place, self._shrunk)

    def plain(self, place: int) -> np.ndarray:
        """`(S, S, 3) uint8`, exactly what the network sees of the picture when it predicts. Raises InputError."""
        return self._remembered("square", place, self._square)

    def _remembered(self, kind: str, place: int, make: Callable[[Example], np.ndarray]) -> np.ndarray:
        made: np.ndarray = self._kept.get((kind, place), lambda: make(self._examples[place]))
        return made

    def _shrunk(self, example: Example) -> np.ndarray:
        wanted = math.ceil(_MARGIN * max(self._spec.size, self._spec.resize))
        image = load(example, enough=wanted).image
        short = min(image.size)
        if short > wanted and short > TINY:
            width, height = (max(1, round(side * wanted / short)) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
        return np.asarray(image)

    def _square(self, example: Example) -> np.ndarray:
        # As `tasks.classify` decodes and `tasks.preprocess` crops it.
        spec = self._spec
        image = load(example, enough=2 * max(spec.size, spec.resize)).image
        box = crop_box(*image.size, spec)
        return np.asarray(image.resize((spec.size, spec.size), INTERPOLATION[spec.interpolation], box=box))
