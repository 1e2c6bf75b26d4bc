"""`train`: from a set of pictures to a folder that is a model, step by step."""

import dataclasses
import hashlib
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncli.engines import EngineOptions
from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.labelled.recognise import read_set
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow, Untrained
from visioncli.resolve import describe, ready
from visioncli.runner import RunOptions, usual_workers
from visioncli.training.checkpoint import FOLDER
from visioncli.training.job import Job, class_weights, names_of, targets
from visioncli.training.prepare import Prepared, head_features, prepare
from visioncli.training.recipe import Recipe, Start, Unfreeze
from visioncli.training.run_files import write_files
from visioncli.training.run_folder import LOCK, locked
from visioncli.training.split import Line, write_split
from visioncli.training.watch import Log, Watcher
from visioncli.weights.downloads import Access
from visioncli.weights.runs import NOTES, read_facts, read_run

if TYPE_CHECKING:
    from torch import Tensor

SPLIT, FILES = "split.csv", "files.jsonl"
_VISITS = {Start.PRETRAINED: 100_000, Start.SCRATCH: 480_000}
"""Pictures times epochs, where no number of epochs is given: a network that knows pictures needs fewer."""
_MOST_EPOCHS = {Start.PRETRAINED: 30, Start.SCRATCH: 100}
_FEWEST_EPOCHS = {Start.PRETRAINED: 5, Start.SCRATCH: 8}
_FINISH_SECONDS = 25.0
"""What comes after the loop: the last look at the validation pictures, compiling, suspects, drawings."""
_FINISH_A_PICTURE, _FINISH_A_GFLOP = 0.001, 0.015
"""Seconds for each picture that is predicted at the end, and for each billion multiply-adds of it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A trained network: its folder, which `load("classify", model=run.folder)` takes, and its numbers.

    `numbers` are those of the validation part of so many `pictures` by name (`top1`, `log_loss` …), `test_numbers`
    those of the test part where the set has one. `classes` are the names of what it tells apart.
    """

    folder: Path
    numbers: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    test_numbers: dict[str, float] = dataclasses.field(default_factory=dict)
    pictures: int = 0
    classes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """The share of validation pictures that it has right; of several labels, with every label right."""
        return self.numbers.get("top1", self.numbers.get("subset_accuracy", float("nan")))


def read_result(folder: Path) -> Run:
    """What a finished folder says of itself. Raises ModelUnavailable where it is none."""
    numbers = read_facts(folder)["numbers"]
    val = numbers[VAL]
    ends = {name: tuple(pair) for name, pair in val["intervals"].items() if pair}
    classes = tuple(load_labels(read_run(folder, check=False).labels).values())
    return Run(folder, _known(val), ends, _known(numbers.get(TEST, {"numbers": {}})), val["pictures"], classes)


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


def train(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    model: str = registry.DEFAULTS["classify"],
    crops: bool = False,
    images: str | None = None,
    check: bool = False,
    resume: bool = False,
    offline: bool = False,
    mirror_url: str | None = None,
    progress: Any = None,
    where: Where = Where(),
    command: Sequence[str] = (),
    watcher: Watcher | None = None,
    **choices: Any,
) -> Run | None:
    """Trains a classifier on the pictures that `data` names, and writes it into the folder `out`.

    `data` is a folder of class folders, a table, a zip, a standard set …, as `vision train` takes it. `choices` are
    fields of `Recipe` by name: `train("photos", "run", unfreeze="all", seconds=600)`. With `check` the set is only
    looked at, and None is returned. `resume` goes on with a run that was killed.

    Raises UsageError for impossible choices and for pictures that are in two splits, SetError where the set cannot be
    read, ModelUnavailable, OutputError.
    """
    begun = time.monotonic()
    # Read when torch loads its OpenMP: waiting threads that spin make two processes on one machine crawl.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    recipe = Recipe.of(**choices)
    watcher = watcher or Watcher()
    run = Path(out)
    access = Access.of(offline, mirror_url, progress)
    base = describe(model, "classify", access=access)
    _check_base(base, recipe)
    if _is_follower():
        _learn(run, math.inf, where, watcher)  # the first one's time counts
        return None
    with locked(run, check=check, resume=resume):
        pictures = read_set(os.fspath(data), crops=crops, images=images, access=access)
        watcher.say(f"{len(pictures):,} pictures of {len(pictures.classes):,} classes ({pictures.format}).")
        row = base if recipe.start is Start.SCRATCH else ready(base, access)
        prepared = prepare(pictures, row, recipe, where.engine, where.options, watcher)
        for sentence in (*prepared.look.lines(), *prepared.remarks):
            watcher.say(sentence)
        for n, error in prepared.look.unreadable:
            watcher.failure(prepared.look.paths[n], error.message)
        prepared.look.refuse(allow_leaks=recipe.allow_leaks)
        if not len(prepared.part(VAL)):
            raise UsageError(
                f"{data} leaves no picture to validate on: there are too few, or each nearly equals one to learn "
                "from. Give more pictures, or a validation part of their own."
            )
        if check:
            return None
        return _Training(
            run, prepared, recipe, where, watcher, begun, model,
            {"name": os.fspath(data), "crops": crops, "images": images}, command, resume=resume,
        ).run()  # fmt: skip


def _check_base(base: ModelRow, recipe: Recipe) -> None:
    """Raises UsageError where the network cannot be begun with."""
    if recipe.start is Start.PRETRAINED and isinstance(base.source, Untrained):
        raise UsageError(f"{base.name} knows nothing yet: train it with --from scratch.")
    if base.architecture.split(":")[0] in ("onnx", "transformers"):
        raise UsageError(f"{base.name} cannot be trained further here; a network of `vision models` can.")


def _is_follower() -> bool:
    """Whether this process was started with others, and is not the first of them: that one prepares."""
    return int(os.environ.get("WORLD_SIZE") or 1) > 1 and int(os.environ.get("RANK") or 0) > 0


def _learn(run: Path, seconds: float, where: Where, watcher: Watcher) -> None:
    """The loop, in as many processes as are wanted."""
    from visioncli.training import worker
    from visioncli.training.launcher import launch
    from visioncli.training.memory import keep_freed_memory

    keep_freed_memory()
    worker.watcher = watcher
    launch(partial(worker.work, run, seconds, where.threads), where.devices, where.device, where.precision)  # type: ignore[arg-type]


class _Training:
    """One run, from pictures that were looked at to the finished folder."""

    def __init__(
        self,
        run: Path,
        prepared: Prepared,
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
        self.folder, self.prepared, self.recipe, self.where = run, prepared, recipe, where
        self.watcher, self.begun, self.model, self.data, self.command = watcher, begun, model, data, command
        self.resume = resume
        self.train, self.val = prepared.part(TRAIN), prepared.part(VAL)
        self.answers = targets(prepared.pictures, np.arange(len(prepared.pictures)))
        weights = self.recipe.key() | {"model": prepared.row.name, "sha256": prepared.row.source.sha256}
        body = json.dumps([weights, prepared.digest], sort_keys=True, default=str)
        self.key = hashlib.sha256(body.encode()).hexdigest()

    def run(self) -> Run:
        """Head, layers, and what is written at the end."""
        from visioncli.training.finish import Finishing, finish
        from visioncli.training.worker import with_classes

        self.row = with_classes(self.prepared.row, self.prepared.pictures.classes)
        if self._is_finished():
            self.watcher.say(f"{self.folder} is finished already: there is nothing to go on with.")
            return read_result(self.folder)
        if not self._goes_on():
            self.log = Log(self.folder, self.watcher)
            self._begin()
        else:
            self.log = Log(self.folder, self.watcher, keep=True)
        if self._unfreezes:
            _learn(self.folder, self._seconds_left(), self.where, self.watcher)
        finish(
            Finishing(
                self.folder, self.prepared, self.recipe, self.prepared.row, self.key, self.begun, self.command,
                self.where.engine, self.where.options, self.log, self.watcher,
            )
        )  # fmt: skip
        for path in (self.folder / FOLDER).iterdir():
            if path.name != LOCK:
                path.unlink()
        return read_result(self.folder)

    @property
    def _unfreezes(self) -> bool:
        return self.recipe.start is Start.SCRATCH or self.recipe.unfreeze is not Unfreeze.NONE

    def _seconds_left(self) -> float:
        if self.recipe.seconds is None:
            return math.inf
        predicted = len(self.val) + len(self.prepared.part(TEST))
        after = _FINISH_SECONDS + predicted * (_FINISH_A_PICTURE + _FINISH_A_GFLOP * self.prepared.row.gflops)
        return max(1.0, self.recipe.seconds - (time.monotonic() - self.begun) - after)

    def _is_finished(self) -> bool:
        """Whether this very run has ended. Raises UsageError where the folder holds another one."""
        from visioncli.training.worker import has_begun

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
        from visioncli.training.job import read_job
        from visioncli.training.worker import has_begun

        if not self.resume or not has_begun(self.folder):
            return False
        if read_job(self.folder).key != self.key:
            raise UsageError(
                f"{self.folder} was begun with other pictures, options or another network. Give those again to go "
                "on, or another folder."
            )
        return True

    def _begin(self) -> None:
        """What is done once: the split's files, a head on frozen features or fresh weights, the first checkpoint."""
        prepared = self.prepared
        write_files(self.folder / FILES, prepared.pictures, prepared.seen, prepared.places)
        write_split(self.folder / SPLIT, self._lines())
        spec = prepared.row.input
        self.log(
            "data", **self._counted(), classes=len(prepared.pictures.classes), size=spec.size, resize=spec.resize
        )
        weights = class_weights(self.answers[self.train], len(prepared.pictures.classes), self.recipe.balance)
        if self.recipe.start is Start.SCRATCH:
            from visioncli.training.worker import fresh_state

            state, best = fresh_state(self.row, self.recipe.seed), (math.inf, math.inf)
        else:
            self.log("features", **prepared.cost)
            state, best = self._head(weights)
        if self._unfreezes:
            from visioncli.training.worker import start

            start(self.folder, self._job(weights), state, best, self.log.size)

    def _counted(self) -> dict[str, int]:
        return {place: len(self.prepared.part(place)) for place in (TRAIN, VAL, TEST)}

    def _head(self, weights: np.ndarray | None) -> "tuple[dict[str, Tensor], tuple[float, float]]":
        """The head on frozen features, written as a finished model. The network's tensors; what of the validation
        pictures it has wrong, and its loss."""
        from visioncli.training import head
        from visioncli.training.worker import keep_model, with_head
        from visioncli.weights.load import load_network

        prepared = self.prepared
        start = time.monotonic()
        vectors, pictures = head_features(prepared)
        assert prepared.plain is not None
        val = prepared.plain[self.val]
        fitted = head.fit(
            vectors,
            self.answers[pictures],
            val,
            self.answers[self.val],
            class_weights=weights,
            classes=len(prepared.pictures.classes),
        )
        logits = fitted.logits(val)
        loss = head.validation_loss(logits, self.answers[self.val])
        right = logits.argmax(1) == self.answers[self.val] if self.answers.ndim == 1 else None
        facts = {
            "strength": fitted.strength,
            "tried": [list(pair) for pair in fitted.losses],
            "val_loss": loss,
            "val_accuracy": None if right is None else float(right.mean()),
            "took": round(time.monotonic() - start, 2),
        }
        state = with_head(self.row, load_network(prepared.row), fitted.weight, fitted.bias)
        with self.watcher.undisturbed():
            keep_model(self.folder, self.row, state, logits, self.answers[self.val], {"step": 0, "val_loss": loss})
        self.log("head", **facts)
        return state, (0.0 if right is None else 1 - float(right.mean()), loss)

    def _job(self, weights: np.ndarray | None) -> Job:
        from visioncli.training.worker import notes_of

        recipe, count = self.recipe, len(self.train)
        visits = _VISITS[recipe.start] // max(count, 1)
        epochs = recipe.epochs or min(max(visits, _FEWEST_EPOCHS[recipe.start]), _MOST_EPOCHS[recipe.start])
        # A dozen steps an epoch at least, as far as batches of eight allow.
        size = recipe.batch_size or max(8, min(64, 2 ** int(math.log2(max(count / 12, 8)))))
        where = {"set": self.data, "row": notes_of(self.model, self.prepared.row)}
        names, mirror = names_of(self.prepared.pictures), self.prepared.mirror
        return Job(where, names, recipe, self.train, self.val, mirror, epochs, size, weights, self.key)

    def _lines(self) -> list[Line]:
        prepared = self.prepared
        return [
            Line(
                example.shown,
                tuple(prepared.pictures.classes[k] for k in example.labels),
                str(prepared.places[n]),
                prepared.groups[n] if prepared.groups else "",
                prepared.seen[n].sha256,
            )
            for n, example in enumerate(prepared.pictures.examples)
            if prepared.seen[n].error is None
        ]
