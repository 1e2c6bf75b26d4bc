"""Keypoints of several people: one square crop a detected person, run through a one-person network.

Which crops and averages are worth their time was measured by OKS average precision on COCO pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncli.tasks.pose.movenet import Square, preprocess, square_crop, unmirrored

# (N, 3, 192, 192) float32 of 0 to 255 -> (N, 17, 3) float32 of y, x, score relative to each crop.
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# COCO's per-keypoint constants: twice the standard deviation of annotators, relative to the person's scale.
OKS_SPREAD = 2 * np.array(
    (
        *[0.026, 0.025, 0.025, 0.035, 0.035],
        *[0.079, 0.079, 0.072, 0.072, 0.062, 0.062],
        *[0.107, 0.107, 0.087, 0.087, 0.089, 0.089],
    )
)

PERSON_ID = 1

# A person covers about this share of the own box, on average over COCO's annotations.
AREA_OF_BOX = 0.53

# Crops that go through the network together; bounds the memory that a crowd needs.
_BATCH = 8

# The first crop's side, and those of two more around box and sure keypoints, in sides of their boxes: boxes cut limbs
# off, so the first look is a wide one.
_FIRST = 1.4
_AROUND = (1.25, 1.6)

# Crops whose keypoint lies this near, in longer sides of the box, mean the same joint.
_SAME_JOINT = 0.1

# Further crops are worth taking around this many keypoints of at least this score.
_SURE_SCORE = 0.2
_SURE_KEYPOINTS = 4


class Pose(NamedTuple):
    """One person.

    `box` (4,) float32 x1, y1, x2, y2 as detected, `score` 0 to 1, `keypoints` (17, 3) float32 of x, y in
    pixels and score 0 to 1, in COCO's order. What has other keypoints than a person, and another `label_id`, was
    learned from data of the user's.
    """

    box: NDArray[np.float32]
    score: float
    keypoints: NDArray[np.float32]
    label_id: int = PERSON_ID


def find_keypoints(
    image: Image.Image,
    boxes: NDArray[np.float32],
    box_scores: NDArray[np.float32],
    network: Network,
    *,
    scale: float = _FIRST,
    flip: bool = True,
    second_pass: bool = True,
    duplicates: float = 0.6,
) -> list[Pose]:
    """The people of a picture, best first.

    `image` is of mode RGB; `boxes` (K, 4) float32 x1, y1, x2, y2 in pixels and `box_scores` (K,) of detected
    people. Each crop's side is `scale` times the longer side of its box. With `flip` the mean with the
    mirrored crop is taken. With `second_pass` two more crops around box and sure keypoints are looked at: the
    crop whose mean keypoint score is highest says where a joint is and how sure that is, and its place is the
    mean over the crops that agree, by score. Of people whose OKS exceeds `duplicates` the best remains. A
    person's score is that of the box times the mean keypoint score.
    """
    if not len(boxes):
        return []
    keypoints = _on_crops(image, boxes, network, scale, flip)
    if second_pass:
        again = np.flatnonzero([_is_sure(rows) for rows in keypoints])
        if again.size:
            around = np.stack([_box_around(keypoints[i], boxes[i]) for i in again])
            looks = [keypoints[again], *(_on_crops(image, around, network, side, flip) for side in _AROUND)]
            keypoints[again] = _agreed(np.stack(looks), (boxes[again, 2:] - boxes[again, :2]).max(axis=1))
    scores = box_scores * keypoints[:, :, 2].mean(axis=1)
    keep = oks_nms(keypoints, scores, boxes, duplicates)
    return [Pose(boxes[i].astype(np.float32), float(scores[i]), keypoints[i]) for i in keep]


def oks(
    keypoints: NDArray[np.float32], others: NDArray[np.float32], area: float | NDArray[np.floating]
) -> NDArray[np.float64]:
    """Object keypoint similarity, 0 to 1, of (17, 3) keypoints with each of (K, 17, 3); all 17 count.

    `area` is the person's in square pixels, one for all or one each. The formula is COCO's
    (cocodataset.org, keypoint evaluation).
    """
    squared = ((others[:, :, :2].astype(np.float64) - keypoints[None, :, :2]) ** 2).sum(axis=2)
    spread = 2 * OKS_SPREAD**2 * np.maximum(np.asarray(area, np.float64).reshape(-1, 1), 1.0)
    similarity: NDArray[np.float64] = np.exp(-squared / spread).mean(axis=1)
    return similarity


def oks_nms(
    keypoints: NDArray[np.float32],
    scores: NDArray[np.floating],
    boxes: NDArray[np.floating],
    threshold: float,
) -> list[int]:
    """Indices of the people to keep, best score first: none has an OKS above `threshold` with a better one.

    `keypoints` (K, 17, 3), `scores` (K,), `boxes` (K, 4) x1, y1, x2, y2; the scale of a pair of people is the
    mean of theirs.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = AREA_OF_BOX * sides[:, 0] * sides[:, 1]
    waiting = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while waiting.size:
        best, waiting = int(waiting[0]), waiting[1:]
        keep.append(best)
        alike = oks(keypoints[best], keypoints[waiting], (areas[best] + areas[waiting]) / 2)
        waiting = waiting[alike <= threshold]
    return keep


def _on_crops(
    image: Image.Image, boxes: NDArray[np.float32], network: Network, scale: float, flip: bool
) -> NDArray[np.float32]:
    """(K, 17, 3) x, y in pixels and score, one person a box."""
    found = []
    for start in range(0, len(boxes), _BATCH):
        crops = []
        squares = []
        for box in boxes[start : start + _BATCH]:
            crop, square = square_crop(image, box, scale)
            crops.append(preprocess(crop, Image.Resampling.BICUBIC))
            squares.append(square)
        found.append(_in_pixels(network, np.stack(crops), squares, flip))
    return np.concatenate(found)


def _in_pixels(
    network: Network, crops: NDArray[np.float32], squares: Sequence[Square], flip: bool
) -> NDArray[np.float32]:
    keypoints = network(crops)
    if flip:
        mirrored = unmirrored(network(np.ascontiguousarray(crops[..., ::-1])))
        keypoints = _mean(keypoints, mirrored)
    return np.stack([square.to_picture(rows) for square, rows in zip(squares, keypoints, strict=True)])


def _mean(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Positions averaged by score, so that a joint seen once only stays where it was seen."""
    a, b = first[..., 2:] + 1e-6, second[..., 2:] + 1e-6
    places = (first[..., :2] * a + second[..., :2] * b) / (a + b)
    return np.concatenate((places, (first[..., 2:] + second[..., 2:]) / 2), axis=-1)


def _agreed(looks: NDArray[np.float32], sides: NDArray[np.floating]) -> NDArray[np.float32]:
    """(C, K, 17, 3) keypoints of K people from C crops each -> (K, 17, 3); `sides` (K,) are those of their boxes."""
    surest = looks[..., 2].mean(axis=2).argmax(axis=0)
    best = looks[surest, np.arange(looks.shape[1])]
    away = np.linalg.norm(looks[..., :2] - best[None, ..., :2], axis=3) / np.maximum(sides, 1)[:, None]
    weights = np.where(away < _SAME_JOINT, looks[..., 2] + 1e-6, 0)[..., None]
    places = (looks[..., :2] * weights).sum(axis=0) / weights.sum(axis=0)
    return np.concatenate((places, best[..., 2:]), axis=2).astype(np.float32)


def _is_sure(keypoints: NDArray[np.float32]) -> bool:
    return int((keypoints[:, 2] > _SURE_SCORE).sum()) >= _SURE_KEYPOINTS


def _box_around(keypoints: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """The smallest box over `box` and the sure keypoints."""
    sure = keypoints[keypoints[:, 2] > _SURE_SCORE, :2]
    return np.concatenate((np.minimum(box[:2], sure.min(axis=0)), np.maximum(box[2:], sure.max(axis=0))))
