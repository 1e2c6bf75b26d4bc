"""Pictures and their masks for training: decoded once, and kept as far as memory allows."""

import threading

import numpy as np

from visioncli.labelled.content import load
from visioncli.labelled.masks import MaskSet


class MaskStore:
    """Pictures `(H, W, 3) uint8` with their masks `(H, W) uint8`, by place. Any thread may ask."""

    def __init__(self, pictures: MaskSet, budget: int) -> None:
        """What goes beyond `budget` bytes is decoded again each time: the result is the same."""
        self._pictures, self._left = pictures, budget
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._lock = threading.Lock()

    def get(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture and its mask. Raises InputError."""
        if (known := self._kept.get(place)) is not None:
            return known
        example = self._pictures.examples[place]
        pixels = np.asarray(load(example).image)
        made = pixels, self._pictures.mask(place, pixels.shape[:2])
        size = pixels.nbytes + made[1].nbytes
        with self._lock:
            if self._left >= size and place not in self._kept:
                self._kept[place] = made
                self._left -= size
        return made
