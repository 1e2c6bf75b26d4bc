"""The lesson of masks: a class for each pixel."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.labelled.masks import IGNORED, MaskSet
from visioncli.models.row import ModelRow
from visioncli.training.data import augment
from visioncli.training.data.store import BUDGET
from visioncli.training.job import Job
from visioncli.training.layers import drop_before_last, learning_mode
from visioncli.training.lesson import PIXELS, Lesson, Measured, Sample
from visioncli.training.masks import augment as mask_augment
from visioncli.training.masks.offset import PIXELS_A_STEP, MaskOffset, Wanted
from visioncli.training.masks.store import MaskStore
from visioncli.training.processes.interface import Launcher
from visioncli.training.recipe import Start, Unfreeze

RATES = {Start.PRETRAINED: 1e-3, Start.SCRATCH: 2e-3}
"""Highest learning rates for batches of 8 crops. They hold half a million answers: nothing is scaled by the batch."""
ENCODER_SHARE = 0.3
"""Part of that rate for a pretrained encoder, which has less to learn than the new layers after it."""
AUXILIARY_SHARE = 0.5
"""Of an auxiliary classifier's loss, as in torchvision's references."""
CELL, MARGIN = 1024, 64
"""Validation pictures beyond `CELL` pixels are looked at in cells, each with so many pixels around it."""


def mask_loss(logits: Tensor, wanted: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross entropy plus Dice's loss of `(N, C, H, W)` logits; in `wanted` `(N, H, W) int64` IGNORED does not count.

    Cross entropy is the mean over pixels, by the `weights` `(C,)` of their classes; Dice's loss (V-Net, arXiv
    1606.04797) is one minus the mean of 2 |A and B| / (|A| + |B|) over the classes that occur in the batch.
    """
    logits = logits.float()
    counts = wanted != IGNORED
    truth = wanted.where(counts, torch.zeros_like(wanted))
    each = F.cross_entropy(logits, truth, reduction="none")
    weight = counts.float() if weights is None else weights[truth] * counts
    entropy = (each * weight).sum() / weight.sum().clamp(min=1e-6)
    found = logits.softmax(1) * counts[:, None]
    true = F.one_hot(truth, logits.shape[1]).permute(0, 3, 1, 2) * counts[:, None]
    both, sizes = ((t.sum((0, 2, 3))) for t in (found * true, found + true))
    occurs = true.sum((0, 2, 3)) > 0
    dice = (2 * both + 1) / (sizes + 1)
    return entropy + ((1 - dice) * occurs).sum() / occurs.sum().clamp(min=1)


class MaskLesson(Lesson):
    """Classes of pixels; `row` is that of `network`, with its classes. Each picture is visited `job.crops` times an
    epoch, each time another crop of it."""

    dearer = 1.6

    def __init__(self, job: Job, pictures: MaskSet, row: ModelRow, network: nn.Module, launcher: Launcher) -> None:
        self.job, self.row, self.network, self.launcher, self.recipe = job, row, network, launcher, job.recipe
        self.side, self.classes = job.side, len(pictures.classes)
        self.store = MaskStore(pictures, BUDGET // launcher.world)
        weights = None if job.class_weights is None else torch.from_numpy(job.class_weights).float()
        self.weights = None if weights is None else weights.to(launcher.device)
        self.at_once = max(1, PIXELS // self.side**2)
        self.rate = RATES[self.recipe.start]
        encoder: tuple[str, ...] = getattr(network, "encoder_parts", ())
        self.encoder = [network.get_submodule(name) for name in encoder if self.recipe.start is Start.PRETRAINED]
        still: tuple[str, ...] = getattr(network, "still_parts", ())
        self.still = [network.get_submodule(name) for name in still]
        if self.recipe.dropout:
            drop_before_last(row, network, self.recipe.dropout)
        self.offset = MaskOffset(network, job)

    def visits(self) -> np.ndarray:
        """Place times `job.crops`, plus which crop of the picture it is."""
        crops = self.job.crops
        found: np.ndarray = (self.job.train[:, None] * crops + np.arange(crops)).ravel()
        return found

    def visits_of(self, pictures: int) -> float:
        return pictures * self.job.area / self.side**2

    def learning(self, what: Unfreeze) -> list[tuple[list[nn.Parameter], float]]:
        known = {id(p) for module in self.encoder for p in module.parameters()}
        apart = {id(p) for p in self.offset.parameters}
        encoder: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for parameter in self.network.parameters():
            is_known = id(parameter) in known
            parameter.requires_grad = what is Unfreeze.ALL or not is_known
            if id(parameter) not in apart:
                (encoder if is_known else rest).append(parameter)
        found = [(rest, 1.0)]
        if encoder and what is Unfreeze.ALL:
            found.append((encoder, ENCODER_SHARE))
        if self.offset.parameters:
            found.append((self.offset.parameters, PIXELS_A_STEP / self.rate))
        return found

    def learning_mode(self) -> None:
        self.network.train()
        for module in (*self.encoder, *self.still):
            learning_mode(module, keep_statistics=True)

    def augmented(self, epoch: int, visit: int) -> Sample:
        pixels, classes = self.store.get(visit // self.job.crops)
        rng = augment.generator(self.recipe.seed, epoch, visit)
        drawn = mask_augment.draw(rng, self.recipe.augment, mirror=self.job.mirror, turns=self.job.turns)
        return *mask_augment.apply(pixels, classes, drawn, self.side), mask_augment.directions(drawn)

    def batch(self, samples: Sequence[Sample], visits: np.ndarray, step: int) -> tuple[Tensor, Wanted]:
        device = self.launcher.device
        pixels, classes, directions = (np.stack(each) for each in zip(*samples, strict=True))
        x = augment.batch(pixels, self.row.input, device)
        return x, Wanted(torch.from_numpy(classes).to(device).long(), torch.from_numpy(directions).to(device))

    def learn(self, network: nn.Module, x: Tensor, wanted: Wanted) -> tuple[Tensor, float]:
        """The loss of what the network answers, moved to where the masks lie."""
        self.offset.turned(wanted.directions)
        logits = network(x.contiguous(memory_format=torch.channels_last))
        return self.loss(logits, wanted.classes), self.right(logits.detach(), wanted.classes)

    def loss(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """The mean loss."""
        # Behind the logits stand those of an auxiliary classifier, where the network has one.
        own, *auxiliary = torch.split(logits, self.classes, 1)
        loss = mask_loss(own, wanted, self.weights)
        for other in auxiliary:
            loss = loss + AUXILIARY_SHARE * mask_loss(other, wanted, self.weights)
        return loss

    def right(self, logits: Tensor, wanted: Tensor) -> float:
        """The share of pixels that are right."""
        logits = logits[:, : self.classes]
        counts = wanted != IGNORED
        return float((logits.argmax(1) == wanted)[counts].float().mean()) if bool(counts.any()) else 0.0

    def answers(self, places: np.ndarray) -> np.ndarray:
        """`(n, C * C + 2) float64`: of each picture the pixels by true and answered class, the sum of their losses,
        and how many they are."""
        found = [np.zeros((0, self.classes**2 + 2))]
        found += [self._answer(*self.store.get(place))[None] for place in places.tolist()]
        return np.concatenate(found)

    def _answer(self, pixels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        total = np.zeros(self.classes**2 + 2)
        for window, cell in _cells(*classes.shape):
            x = augment.batch(np.ascontiguousarray(pixels[window])[None], self.row.input, self.launcher.device)
            with self.launcher.autocast():
                logits = self.network(x.contiguous(memory_format=torch.channels_last))[0].float()
            wanted = torch.from_numpy(classes[window][cell].astype(np.int64)).to(logits.device)
            logits = logits[(slice(None), *cell)]
            counts = wanted != IGNORED
            total[-2] += float(F.cross_entropy(logits[None], wanted[None], ignore_index=IGNORED, reduction="sum"))
            total[-1] += int(counts.sum())
            pairs = (wanted * self.classes + logits.argmax(0))[counts]
            total[:-2] += torch.bincount(pairs, minlength=self.classes**2).cpu().numpy()
        return total

    def measure(self, answers: np.ndarray) -> Measured:
        total = answers.sum(0)
        table = total[:-2].reshape(self.classes, self.classes)
        right, sizes = np.diag(table), table.sum(0) + table.sum(1)
        occurs = sizes > 0
        if not occurs.any():
            return Measured(1.0, float("inf"), {"val_accuracy": None, "val_miou": None, "val_dice": None})
        miou = float((right[occurs] / (sizes - right)[occurs]).mean())
        numbers = {
            "val_accuracy": float(right.sum() / table.sum()),
            "val_miou": miou,
            "val_dice": float((2 * right[occurs] / sizes[occurs]).mean()),
        }
        return Measured(1 - miou, float(total[-2] / total[-1]), numbers)


def _cells(height: int, width: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Windows of a picture, and in each the cell whose answers count."""
    for top in range(0, height, CELL):
        for left in range(0, width, CELL):
            y, x = max(0, top - MARGIN), max(0, left - MARGIN)
            window = slice(y, top + CELL + MARGIN), slice(x, left + CELL + MARGIN)
            yield window, (slice(top - y, top - y + CELL), slice(left - x, left - x + CELL))
