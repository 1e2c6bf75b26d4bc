"""The lesson of boxes: where objects are, and what they are."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.engines.interface import Engine
from visioncli.labelled.boxes import BoxSet
from visioncli.labelled.content import load
from visioncli.models.row import ModelRow
from visioncli.tasks.detect.detectors import Limits
from visioncli.tasks.detect.task import detector_on
from visioncli.training.boxes import augment as box_augment
from visioncli.training.boxes.learner import BoxLearner, Target
from visioncli.training.boxes.learners import learner_class
from visioncli.training.boxes.scores import box_report, known
from visioncli.training.boxes.store import BoxStore
from visioncli.training.data import augment
from visioncli.training.data.kept import Kept
from visioncli.training.data.store import BUDGET
from visioncli.training.job import Job
from visioncli.training.layers import statistics_kept_for_one
from visioncli.training.lesson import Lesson, Measured, Sample
from visioncli.training.processes.interface import Launcher
from visioncli.training.recipe import Augment, Start, Unfreeze

SCORE = 0.001
"""So low a score that average precision sees every detection, as in `vision eval`."""
_AHEAD = 16
"""Validation pictures that are made ready together."""


class LiveEngine(Engine):
    """Runs a network that is being trained, as it is, one picture at a time."""

    name = "torch"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._network, self._device = network, device

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        parts = [self._one(batch[n : n + 1]) for n in range(len(batch))]
        return tuple(np.concatenate(outputs) for outputs in zip(*parts, strict=True))

    @torch.no_grad()
    def _one(self, picture: np.ndarray) -> tuple[np.ndarray, ...]:
        x = torch.from_numpy(np.ascontiguousarray(picture)).to(self._device)
        answer = self._network(x.contiguous(memory_format=torch.channels_last))
        return tuple(o.float().cpu().numpy() for o in (answer if isinstance(answer, tuple) else (answer,)))


class BoxLesson(Lesson):
    """Boxes of classes; `row` is that of `network`, with its classes. What the network answers is read as `vision
    detect` reads it, so that validation measures what users get."""

    counts_right = False

    def __init__(self, job: Job, pictures: BoxSet, row: ModelRow, network: nn.Module, launcher: Launcher) -> None:
        self.job, self.pictures, self.row, self.launcher, self.recipe = job, pictures, row, launcher, job.recipe
        kind = learner_class(row)
        assert kind is not None
        self.learner = kind(network, row, job.recipe.start, **job.settings)
        self.dearer, self.at_once = kind.dearer, self.learner.at_once
        self.rate = self.learner.rate * min(1.0, job.batch_size / kind.batch_size)
        self.knows = self.learner.knows
        self.first = 1 if kind.background else 0
        self.store = BoxStore(pictures, self.learner.wanted, BUDGET // launcher.world)
        self.detector = detector_on(row, LiveEngine(network, launcher.device))
        self._ready = Kept(BUDGET // launcher.world)
        # Frozen layers make the same of the same picture. With gradients of several processes, all of it must be run.
        frozen = self.recipe.unfreeze is Unfreeze.NONE and self.recipe.start is Start.PRETRAINED
        self._keeps = frozen and self.recipe.augment is Augment.NONE and launcher.world == 1
        self._keeps = self._keeps and kind.features is not BoxLearner.features
        self._features = Kept(BUDGET)

    def visits(self) -> np.ndarray:
        return self.job.train

    def learning(self, what: Unfreeze) -> list[tuple[list[nn.Parameter], float]]:
        return self.learner.learning(what)

    def learning_mode(self) -> None:
        self.learner.learning_mode()

    def augmented(self, epoch: int, visit: int) -> Sample:
        """What the network takes, and the boxes and labels in it."""
        if self._keeps:
            *features, boxes, labels = self._features.get(visit, lambda: self._frozen(visit))
            return tuple(features), boxes, labels
        pixels, boxes, labels = self.store.get(visit)
        rng = augment.generator(self.recipe.seed, epoch, visit)
        size = (pixels.shape[1], pixels.shape[0])
        drawn = box_augment.draw(rng, self.recipe.augment, size, boxes, mirror=self.job.mirror)
        pixels, boxes, labels = box_augment.apply(pixels, boxes, labels, drawn)
        x, boxes = self.learner.prepare(pixels, boxes)
        return x, boxes, labels

    def _frozen(self, place: int) -> tuple[np.ndarray, ...]:
        """What frozen layers make of a picture as it is, then its boxes and their labels."""
        pixels, boxes, labels = self.store.get(place)
        x, boxes = self.learner.prepare(pixels, boxes)
        features = self.learner.features(x)
        assert features is not None
        return (*features, boxes, labels)

    def batch(self, samples: Sequence[Sample], visits: np.ndarray, step: int) -> tuple[Any, list[Target]]:
        device = self.launcher.device
        targets = [
            {
                "boxes": torch.from_numpy(np.asarray(boxes, np.float32)).to(device),
                "labels": torch.from_numpy(labels + self.first).to(device),
            }
            for _, boxes, labels in samples
        ]
        return self.learner.batch([x for x, _, _ in samples], device), targets

    def learn(self, network: nn.Module, x: Any, wanted: list[Target]) -> tuple[Tensor, float]:
        with statistics_kept_for_one(self.learner.network, len(wanted)):
            return self.learner.loss(network, x, wanted), 0.0

    def answers(self, places: np.ndarray) -> np.ndarray:
        """`(D, 7) float64`: of each detection the place of its picture, x1 y1 x2 y2, score and label."""
        found = [np.zeros((0, 7))]
        limits = Limits(score=SCORE)
        with ThreadPoolExecutor(2) as pool:
            for start in range(0, len(places), _AHEAD):
                some = places[start : start + _AHEAD].tolist()
                ready = list(pool.map(self._prepared, some))
                for place, (x, size) in zip(some, ready, strict=True):
                    (boxes,) = self.detector.detect([x], [size], limits)
                    columns = [np.full(len(boxes), place), *boxes.boxes.T, boxes.scores, boxes.label_ids - self.first]
                    found.append(np.stack(columns, 1).astype(np.float64))
        return np.concatenate(found)

    def _prepared(self, place: int) -> tuple[Any, tuple[int, int]]:
        def make() -> tuple[np.ndarray, np.ndarray]:
            image = load(self.pictures.examples[place]).image
            return self.detector.prepare(image), np.array(image.size)

        x, size = self._ready.get(place, make)
        return x, (int(size[0]), int(size[1]))

    def measure(self, answers: np.ndarray) -> Measured:
        report = box_report(self.pictures, self.job.val, answers)
        numbers = report.official
        found = {f"val_{name.lower()}": known(numbers[name]) for name in ("AP", "AP50", "AR100")}
        worth = [0.0 if math.isnan(numbers[name]) else numbers[name] for name in ("AP", "AP50")]
        classes = {label: known(of["AP"]) for label, of in report.class_numbers().items()}
        logged = {"val_loss": None, "val_accuracy": None, **found, "val_ap_by_class": classes}
        return Measured(1 - worth[0], 1 - worth[1], logged)
