"""The lesson of classes of recordings: what is heard in them, by windows of their spectrograms."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visioncli.tasks.classify.scores import softmax
from visioncli.tasks.classify.sound import network_input
from visioncli.training.classes.lesson import ClassLesson
from visioncli.training.classes.sounds import augment as sound_augment
from visioncli.training.classes.sounds.store import SoundStore
from visioncli.training.data import augment
from visioncli.training.data.store import BUDGET
from visioncli.training.layers import learning_mode
from visioncli.training.lesson import Measured, Sample
from visioncli.training.recipe import Augment

MIXUP = 0.3
"""Of Beta(a, a), from which shares of two recordings are drawn."""


class SoundLesson(ClassLesson):
    """Classes of recordings. A visit is one window of one of them: of long ones there are several in an epoch."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        assert self.row.sound is not None
        self.spec = self.row.sound
        examples = given[1].examples
        self.sounds, self.heard = (SoundStore(examples, self.spec, BUDGET // self.launcher.world) for _ in range(2))

    def visits(self) -> np.ndarray:
        each = np.arange(self.job.crops, dtype=np.int64)
        found: np.ndarray = (self.job.train[:, None] * self.job.crops + each).ravel()
        return found

    def learning_mode(self) -> None:
        # What a network of photographs expects of its layers' means is not true of spectrograms.
        learning_mode(self.network, keep_statistics=False)

    def augmented(self, epoch: int, visit: int) -> Sample:
        rng = augment.generator(self.recipe.seed, epoch, visit)
        drawn = sound_augment.draw(rng, self.recipe.augment)
        window = sound_augment.apply(self.sounds.get(visit // self.job.crops), drawn, self.spec)
        return (network_input(window[None], self.row)[0],)

    def batch(self, samples: Sequence[Sample], visits: np.ndarray, step: int) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(np.stack([window for (window,) in samples])).to(self.launcher.device)
        wanted = self._wanted(visits // self.job.crops).to(self.launcher.device)
        if self.recipe.augment is not Augment.NONE and not self.multi_label:
            rng = augment.generator(self.recipe.seed, 1 << 32, step)
            x, wanted = augment.mix(x, wanted, rng, MIXUP, paste=False)
        return x, wanted

    def is_better(self, found: Measured, wrong: float, loss: float) -> bool:
        """Of networks that validation cannot tell apart the later one, which learned more at lower rates: recordings
        by voices that are known are soon all right, and say little of the voices that are not.

        Apart are those between which lies more than a standard error of the number of mistakes (L. Breiman et al.,
        Classification and Regression Trees, 1984, section 3.4.3). Of several labels a recording the loss decides.
        """
        if self.multi_label or math.isinf(wrong):
            return super().is_better(found, wrong, loss)
        count = len(self.job.val)
        least = round(wrong * count)
        # Of one mistake more than there were: where none was made, one may be.
        return round(found.wrong * count) <= least + math.sqrt((least + 1) * (1 - wrong))

    def answers(self, places: np.ndarray) -> np.ndarray:
        """`(n, C) float32`: logits of recordings of one window; of others the logarithms of the mean probabilities,
        or those logits that belong to the mean of yes and no."""
        found = np.zeros((len(places), self.classes), np.float32)
        with ThreadPoolExecutor(2) as pool:
            for n, windows in enumerate(pool.map(self.heard.plain, places.tolist())):
                parts = []
                for start in range(0, len(windows), self.at_once):
                    x = network_input(windows[start : start + self.at_once], self.row)
                    with self.launcher.autocast():
                        logits = self.network(torch.from_numpy(x).to(self.launcher.device))
                    parts.append(logits.float().cpu().numpy())
                found[n] = _together(np.concatenate(parts), multi_label=self.multi_label)
        return found


def _together(logits: np.ndarray, *, multi_label: bool) -> np.ndarray:
    """`(n, C)` logits of a recording's windows -> `(C,)` logits whose probabilities are the mean of theirs."""
    if len(logits) == 1:
        one: np.ndarray = logits[0]
        return one
    if multi_label:
        yes = np.clip((1 / (1 + np.exp(-logits.astype(np.float64)))).mean(axis=0), 1e-9, 1 - 1e-9)
        found: np.ndarray = np.log(yes / (1 - yes))
    else:
        found = np.log(np.maximum(softmax(logits).mean(axis=0), 1e-30))
    return found
