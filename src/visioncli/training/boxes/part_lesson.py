"""The lesson of boxes with a mask or keypoints in each: what Mask R-CNN and Keypoint R-CNN learn."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from visioncli.tasks.detect.detectors import Limits
from visioncli.tasks.detect.torchvision import as_input, choose
from visioncli.training.boxes import augment as box_augment
from visioncli.training.boxes.learner import Target
from visioncli.training.boxes.lesson import SCORE, BoxLesson, LiveEngine
from visioncli.training.boxes.scores import part_numbers
from visioncli.training.data import augment
from visioncli.training.lesson import Measured, Sample

_INSIDE = 0.5
"""Where `vision segment` cuts soft masks too."""
_AHEAD = 4


class PartLesson(BoxLesson):
    """Boxes, and a mask or keypoints in each. By the latter epochs are compared: they need good boxes too."""

    def augmented(self, epoch: int, visit: int) -> Sample:
        """What the network takes, and boxes, labels, and masks or keypoints in it."""
        pixels, boxes, labels, parts = self.store.with_parts(visit)
        rng = augment.generator(self.recipe.seed, epoch, visit)
        size = (pixels.shape[1], pixels.shape[0])
        drawn = box_augment.draw(rng, self.recipe.augment, size, boxes, mirror=self.job.mirror)
        pixels, boxes, kept = box_augment.moved(pixels, boxes, drawn)
        x, boxes = self.learner.prepare(pixels, boxes[kept])
        return x, boxes, labels[kept], parts.moved(size, drawn, kept)

    def batch(self, samples: Sequence[Sample], visits: np.ndarray, step: int) -> tuple[Any, list[Target]]:
        x, targets = super().batch([sample[:3] for sample in samples], visits, step)
        for target, (*_, parts) in zip(targets, samples, strict=True):
            for name, array in (("masks", parts.masks), ("keypoints", parts.points)):
                if array is not None:
                    target[name] = torch.from_numpy(np.ascontiguousarray(array)).to(self.launcher.device)
        return x, targets

    def answers(self, places: np.ndarray) -> np.ndarray:
        """`(D,) object`: of each detection a pair, as `BoxLesson` answers it, `(7,)`, and its mask, a run-length
        encoding, or its keypoints, `(K, 3)`."""
        engine, limits = LiveEngine(self.learner.network, self.launcher.device), Limits(score=SCORE, iou=1.0)
        found: list[tuple[np.ndarray, Any]] = []
        with ThreadPoolExecutor(2) as pool:
            for start in range(0, len(places), _AHEAD):
                some = places[start : start + _AHEAD].tolist()
                ready = list(pool.map(self._prepared, some))
                for place, (rgb, _) in zip(some, ready, strict=True):
                    boxes, labels, scores, parts = (a[0] for a in engine.run(as_input(rgb))[:4])
                    for n in choose(boxes, labels.astype(int), scores, limits).tolist():
                        row = np.array([place, *boxes[n], scores[n], labels[n] - self.first], np.float64)
                        found.append((row, _encoded(parts[n, 0]) if parts.ndim == 4 else parts[n]))
        answers = np.empty(len(found), object)
        answers[:] = found
        return answers

    def measure(self, answers: np.ndarray) -> Measured:
        plain = np.array([row for row, _ in answers], np.float64).reshape(-1, 7)
        boxes = super().measure(plain)
        what = "mask" if self.pictures.points is None else "oks"
        numbers = part_numbers(self.pictures, self.job.val, plain, [part for _, part in answers])
        told = {f"val_{what}_{name.lower()}": value for name, value in numbers.items()}
        worth = [numbers[name] or 0.0 for name in ("AP", "AP50")]
        # Of equal ones the better boxes: a network that finds nothing has neither.
        return Measured(1 - worth[0], 2 - worth[1] - (1 - boxes.wrong), boxes.numbers | told)


def _encoded(mask: np.ndarray) -> dict[str, Any]:
    from pycocotools import mask as compiled

    return dict(compiled.encode(np.asfortranarray((mask > _INSIDE).astype(np.uint8))))
