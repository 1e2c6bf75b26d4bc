"""A run that learns classes."""

import math
import time
from typing import Any

import numpy as np
from torch import Tensor

from visioncli.labelled.interface import TEST
from visioncli.training import checkpoint
from visioncli.training.classes import head
from visioncli.training.classes.best import keep_model, with_head
from visioncli.training.classes.finish import Finishing, finish
from visioncli.training.classes.learning import learning_classes
from visioncli.training.classes.prepare import Prepared, head_features
from visioncli.training.first_state import fresh_state
from visioncli.training.job import Job, class_weights, names_of, targets
from visioncli.training.one_run import FINISH_A_GFLOP, FINISH_A_PICTURE, FINISH_SECONDS, Training
from visioncli.training.recipe import Start
from visioncli.training.rows import notes_of
from visioncli.weights.heads import head_of
from visioncli.weights.load import load_network

_VISITS = {Start.PRETRAINED: 100_000, Start.SCRATCH: 480_000}
"""Pictures times epochs, where no number of epochs is given: a network that knows pictures needs fewer."""
_VISITS_OF_SOUNDS = 60_000
"""The same of recordings from scratch, whose training seldom ends early: 2,000 words take four minutes of a core."""
_MOST_EPOCHS = {Start.PRETRAINED: 30, Start.SCRATCH: 100}
_FEWEST_EPOCHS = {Start.PRETRAINED: 5, Start.SCRATCH: 8}


class ClassTraining(Training[Prepared]):
    """A head on frozen features, and then layers."""

    prepares = staticmethod(learning_classes)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.answers = targets(self.ready.pictures, np.arange(len(self.ready.pictures)))

    def seconds_to_finish(self) -> float:
        predicted = len(self.val) + len(self.ready.part(TEST))
        return FINISH_SECONDS + predicted * (FINISH_A_PICTURE + FINISH_A_GFLOP * self.ready.row.gflops)

    def finish(self) -> None:
        finish(
            Finishing(
                self.folder, self.ready, self.recipe, self.key, self.begun, self.command,
                self.where.engine, self.where.options, self.log, self.watcher,
            )
        )  # fmt: skip

    def begin(self) -> None:
        """A head on frozen features or fresh weights, and the first checkpoint."""
        prepared = self.ready
        weights = class_weights(self.answers[self.train], len(prepared.pictures.classes), self.recipe.balance)
        if self.recipe.start is Start.SCRATCH:
            state, best = fresh_state(self.row, self.recipe.seed), (math.inf, math.inf)
        elif prepared.plain is None:
            state, best = self._without_head(), (math.inf, math.inf)
        else:
            self.log("features", **prepared.cost)
            state, best = self._head(weights)
        if self.unfreezes:
            self._job(weights).write(self.folder)
            checkpoint.begin(self.folder, state, best, self.log.size)

    def _head(self, weights: np.ndarray | None) -> tuple[dict[str, Tensor], tuple[float, float]]:
        """The head on frozen features, written as a finished model. The network's tensors; what of the validation
        pictures it has wrong, and its loss."""
        prepared = self.ready
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

    def _without_head(self) -> dict[str, Tensor]:
        """The tensors of a network that knows something, and a head that knows nothing."""
        base = load_network(self.ready.row)
        width, classes = head_of(base, self.ready.row)[1].in_features, len(self.ready.pictures.classes)
        return with_head(self.row, base, np.zeros((classes, width), np.float32), np.zeros(classes, np.float32))

    def _job(self, weights: np.ndarray | None) -> Job:
        recipe, count = self.recipe, len(self.train)
        crops = 1
        if self.row.sound is not None:
            from visioncli.training.classes.sounds.prepare import visits_of_each

            lengths = np.array([self.ready.seen[n].seconds for n in self.train.tolist()])
            crops = visits_of_each(lengths, self.row.sound)
        heard_anew = self.row.sound is not None and recipe.start is Start.SCRATCH
        visits = (_VISITS_OF_SOUNDS if heard_anew else _VISITS[recipe.start]) // max(count * crops, 1)
        epochs = recipe.epochs or min(max(visits, _FEWEST_EPOCHS[recipe.start]), _MOST_EPOCHS[recipe.start])
        # A dozen steps an epoch at least, as far as batches of eight allow.
        size = recipe.batch_size or max(8, min(64, 2 ** int(math.log2(max(count * crops / 12, 8)))))
        where = {"set": self.data, "row": notes_of(self.model, self.ready.row)}
        names, mirror = names_of(self.ready.pictures), self.ready.mirror
        return Job(
            where, names, recipe, self.train, self.val, mirror, epochs, size, weights, self.key, crops=crops
        )  # fmt: skip
