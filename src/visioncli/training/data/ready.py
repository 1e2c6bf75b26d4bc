"""What is known of a set before it is learned from, whatever is learned."""

from typing import Protocol

import numpy as np

from visioncli.labelled.interface import PictureSet
from visioncli.models.row import ModelRow
from visioncli.training.data.look import Look, Seen


class Ready(Protocol):
    """What is known of a set before it is learned from. Everything is in the order of its pictures."""

    @property
    def row(self) -> ModelRow:
        """The network to begin with, its input as this run has it."""

    @property
    def listed(self) -> PictureSet:
        """The pictures with the classes that occur in each."""

    @property
    def seen(self) -> tuple[Seen, ...]:
        """What reading each gave."""

    @property
    def groups(self) -> tuple[str, ...] | None:
        """The source of each."""

    @property
    def places(self) -> np.ndarray:
        """`(N,)` TRAIN, VAL or TEST."""

    @property
    def look(self) -> Look:
        """What was found when it was looked at."""

    @property
    def digest(self) -> str:
        """What changes when any picture, answer or split does."""

    def part(self, place: str) -> np.ndarray:
        """`(M,) int64` the places of the readable pictures of a split."""
