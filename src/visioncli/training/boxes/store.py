"""Pictures and their objects for training: decoded once, and kept as far as memory allows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from visioncli.labelled.boxes import BoxSet
from visioncli.labelled.content import load
from visioncli.training.data.kept import Kept

if TYPE_CHECKING:
    from visioncli.training.boxes.parts import Parts


class BoxStore:
    """Pictures `(H, W, 3) uint8` with the boxes `(n, 4) float32` of their single objects and the labels `(n,)` of
    these, by place. Any thread may ask."""

    def __init__(self, pictures: BoxSet, wanted: Callable[[int, int], tuple[int, int]], budget: int) -> None:
        """Pictures are shrunk to the size `wanted` of theirs. What goes beyond `budget` bytes is decoded again each
        time: the result is the same."""
        self._pictures, self._wanted = pictures, wanted
        self._memory = Kept(budget)

    def get(self, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The picture, its boxes and their labels. Raises InputError."""
        pixels, boxes, labels, _, _ = self._get(place)
        return pixels, boxes, labels

    def with_parts(self, place: int) -> "tuple[np.ndarray, np.ndarray, np.ndarray, Parts]":
        """As `get`, with the masks or keypoints of the objects, which are not kept decoded. Raises InputError."""
        from visioncli.training.boxes.parts import parts_in

        pixels, boxes, labels, rows, (width, height) = self._get(place)
        before, size = (int(width), int(height)), (pixels.shape[1], pixels.shape[0])
        return pixels, boxes, labels, parts_in(self._pictures, place, rows, before, size)

    def _get(self, place: int) -> "_Made":
        found: _Made = self._memory.get(place, lambda: self._made(place))
        return found

    def _made(self, place: int) -> "_Made":
        image = load(self._pictures.examples[place]).image
        before = np.array(image.size)
        boxes, rows = rows_inside(self._pictures, place, image.size)
        size = self._wanted(*image.size)
        if size != image.size:
            factor = np.array([size[0] / image.width, size[1] / image.height] * 2)
            image, boxes = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0), boxes * factor
        return np.array(image), boxes.astype(np.float32), self._pictures.objects[place].labels[rows], rows, before


_Made = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Pixels, boxes, labels, which objects of the set these are, and the size of the picture before it was shrunk."""


def inside(pictures: BoxSet, place: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The boxes `(n, 4) float64` of single objects that are in a picture of `size`, and their labels `(n,)`."""
    boxes, rows = rows_inside(pictures, place, size)
    return boxes, pictures.objects[place].labels[rows]


def rows_inside(pictures: BoxSet, place: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """As `inside`, with which objects of the picture these are, `(n,) int64`."""
    objects = pictures.objects[place]
    boxes = np.clip(objects.boxes, 0, np.array([*size, *size], np.float64))
    some = ~objects.crowd
    if len(boxes):
        some &= (boxes[:, 2:] - boxes[:, :2]).min(1) >= 1
    return boxes[some], np.flatnonzero(some)
