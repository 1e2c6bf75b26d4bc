"""Pictures through a classification network, with the probabilities of all classes and not only of the best."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.inputs.sources import Item
from visioncli.pictures import Picture
from visioncli.results import Record
from visioncli.runner import RunOptions, run
from visioncli.sounds import Recording
from visioncli.tasks.classify.sound import ClassifySound
from visioncli.tasks.classify.task import Classify
from visioncli.tasks.interface import Answer, Task

Classifier = Classify | ClassifySound
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
PROBABILITIES = "probabilities"


Done = Callable[[Record], None]
"""Told of each picture's record; what it raises ends the run."""


def nobody(record: Record) -> None:
    """Nobody counts the pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a network says of N of the pictures, and a record of each picture, failures among them.

    `rows` (N,) int64 are the places of those N among the pictures that were given, ascending; `probabilities`
    (N, C) float32 has a column for each output of the network, in the order of its category ids.
    """

    rows: I64
    probabilities: F32
    records: tuple[Record, ...]

    def take(self, rows: I64) -> "Predictions":
        """Of the pictures at these places alone, all of which the network had an answer for."""
        chosen = np.searchsorted(self.rows, rows)
        return Predictions(rows, self.probabilities[chosen], self.records)

    @property
    def failures(self) -> tuple[Record, ...]:
        """The records of pictures that could not be used."""
        return tuple(record for record in self.records if not record.ok)


def probabilities(task: Classifier, items: Iterable[Item], options: RunOptions, done: Done = nobody) -> Predictions:
    """Every picture through the network, in their order. `done` is told of each."""
    records: list[Record] = []
    rows: list[int] = []
    found: list[F32] = []
    outcomes = run(items, EveryClass(task), options)
    try:
        for outcome in outcomes:
            if outcome.record.ok:
                rows.append(len(records))
                found.append(outcome.arrays[PROBABILITIES])
            records.append(outcome.record)
            del outcome  # and with it the picture, whose memory the next one may need
            done(records[-1])
    finally:
        outcomes.close()
    table = np.stack(found) if found else np.empty((0, len(task.labels)), np.float32)
    return Predictions(np.array(rows, np.int64), table, tuple(records))


class EveryClass(Task):
    """A classification whose answers carry the probabilities of all classes, (C,) float32, beside the best."""

    name = "classify"

    def __init__(self, task: Classifier) -> None:
        self._task = task
        self.model, self.labels, self.settings = task.model, task.labels, task.settings
        self.parallel, self.enough, self.takes = task.parallel, task.enough, task.takes

    def prepare(self, picture: Picture) -> Any:
        """As the network itself wants it."""
        return self._task.prepare(picture)

    def prepare_sound(self, recording: Recording) -> Any:
        """As the network itself wants it."""
        return self._task.prepare_sound(recording)

    def predict(self, batch: Sequence[Any]) -> list[Answer]:
        """The best classes of each picture, and all of them."""
        if isinstance(self._task, ClassifySound):
            found = self._task.predict(batch)
            return [Answer(one.predictions, one.extra, {PROBABILITIES: one.arrays["scores"]}) for one in found]
        scores = self._task.scores(batch)
        return [
            Answer(answer.predictions, answer.extra, {PROBABILITIES: row})
            for answer, row in zip(self._task.answers(scores), scores, strict=True)
        ]
