"""Several networks on the same pictures: the first one's answer, and all others beside it."""

from collections.abc import Sequence
from typing import Any

from visioncli.pictures import Picture
from visioncli.tasks.interface import Answer, Task


class Compare(Task):
    """Predictions are those of the first network; `extra["compare"]` holds every network's, by its name."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = list(tasks)
        first = self._tasks[0]
        self.name = first.name  # type: ignore[misc]  # that of the tasks compared
        self.model, self.labels = first.model, first.labels
        others = {t.model.name: [t.model.weights_sha256, t.model.precision] for t in self._tasks[1:]}
        self.parallel = min(task.parallel for task in self._tasks)
        needs = [task.enough for task in self._tasks]
        self.enough = None if None in needs else max(n for n in needs if n is not None)
        self.settings = first.settings | {"compare": others}

    def prepare(self, picture: Picture) -> list[Any]:
        """What each network needs."""
        return [task.prepare(picture) for task in self._tasks]

    def predict(self, batch: Sequence[list[Any]]) -> list[Answer]:
        """One network after the other over the whole batch."""
        columns = [task.predict([prepared[n] for prepared in batch]) for n, task in enumerate(self._tasks)]
        answers = []
        for row in zip(*columns, strict=True):
            compared = {task.model.name: answer.predictions for task, answer in zip(self._tasks, row, strict=True)}
            answers.append(Answer(row[0].predictions, row[0].extra | {"compare": compared}, row[0].arrays))
        return answers
