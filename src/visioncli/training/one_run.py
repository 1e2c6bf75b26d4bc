"""One run of training, from pictures that were looked at to a finished folder, whatever is learned."""

import dataclasses
import hashlib
import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from visioncli.engines import EngineOptions
from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.runner import RunOptions, usual_workers
from visioncli.training import worker
from visioncli.training.checkpoint import FOLDER, has_begun
from visioncli.training.data.ready import Ready
from visioncli.training.data.split import Line, write_split
from visioncli.training.job import Job, read_job
from visioncli.training.processes.interface import Launcher
from visioncli.training.processes.launcher import launch
from visioncli.training.processes.memory import keep_freed_memory
from visioncli.training.recipe import Recipe, Start, Unfreeze
from visioncli.training.rows import with_classes
from visioncli.training.run_files import write_files
from visioncli.training.run_folder import LOCK
from visioncli.training.watch import Log, Watcher
from visioncli.weights.runs import NOTES, read_facts, read_run

R = TypeVar("R", bound=Ready)
SPLIT, FILES = "split.csv", "files.jsonl"
FINISH_SECONDS = 25.0
"""What comes after the loop: the last look at the validation pictures, compiling, suspects, drawings."""
FINISH_A_PICTURE, FINISH_A_GFLOP = 0.001, 0.015
"""Seconds for each picture that is predicted at the end, and for each billion multiply-adds of it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A trained network: its folder, which `load(run.task, model=run.folder)` takes, and its numbers.

    `numbers` are those of the validation part of so many `pictures` by name (`top1`, `log_loss` …; of masks `miou`,
    `dice` …; of boxes `AP`, `AP50` …), `test_numbers` those of the test part where the set has one. `classes` are the
    names of what it tells apart.
    """

    folder: Path
    numbers: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    test_numbers: dict[str, float] = dataclasses.field(default_factory=dict)
    pictures: int = 0
    classes: tuple[str, ...] = ()
    task: str = "classify"
    noun: str = "picture"
    """What it was trained on, in one word."""

    @property
    def accuracy(self) -> float:
        """The share of validation pictures that it has right; of several labels, with every label right; of masks,
        the share of their pixels."""
        names = ("top1", "subset_accuracy", "pixel_accuracy")
        return next((self.numbers[name] for name in names if name in self.numbers), float("nan"))


def read_result(folder: Path) -> Run:
    """What a finished folder says of itself. Raises ModelUnavailable where it is none."""
    numbers = read_facts(folder)["numbers"]
    val = numbers[VAL]
    ends = {name: tuple(pair) for name, pair in val["intervals"].items() if pair}
    row = read_run(folder, check=False)
    classes = tuple(load_labels(row.labels).values())
    test = _known(numbers.get(TEST, {"numbers": {}}))
    noun = "picture" if row.sound is None else "recording"
    return Run(folder, _known(val), ends, test, val["pictures"], classes, row.tasks[0], noun)


def _known(part: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in part["numbers"].items() if value is not None}


def reading(workers: int | None = None) -> RunOptions:
    """How pictures are read, as by every command."""
    return RunOptions(workers=workers or usual_workers(), reduce=True)


@dataclass(frozen=True, slots=True)
class Where:
    """How to run: nothing here is part of the recipe."""

    devices: int = 1
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    engine: EngineOptions = dataclasses.field(default_factory=EngineOptions)
    options: RunOptions = dataclasses.field(default_factory=reading)


def learn(run: Path, seconds: float, where: Where, watcher: Watcher, prepares: worker.Prepares) -> None:
    """The loop, in as many processes as are wanted; each makes ready what is learned by `prepares`."""
    keep_freed_memory()
    worker.watcher = watcher
    work = partial(worker.work, prepares, run, seconds, where.threads)
    launch(work, where.devices, where.device, where.precision)  # type: ignore[arg-type]


class Training(ABC, Generic[R]):
    """One run, from pictures that were looked at to the finished folder."""

    prepares: ClassVar["staticmethod[[Path, Job, Launcher], worker.Learning]"]
    """Makes ready what each process learns."""

    def __init__(
        self,
        run: Path,
        ready: R,
        recipe: Recipe,
        where: Where,
        watcher: Watcher,
        begun: float,
        model: str,
        data: dict[str, Any],
        command: Sequence[str],
        *,
        resume: bool,
    ) -> None:
        self.folder, self.ready, self.recipe, self.where = run, ready, recipe, where
        self.watcher, self.begun, self.model, self.data, self.command = watcher, begun, model, data, command
        self.resume = resume
        self.train, self.val = ready.part(TRAIN), ready.part(VAL)
        weights = self.recipe.key() | {"model": ready.row.name, "sha256": ready.row.source.sha256}
        body = json.dumps([weights, ready.digest], sort_keys=True, default=str)
        self.key = hashlib.sha256(body.encode()).hexdigest()

    @abstractmethod
    def begin(self) -> None:
        """What is done once, up to the first checkpoint of the loop."""

    @abstractmethod
    def finish(self) -> None:
        """What is measured and written when the loop has ended."""

    @abstractmethod
    def seconds_to_finish(self) -> float:
        """How long that will take, about."""

    def row_to_learn(self) -> ModelRow:
        """The row of the network that is trained."""
        return with_classes(self.ready.row, self.ready.listed.classes)

    def run(self) -> Run:
        """Begins or goes on, learns, and writes what belongs to a finished folder."""
        self.row = self.row_to_learn()
        if self._is_finished():
            self.watcher.say(f"{self.folder} is finished already: there is nothing to go on with.")
            return read_result(self.folder)
        if not self._goes_on():
            self.log = Log(self.folder, self.watcher)
            self._write_lists()
            self.begin()
        else:
            self.log = Log(self.folder, self.watcher, keep=True)
        if self.unfreezes:
            self.learn()
        self.finish()
        for path in (self.folder / FOLDER).iterdir():
            if path.name != LOCK:
                path.unlink()
        return read_result(self.folder)

    def learn(self) -> None:
        """The loop, from its checkpoint on."""
        learn(self.folder, self._seconds_left(), self.where, self.watcher, self.prepares)

    @property
    def unfreezes(self) -> bool:
        """Whether there is anything for the loop to learn."""
        return self.recipe.start is Start.SCRATCH or self.recipe.unfreeze is not Unfreeze.NONE

    def _seconds_left(self) -> float:
        if self.recipe.seconds is None:
            return math.inf
        return max(1.0, self.recipe.seconds - (time.monotonic() - self.begun) - self.seconds_to_finish())

    def _is_finished(self) -> bool:
        """Whether this very run has ended. Raises UsageError where the folder holds another one."""
        if not (self.folder / NOTES).is_file() or has_begun(self.folder):
            return False
        facts = read_facts(self.folder)
        if not facts.get("finished"):
            return False  # killed at its end, when all was learned; the rest is quickly done again
        if facts.get("key") != self.key:
            raise UsageError(
                f"{self.folder} holds a network that was trained with other pictures, options or from another one. "
                "Choose another folder with -o."
            )
        return True

    def _goes_on(self) -> bool:
        """Whether there is a checkpoint of this very run. Raises UsageError where it is another one's."""
        if not self.resume or not has_begun(self.folder):
            return False
        if read_job(self.folder).key != self.key:
            raise UsageError(
                f"{self.folder} was begun with other pictures, options or another network. Give those again to go "
                "on, or another folder."
            )
        return True

    def _write_lists(self) -> None:
        ready = self.ready
        write_files(self.folder / FILES, ready.listed, ready.seen, ready.places)
        write_split(self.folder / SPLIT, self._lines())
        spec = ready.row.input
        counted = {place: len(ready.part(place)) for place in (TRAIN, VAL, TEST)}
        self.log("data", **counted, classes=len(ready.listed.classes), size=spec.size, resize=spec.resize)

    def _lines(self) -> list[Line]:
        ready = self.ready
        return [
            Line(
                example.shown,
                tuple(ready.listed.classes[k] for k in example.labels),
                str(ready.places[n]),
                ready.groups[n] if ready.groups else "",
                ready.seen[n].sha256,
            )
            for n, example in enumerate(ready.listed.examples)
            if ready.seen[n].error is None
        ]
