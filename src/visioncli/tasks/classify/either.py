"""Pictures by one network and recordings by another, each loaded when the first input of its kind comes."""

import dataclasses
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from visioncli.errors import ErrorKind, InputError, VisionError
from visioncli.pictures import Picture
from visioncli.sounds import Recording
from visioncli.tasks.interface import Answer, Medium, Task


class Either(Task):
    """One task for each medium. Those of `now` are loaded at once, the others with their first input.

    Raises what loading raises; where that fails for a later one, its inputs fail with the reason.
    """

    takes = frozenset({"picture", "sound"})

    def __init__(self, members: Mapping[Medium, Callable[[], Task]], now: Collection[Medium]) -> None:
        self._members, self._lock = dict(members), threading.Lock()
        self._loaded: dict[Medium, Task] = {}
        self._failed: dict[Medium, InputError] = {}
        for medium in members:
            if medium in now or (not now and not self._loaded):
                self._loaded[medium] = members[medium]()
        first = next(iter(self._loaded.values()))
        self.name = first.name  # type: ignore[misc]  # that of the tasks
        self.model, self.labels, self.settings = first.model, first.labels, dict(first.settings)
        self.parallel = first.parallel
        self.enough = self._loaded["picture"].enough if "picture" in self._loaded else None

    def prepare(self, picture: Picture) -> tuple[Task, Any]:
        """What the network of pictures needs. Raises InputError where it cannot be had."""
        task = self._of("picture")
        return task, task.prepare(picture)

    def prepare_sound(self, recording: Recording) -> tuple[Task, Any]:
        """What the network of sound needs. Raises InputError where it cannot be had."""
        task = self._of("sound")
        return task, task.prepare_sound(recording)

    def predict(self, batch: Sequence[tuple[Task, Any]]) -> list[Answer]:
        """Each input by the network of its kind."""
        answers: dict[int, Answer] = {}
        for member in {id(task): task for task, _ in batch}.values():
            places = [n for n, (task, _) in enumerate(batch) if task is member]
            found = member.predict([batch[n][1] for n in places])
            answers |= dict(zip(places, (_by(answer, member) for answer in found), strict=True))
        return [answers[n] for n in range(len(batch))]

    def _of(self, medium: Medium) -> Task:
        with self._lock:
            if medium in self._failed:
                raise self._failed[medium]
            if medium not in self._loaded:
                try:
                    self._loaded[medium] = self._members[medium]()
                except VisionError as problem:
                    words = str(problem).partition("\n")[0]
                    self._failed[medium] = InputError(ErrorKind.MODEL_UNAVAILABLE, words)
                    raise self._failed[medium] from problem
            return self._loaded[medium]


def _by(answer: Answer, task: Task) -> Answer:
    return dataclasses.replace(answer, model=answer.model or task.model)
