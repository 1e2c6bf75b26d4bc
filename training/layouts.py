"""Captioned layouts, and detections as SSD MobileNet v2 would have made them from the true objects."""

import json
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from visioncli.tasks.caption.beam_search import INPUT_SCORE, ObjectFeatures, object_features
from visioncli.tasks.caption.words import tokenise

FloatArray = npt.NDArray[np.float64]

# Measured on 40 COCO val2017 pictures with the real network: the logit of the score that an object gets,
# on average, against its share of the picture's area (objects under 0.1 % are never found).
AREA = np.log2([0.0005, 0.0014, 0.0032, 0.007, 0.015, 0.03, 0.07, 0.15, 1.0])
LOGIT = np.array([-6.0, -3.7, -2.5, -1.9, -1.4, -0.3, 0.7, 2.3, 2.1])
PICTURE_SPREAD, OBJECT_SPREAD = 1.0, 2.0

HARDER = {
    89: 3,
    80: 2,
    31: 1.5,
    27: 1.2,
    84: 0.8,
    50: 1,
    49: 1,
    48: 0.5,
    90: 1,
    75: 0.5,
    77: 0.5,
    39: 0.7,
    36: 0.8,
}
HARDER |= {53: 0.8, 57: 0.5, 64: 0.3, 67: 0.3, 62: 0.5, 15: 0.5, 10: 0.5, 35: 0.3, 33: 0.3, 38: -0.3, 1: -0.7}
HARDER |= {
    17: -0.5,
    18: -0.2,
    23: -0.8,
    7: -0.8,
    25: -0.8,
    24: -0.8,
    5: -0.8,
    6: -0.5,
    70: -0.5,
    22: -0.8,
    59: -0.4,
}

SUPERCATEGORIES = [
    [2, 3, 4, 6, 7, 8], [5, 9, 16, 38], [10, 11, 13, 14, 15], [16, 17, 18, 19, 20, 21, 23], [22, 24, 25, 19],
    [27, 31, 33, 28, 32], [34, 35, 36, 37, 41, 42], [39, 40, 43], [44, 46, 47, 51, 86], [48, 49, 50],
    [52, 53, 55, 56, 57], [54, 58, 59, 60, 61], [62, 63, 65, 15], [64, 86], [67, 65], [70, 81],
    [72, 73, 76, 74], [75, 77], [78, 79, 80, 82], [84, 85, 87], [88, 18, 23], [89, 90], [1],
]  # fmt: skip


class Layout(NamedTuple):
    """A captioned picture: boxes (N, 4) x1 y1 x2 y2 in pixels, COCO category ids, tokenised captions."""

    image_id: int
    width: int
    height: int
    boxes: FloatArray
    label_ids: npt.NDArray[np.int64]
    captions: list[list[str]]


class Detector(NamedTuple):
    """What a detector makes of true objects.

    The logit of a found object's score is `slope` times what `AREA` and `LOGIT` say, plus `shift`. `doubles`
    are further boxes for each found object, `strangers` detections of classes that are not there for each
    picture; `double_score` and `strange_score` are their mean scores above `INPUT_SCORE`.
    """

    slope: float = 1.0
    shift: float = 0.0
    doubles: float = 0.7
    double_score: float = 0.13
    strangers: float = 0.75
    strange_score: float = 0.18


SSD = Detector(0.93, -0.64, 0.85, 0.19, 1.1, 0.15)
MIRRORED = Detector(0.81, -0.75, 0.77, 0.14, 0.86, 0.15)
FUSED = Detector(0.66, -0.78, 0.58, 0.06, 0.75, 0.06)
"""`ssd_mobilenet_v2` alone, with its mirror image, and with `efficientdet_lite0`: fitted to what each found in 40
COCO val2017 pictures (right boxes, doubles, strangers and right classes above scores of 0.2 to 0.7)."""

DETECTORS = (SSD, MIRRORED, MIRRORED, FUSED)
"""What training draws from."""


class Detections(NamedTuple):
    """Boxes (N, 4) x1 y1 x2 y2 in pixels, scores (N,), COCO category ids (N,)."""

    boxes: FloatArray
    scores: FloatArray
    label_ids: npt.NDArray[np.int64]


def read_layouts(path: Path, captions: Path | None = None) -> list[Layout]:
    """Layouts from JSON Lines (objects and captions a line), or from COCO instances and captions JSON."""
    if captions is None:
        records = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        return [_layout(r["image_id"], r["width"], r["height"], r["objects"], r["captions"]) for r in records]
    instances = json.loads(path.read_text("utf-8"))
    objects, told = defaultdict(list), defaultdict(list)
    for annotation in instances["annotations"]:
        objects[annotation["image_id"]].append(annotation)
    for annotation in json.loads(captions.read_text("utf-8"))["annotations"]:
        told[annotation["image_id"]].append(annotation["caption"])
    return [
        _layout(i["id"], i["width"], i["height"], objects[i["id"]], told[i["id"]])
        for i in instances["images"]
        if told[i["id"]]
    ]


def _layout(
    image_id: int, width: int, height: int, objects: Sequence[dict[str, object]], captions: Sequence[str]
) -> Layout:
    boxes = np.array([o["bbox"] for o in objects], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    labels = np.array([o["category_id"] for o in objects], np.int64)
    return Layout(image_id, width, height, boxes, labels, [tokenise(c) for c in captions])


def held_out(layout: Layout, share: float) -> bool:
    """Whether a picture belongs to the validation split: decided by its id alone, so no run can mix them."""
    return zlib.crc32(str(layout.image_id).encode()) % 1000 < share * 1000


def detect(layout: Layout, random: np.random.Generator, detector: Detector = Detector()) -> Detections:  # noqa: B008
    """One plausible output of the detector: misses, moved boxes, doubles, strangers, and honest scores.

    Small objects are mostly missed, classes that are hard for the real network more often.
    """
    scale = np.array([layout.width, layout.height] * 2, np.float64)
    boxes = layout.boxes / scale
    labels = layout.label_ids
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    logit = np.interp(np.log2(np.maximum(area, 1e-6)), AREA, LOGIT)
    logit -= np.array([HARDER.get(int(label), 0.0) for label in labels])
    logit += random.normal(0, PICTURE_SPREAD) + random.normal(0, OBJECT_SPREAD, len(labels))
    scores = np.where(area < 0.0002, 0, 1 / (1 + np.exp(-detector.slope * logit - detector.shift)))
    found = scores >= INPUT_SCORE
    real = _jitter(boxes[found], 0.06, random)
    kept, kept_scores = labels[found], np.minimum(scores[found], 0.999)
    twice = np.repeat(np.arange(len(kept)), random.poisson(detector.doubles, len(kept)))
    doubles = _jitter(boxes[found][twice], 0.25, random)
    double_scores = np.minimum(_low_scores(len(twice), detector.double_score, random), kept_scores[twice])
    strange_boxes, strange = _strangers(boxes, labels, detector.strangers, random)
    return Detections(
        np.clip(np.concatenate([real, doubles, strange_boxes]), 0, 1) * scale,
        np.concatenate([kept_scores, double_scores, _low_scores(len(strange), detector.strange_score, random)]),
        np.concatenate([kept, kept[twice], strange]),
    )


def _jitter(boxes: FloatArray, amount: float, random: np.random.Generator) -> FloatArray:
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + size * random.normal(0, amount, boxes.shape)


def _low_scores(count: int, spread: float, random: np.random.Generator) -> FloatArray:
    return np.minimum(INPUT_SCORE + random.exponential(spread, count), 0.8)


def _strangers(
    boxes: FloatArray, labels: npt.NDArray[np.int64], count: float, random: np.random.Generator
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    found_boxes, found = [], []
    for _ in range(random.poisson(count)):
        if len(labels) and random.random() < 0.75:
            weights = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + 1e-3
            host = random.choice(len(labels), p=weights / weights.sum())
            groups = [g for g in SUPERCATEGORIES if labels[host] in g]
            group = groups[random.integers(len(groups))] if groups else [1]
            found.append(int(random.choice(group)))
            found_boxes.append(_jitter(boxes[host : host + 1], 0.15, random)[0])
        else:
            group = SUPERCATEGORIES[random.integers(len(SUPERCATEGORIES))]
            found.append(int(random.choice(group)))
            size = 0.05 + 0.4 * random.random(2)
            corner = random.random(2) * (1 - size)
            found_boxes.append(np.concatenate([corner, corner + size]))
    return np.array(found_boxes, np.float64).reshape(-1, 4), np.array(found, np.int64)


def features(layout: Layout, seen: Detections) -> ObjectFeatures:
    """What the network reads of `seen`."""
    return object_features(seen.boxes, seen.scores, seen.label_ids, layout.width, layout.height)


def mirrored(layout: Layout) -> Layout:
    """The layout as in a mirror, without the captions that speak of left and right."""
    boxes = layout.boxes.copy()
    boxes[:, [0, 2]] = layout.width - boxes[:, [2, 0]]
    captions = [c for c in layout.captions if not {"left", "right"} & set(c)]
    return layout._replace(boxes=boxes, captions=captions) if captions else layout
