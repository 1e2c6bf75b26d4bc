"""Pictures and their masks for training: decoded once, and kept as far as memory allows."""

import numpy as np

from visioncli.labelled.content import load
from visioncli.labelled.masks import MaskSet
from visioncli.training.data.kept import Kept


class MaskStore:
    """Pictures `(H, W, 3) uint8` with their masks `(H, W) uint8`, by place. Any thread may ask."""

    def __init__(self, pictures: MaskSet, budget: int) -> None:
        """What goes beyond `budget` bytes is decoded again each time: the result is the same."""
        self._pictures, self._kept = pictures, Kept(budget)

    def get(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture and its mask. Raises InputError."""
        found: tuple[np.ndarray, np.ndarray] = self._kept.get(place, lambda: self._made(place))
        return found

    def _made(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = np.asarray(load(self._pictures.examples[place]).image)
        return pixels, self._pictures.mask(place, pixels.shape[:2])
