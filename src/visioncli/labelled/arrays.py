"""Pictures that lie in one array, as the small standard sets have them."""

from collections.abc import Iterator

import numpy as np

from visioncli.inputs.item import INSIDE
from visioncli.labelled.interface import Example


class Slice:
    """Gives picture `place` of an array `(N, H, W)` or `(N, H, W, 3) uint8` as RGB; grey ones thrice."""

    __slots__ = ("_pictures", "_place")

    def __init__(self, pictures: np.ndarray, place: int) -> None:
        self._pictures, self._place = pictures, place

    def __call__(self) -> np.ndarray:
        one = self._pictures[self._place]
        return np.repeat(one[:, :, None], 3, axis=2) if one.ndim == 2 else np.ascontiguousarray(one)


def array_examples(
    path: str, pictures: np.ndarray, labels: np.ndarray, split: str, first: int = 0
) -> Iterator[Example]:
    """Each picture of the file `path` with its class; they are numbered from `first`."""
    name = path.rpartition("/")[2]
    tuples = [(place,) for place in range(int(labels.max(initial=0)) + 1)]
    for place, label in enumerate(labels.tolist()):
        number = place + first
        yield Example(
            f"{path}{INSIDE}{number}", f"{name}/{number}", "", tuples[label], split, None, Slice(pictures, place)
        )
