"""Several classifiers that answer together."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from visioncli.errors import UsageError
from visioncli.pictures import Picture
from visioncli.tasks.classify.task import Classify
from visioncli.tasks.members import joint_info, joint_precision, same_classes


class Together(Classify):
    """The best classes by the mean of the networks' probabilities; of several labels a picture, also the mean of
    their thresholds. Ids are the first one's."""

    def __init__(self, members: Sequence[Classify]) -> None:
        """Raises UsageError where the networks know different classes."""
        rows = [member.row for member in members]
        self._members, first = list(members), members[0]
        self._columns = [_columns(ids) for ids in same_classes(rows)]
        kinds = {bool(row.thresholds) for row in rows}
        if len(kinds) > 1:
            one, several = (next(row.name for row in rows if bool(row.thresholds) is kind) for kind in (False, True))
            raise UsageError(
                f"{one} gives a picture one class and {several} any number of them, so they cannot answer together."
            )
        chosen = [np.asarray(row.thresholds)[c] for row, c in zip(rows, self._columns, strict=True) if row.thresholds]
        means = tuple(np.mean(chosen, axis=0).tolist()) if chosen else ()
        self.row = dataclasses.replace(first.row, thresholds=means)
        self.labels, self.top_k = first.labels, first.top_k
        self.least = first.least if first.settings["threshold"] is not None else np.array(means or 0.0, np.float32)
        self.parallel = min(member.parallel for member in members)
        needs = [member.enough for member in members]
        self.enough = None if None in needs else max(n for n in needs if n is not None)
        self.model = joint_info(rows, joint_precision(member.model.precision for member in members))
        self.settings = first.settings | {"together": [dataclasses.asdict(member.model) for member in members]}

    def prepare(self, picture: Picture) -> Any:
        """What each network needs."""
        return [member.prepare(picture) for member in self._members]

    def scores(self, batch: Sequence[Any]) -> np.ndarray:
        """`(N, C) float32`: the mean probabilities of all classes, in the order of the first network."""
        found = [
            member.scores([prepared[n] for prepared in batch])[:, columns]
            for n, (member, columns) in enumerate(zip(self._members, self._columns, strict=True))
        ]
        return np.asarray(np.stack(found).mean(axis=0, dtype=np.float32))


def _columns(ids: dict[int, int] | None) -> Any:
    """Of a network's outputs, those of the first one's classes in their order."""
    if ids is None:
        return slice(None)
    return [i for i, _ in sorted(ids.items(), key=lambda pair: pair[1])]
