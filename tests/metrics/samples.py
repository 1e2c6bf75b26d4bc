"""Random truth and detections for tests, as readers and `align` would give them."""

import numpy as np

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import Annotations, Categories, Images


def side(
    rng: np.random.Generator, count: int, images: int, classes: int, *, truth: bool, people: bool
) -> Annotations:
    """Objects on a coarse grid, so that equal overlaps, equal scores and exact thresholds occur often."""
    scale = rng.choice([1.0, 4.0, 10.0], (count, 1))
    xywh = np.hstack([rng.integers(0, 20, (count, 2)), rng.integers(1, 15, (count, 2))]) * scale
    points = labelled = None
    if people:
        points = np.concatenate([rng.random((count, 17, 2)) * 60, rng.integers(0, 3, (count, 17, 1))], axis=2)
        points[:, :, 2] *= rng.integers(0, 2, (count, 1))
        labelled = np.count_nonzero(points[:, :, 2] > 0, axis=1)
    return Annotations(
        image=rng.integers(0, images, count),
        category=rng.integers(0, classes, count),
        xywh=xywh,
        area=xywh[:, 2] * xywh[:, 3] * (rng.choice([1.0, 0.7], count) if truth else 1.0),
        crowd=(rng.random(count) < 0.1) & truth,
        ignore=(rng.random(count) < 0.1) & truth,
        score=np.ones(count) if truth else np.round(rng.random(count), 1),
        keypoints=points,
        labelled=labelled,
    )


def sample(seed: int, *, people: bool = False) -> Aligned:
    """A small comparison; every seed gives another one."""
    rng = np.random.default_rng(seed)
    images, classes = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    return Aligned(
        Images(tuple(f"{i}.jpg" for i in range(images)), np.full((images, 2), 400)),
        Categories(tuple(f"class {k}" for k in range(classes))),
        side(rng, int(rng.integers(0, 30)), images, classes, truth=True, people=people),
        side(rng, int(rng.integers(0, 150)), images, classes, truth=False, people=people),
        (),
    )
