"""A task that costs nothing: the mean colour of a picture stands for a network's answer."""

import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from visioncli.errors import InputError
from visioncli.inputs.sources import Item
from visioncli.pictures import Picture
from visioncli.predictions import Classification
from visioncli.results import ModelInfo
from visioncli.tasks.interface import Answer, Task

LABELS = ("red", "green", "blue")


class MeanColour(Task):
    """Ranks the three channels by their mean; `fail_on` and `slow` make trouble."""

    name = "classify"

    def __init__(self, fail_on: tuple[int, int] | None = None, slow: float = 0.0, score: float | None = None) -> None:
        self.model = ModelInfo("mean_colour", "0" * 64)
        self.settings = {"top_k": 3}
        self.labels = dict(enumerate(LABELS))
        self.batches: list[int] = []
        self._fail_on, self._slow, self._score = fail_on, slow, score

    def prepare(self, picture: Picture) -> np.ndarray:
        if (picture.width, picture.height) == (13, 13):
            raise InputError("unlucky", "Thirteen.")
        return np.append(picture.rgb.mean((0, 1)) / 255, (picture.width, picture.height))

    def predict(self, batch: Sequence[np.ndarray]) -> list[Answer]:
        self.batches.append(len(batch))
        time.sleep(self._slow)
        if any(tuple(row[3:]) == self._fail_on for row in batch):
            raise ValueError("the network\ndid not like it")
        return [Answer(self._rank(row[:3])) for row in batch]

    def _rank(self, means: np.ndarray) -> tuple[Classification, ...]:
        order = np.argsort(-means, kind="stable")
        return tuple(
            Classification(LABELS[i], int(i), float(means[i]) if self._score is None else self._score) for i in order
        )


def items(paths: Iterable[object]) -> Iterator[Item]:
    """Paths as the items that a walk of their folder gives."""
    for path in paths:
        yield Item(str(path), str(path).rsplit("/", 1)[-1], root="photos")
