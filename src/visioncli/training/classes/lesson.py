"""The lesson of classes: a picture's class, or each of several labels."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.labelled.interface import PictureSet
from visioncli.models.row import ModelRow
from visioncli.training.classes.head import validation_loss
from visioncli.training.data import augment
from visioncli.training.data.store import BUDGET, PictureStore
from visioncli.training.job import Job, targets
from visioncli.training.layers import drop_before, free, learning_mode
from visioncli.training.lesson import PIXELS, Measured, OneTensorLesson, Sample
from visioncli.training.processes.interface import Launcher
from visioncli.training.recipe import DROPOUT, Augment, Start, Unfreeze
from visioncli.weights.heads import head_of

RATES = {Start.PRETRAINED: 6e-4, Start.SCRATCH: 2e-3}
"""Highest learning rates for batches of 64; for others in proportion, since the gradient of few pictures is noise: at
1e-3 and sixteen pictures a step the pretrained network of two classes was lost within fifty steps."""


def loss_of(logits: Tensor, wanted: Tensor, weights: Tensor | None, *, multi_label: bool) -> Tensor:
    """The mean loss of `(N, C)` logits: cross entropy with `wanted` shares of classes, or of yes and no for each."""
    if multi_label:
        return F.binary_cross_entropy_with_logits(logits.float(), wanted)
    each = -(wanted * F.log_softmax(logits.float(), 1))
    return (each if weights is None else each * weights).sum(1).mean()


class ClassLesson(OneTensorLesson):
    """Classes of whole pictures; `row` is that of `network`, with its classes."""

    def __init__(self, job: Job, pictures: PictureSet, row: ModelRow, network: nn.Module, launcher: Launcher) -> None:
        self.job, self.row, self.network, self.launcher, self.recipe = job, row, network, launcher, job.recipe
        self.head = head_of(network, row)[1]
        drop_before(self.head, network, DROPOUT if self.recipe.dropout is None else self.recipe.dropout)
        self.store, self.plain = (
            PictureStore(pictures.examples, row.input, BUDGET // launcher.world) for _ in range(2)
        )
        self.multi_label = pictures.multi_label
        self.counts_right = not self.multi_label
        self.classes = len(pictures.classes)
        self.targets = targets(pictures, np.arange(len(pictures)))
        weights = None if job.class_weights is None else torch.from_numpy(job.class_weights).float()
        self.weights = None if weights is None else weights.to(launcher.device)
        self.at_once = max(1, PIXELS // row.input.size**2)
        self.rate = RATES[self.recipe.start] * job.batch_size / 64

    def visits(self) -> np.ndarray:
        return self.job.train

    def learning(self, what: Unfreeze) -> list[tuple[list[nn.Parameter], float]]:
        return [(free(self.network, what, self.head), 1.0)]

    def learning_mode(self) -> None:
        learning_mode(self.network, keep_statistics=self.recipe.start is Start.PRETRAINED)

    def augmented(self, epoch: int, visit: int) -> Sample:
        pixels = self.store.get(visit)
        rng = augment.generator(self.recipe.seed, epoch, visit)
        size = (pixels.shape[1], pixels.shape[0])
        drawn = augment.draw(rng, self.recipe.augment, size, self.row.input, self.job.mirror)
        return (augment.apply(pixels, drawn, self.row.input),)

    def batch(self, samples: Sequence[Sample], visits: np.ndarray, step: int) -> tuple[Tensor, Tensor]:
        x = augment.batch(np.stack([pixels for (pixels,) in samples]), self.row.input, self.launcher.device)
        wanted = self._wanted(visits).to(self.launcher.device)
        if self.recipe.augment is Augment.STRONG and not self.multi_label:
            x, wanted = augment.mix(x, wanted, augment.generator(self.recipe.seed, 1 << 32, step))
        return x, wanted

    def _wanted(self, places: np.ndarray) -> Tensor:
        """`(N, C) float32`: shares of classes, the labels smoothed."""
        found = torch.from_numpy(self.targets[places])
        if self.multi_label:
            return found
        smoothing = self.recipe.smoothing
        return F.one_hot(found, self.classes).float() * (1 - smoothing) + smoothing / self.classes

    def loss(self, logits: Tensor, wanted: Tensor) -> Tensor:
        return loss_of(logits, wanted, self.weights, multi_label=self.multi_label)

    def right(self, logits: Tensor, wanted: Tensor) -> float:
        return float((logits.argmax(1) == wanted.argmax(1)).float().mean())

    def answers(self, places: np.ndarray) -> np.ndarray:
        """`(n, C) float32` logits."""
        found = [np.zeros((0, self.classes), np.float32)]
        with ThreadPoolExecutor(2) as pool:
            for start in range(0, len(places), self.at_once):
                pixels = np.stack(list(pool.map(self.plain.plain, places[start : start + self.at_once].tolist())))
                x = augment.batch(pixels, self.row.input, self.launcher.device)
                with self.launcher.autocast():
                    logits = self.network(x.contiguous(memory_format=torch.channels_last))
                found.append(logits.float().cpu().numpy())
        return np.concatenate(found)

    def measure(self, answers: np.ndarray) -> Measured:
        truth = self.targets[self.job.val]
        right = float((answers.argmax(1) == truth).mean()) if truth.ndim == 1 else None
        wrong = 0.0 if right is None else 1 - right
        return Measured(wrong, validation_loss(answers, truth), {"val_accuracy": right}, answers)
