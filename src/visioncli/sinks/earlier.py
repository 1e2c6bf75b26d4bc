"""`predictions.*` of earlier runs: `predictions.previous.*` of the same task, `predictions.TASK.*` of another one."""

from pathlib import Path

from visioncli.earlier_results import PREDICTIONS, task_of
from visioncli.sinks.folder import PREVIOUS, OutputFolder

DOCUMENTS = (
    *("csv", "json", "coco.json", "geojson", "npy", "names.json", "parquet"),
    *("labelstudio.json", "labelstudio.xml", "cvat.xml", "cvat.labels.json", "shard.json", "jsonl"),
)
"""The records go last: they say whose the others are."""


class EarlierDocuments:
    """Sees to it that `predictions.*` belong to one run of `task`, and that those of runs before are kept.

    Raises OutputError where something stands in the way that vision did not write.
    """

    def __init__(self, out: OutputFolder, task: str) -> None:
        self._out, self._task = out, task
        target = out.path / PREDICTIONS
        self._other = task_of(str(target)) if target.exists() else None
        if self._other == task:
            self._other = None
        self._moves: list[tuple[str, str]] = []
        names = [f"{which}{suffix}" for suffix in DOCUMENTS for which in ("previous.", "")]
        if self._other:
            self._plan([(f"predictions.{n}", f"predictions.{self._other}.{n}") for n in names])
        if self._other or not (target.exists() and target.stat().st_size):
            self._plan([(f"predictions.{task}.{n}", f"predictions.{n}") for n in names])
        for suffix in DOCUMENTS:
            if out.owns(f"predictions.{suffix}") or suffix == "jsonl":
                out.check(f"predictions.previous.{suffix}")
        self.kept: list[str] = []

    def _plan(self, moves: list[tuple[str, str]]) -> None:
        for old, new in moves:
            if self._out.owns(old):
                self._out.check(new)
                self._moves.append((old, new))

    @property
    def records(self) -> Path:
        """The records of the last run of the task."""
        name = next((old for old, new in self._moves if new == PREDICTIONS), PREDICTIONS)
        return self._out.path / name

    def switch(self) -> None:
        """Gives `predictions.*` to the task: those of another one get its name, and its own get theirs back."""
        for old, new in self._moves:
            self._out.move(old, new)
        if self._other and (self._out.path / (name := f"predictions.{self._other}.jsonl")).exists():
            self.kept.append(f"The records of vision {self._other} are now in {self._out.path / name}.")

    def keep_previous(self) -> None:
        """Keeps the documents of the run before this one beside its own, in place of those that were kept before."""
        for suffix in DOCUMENTS:
            name, previous = f"predictions.{suffix}", f"predictions.previous.{suffix}"
            if self._out.owns(name):
                self._out.move(name, previous)
            else:
                self._out.remove(previous)
        self.kept.append(f"The records of the run before are now in {self._out.path / PREVIOUS}.")
