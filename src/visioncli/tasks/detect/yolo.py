"""From a picture to what YOLOv3 takes, and from what it gives to boxes in pixels (section 2.1 of the paper)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncli.engines.interface import Engine
from visioncli.models.labels import load_labels
from visioncli.models.row import InputSpec, ModelRow
from visioncli.networks.anchors import YOLO_ANCHORS
from visioncli.tasks.detect.detectors import Boxes, Detector, Limits
from visioncli.tasks.detect.nms import batched_nms
from visioncli.tasks.detect.scores import least_logit
from visioncli.tasks.preprocess import INTERPOLATION, normalise

GREY = 128
"""Around the picture, as in Darknet: .5 of 1."""

Anchors = Sequence[Sequence[tuple[int, int]]]
"""Width and height of each map's anchors, in pixels of the input."""


def preprocess(image: Image.Image, spec: InputSpec) -> NDArray[np.float32]:
    """A picture of mode RGB -> `(3, S, S) float32`: in its own shape, in the middle of a grey square."""
    left, top, width, height = frame(*image.size, spec.size)
    framed = Image.new("RGB", (spec.size, spec.size), (GREY,) * 3)
    framed.paste(image.resize((width, height), INTERPOLATION[spec.interpolation]), (left, top))
    return normalise(framed, spec)


def frame(width: int, height: int, size: int) -> tuple[int, int, int, int]:
    """Where a picture of such a size lies in the square that the network takes: left, top, width, height."""
    scale = size / max(width, height)
    inner_width, inner_height = max(1, int(width * scale)), max(1, int(height * scale))
    return (size - inner_width) // 2, (size - inner_height) // 2, inner_width, inner_height


def decode(
    maps: Sequence[NDArray[np.float32]], anchors: Anchors, size: int, score: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Boxes `(K, 4)` x1 y1 x2 y2 in pixels of the input, scores `(K,)` and class numbers `(K,)`.

    `maps` are the network's `(3 (5 + C), h, w)` for one picture. A box may count for several classes: there is one
    entry for each whose score, which is its sigmoid times that of the objectness, is at least `score`.
    """
    parts = [_decode(one, sizes, size, score) for one, sizes in zip(maps, anchors, strict=True)]
    boxes, scores, classes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return boxes, scores, classes


def _decode(
    one: NDArray[np.float32], anchors: Sequence[tuple[int, int]], size: int, score: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    height, width = one.shape[1:]
    cells = one.reshape(len(anchors), -1, height, width)
    # No score is above its objectness: of most places nothing else needs to be looked at.
    n, row, column = np.nonzero(cells[:, 4] >= least_logit(score))
    found = cells[n, :, row, column]
    scores = _sigmoid(found[:, 5:]) * _sigmoid(found[:, 4:5])
    box, classes = np.nonzero(scores >= score)
    centre = (_sigmoid(found[:, :2]) + np.stack([column, row], 1)) * np.array([size / width, size / height])
    with np.errstate(over="ignore"):
        half = np.exp(np.minimum(found[:, 2:4], _WIDEST)) * np.array(anchors, np.float32)[n] / 2
    boxes = np.concatenate([centre - half, centre + half], 1).astype(np.float32)
    return boxes[box], scores[box, classes].astype(np.float32), classes


_WIDEST = 20.0
"""Of the logarithm of a size in anchors: e ** 20 of them are beyond any picture."""


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        y: NDArray[np.float32] = np.reciprocal(1 + np.exp(-x))
    return y


class YoloDetector(Detector):
    """YOLOv3 and YOLOv3-tiny: every picture is framed in grey."""

    def __init__(self, row: ModelRow, engine: Engine) -> None:
        self._engine, self._spec = engine, row.input
        self.parallel = engine.parallel
        self._anchors = YOLO_ANCHORS[row.architecture.split(":")[1]]
        # Classes come in the order of their category ids, of which COCO's have gaps.
        self._ids = np.array(sorted(load_labels(row.labels)), np.int64)

    def prepare(self, image: Image.Image) -> np.ndarray:
        return preprocess(image, self._spec)

    def detect(self, inputs: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        maps = self._engine.run(np.stack(inputs))
        return [self._one([one[n] for one in maps], size, limits) for n, size in enumerate(sizes)]

    def _one(self, maps: Sequence[np.ndarray], size: tuple[int, int], limits: Limits) -> Boxes:
        boxes, scores, classes = decode(maps, self._anchors, self._spec.size, limits.score)
        labels = self._ids[classes]
        if limits.classes is not None:
            wanted = np.isin(labels, list(limits.classes))
            boxes, scores, labels = boxes[wanted], scores[wanted], labels[wanted]
        width, height = size
        left, top, inner_width, inner_height = frame(width, height, self._spec.size)
        boxes = (boxes - np.array([left, top] * 2)) * np.array([width / inner_width, height / inner_height] * 2)
        boxes = np.clip(boxes, 0, np.array([width, height] * 2)).astype(np.float32)
        # What lay in the frame around the picture has become lines.
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores, labels = boxes[inside], scores[inside], labels[inside]
        kept = batched_nms(boxes, scores, labels, limits.iou, limits.most, agnostic=limits.agnostic)
        return Boxes(boxes[kept], scores[kept], labels[kept])
