"""The lesson of boxes with a mask or keypoints in each: what Mask R-CNN and Keypoint R-CNN learn."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import Categories, Images, plain_annotations
from visioncli.labelled.boxes import BoxSet
from visioncli.metrics.engines import Engine as Computing
from visioncli.metrics.evaluate import Settings, evaluate
from visioncli.metrics.pairs import Kind
from visioncli.tasks.detect.detectors import Limits
from visioncli.tasks.detect.torchvision import as_input, choose
from visioncli.training import augment, box_augment
from visioncli.training.box_learner import Target
from visioncli.training.boxes import SCORE, BoxLesson, LiveEngine
from visioncli.training.lesson import Measured, Sample

_INSIDE = 0.5
"""Where `vision segment` cuts soft masks too."""
_AHEAD = 4


class PartLesson(BoxLesson):
    """Boxes, and a mask or keypoints in each. Epochs are compared by the masks or keypoints, which need good boxes."""

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


def part_numbers(
    pictures: BoxSet, places: np.ndarray, rows: np.ndarray, parts: Sequence[Any]
) -> dict[str, float | None]:
    """AP and AP50 of COCO, by the IoU of masks or by OKS, of detections `rows` `(D, 7)` with their `parts`; None where
    nothing can be measured. Objects without a labelled keypoint do not count."""
    numbers = {place: n for n, place in enumerate(places.tolist())}
    objects = [pictures.objects[place] for place in places.tolist()]
    kind = Kind.MASKS if pictures.points is None else Kind.KEYPOINTS
    points = pictures.points
    every = [one.points for one in objects if one.points is not None]
    truth = plain_annotations(
        np.repeat(np.arange(len(objects)), [len(one) for one in objects]),
        np.concatenate([one.labels for one in objects]),
        np.concatenate([one.boxes for one in objects]),
        None,
        ignore=np.concatenate([one.ignore for one in objects]),
        area=np.concatenate([one.area for one in objects]),
        masks=tuple(mask for one in objects for mask in one.masks or ()) if points is None else None,
        keypoints=None if points is None else np.concatenate(every),
    )
    truth.crowd[:] = np.concatenate([one.crowd for one in objects])
    found = plain_annotations(
        np.array([numbers[int(place)] for place in rows[:, 0]], np.int64),
        rows[:, 6].astype(np.int64),
        rows[:, 1:5],
        rows[:, 5],
        masks=tuple(parts) if points is None else None,
        keypoints=None if points is None else np.array(parts, np.float64).reshape(-1, len(points.names), 3),
    )
    images = Images(
        tuple(pictures.examples[place].shown for place in places.tolist()),
        np.array([one.size for one in objects], np.int64).reshape(-1, 2),
    )
    data = Aligned(images, Categories(pictures.classes), truth, found, ())
    # The reference knows no other keypoints than a person's.
    report = evaluate(data, Settings(kind, engine=Computing.NUMPY), pictures.source, "").report
    return {n: None if math.isnan(report.official[n]) else float(report.official[n]) for n in ("AP", "AP50")}
