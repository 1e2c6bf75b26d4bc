"""Detectors of the user's own, as ONNX files, one picture at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from visioncli.engines.interface import Engine
from visioncli.errors import InputError
from visioncli.models.labels import load_labels
from visioncli.models.row import Layout, ModelRow
from visioncli.tasks.classify.scores import softmax
from visioncli.tasks.detect.detectors import Boxes, Detector, Limits
from visioncli.tasks.detect.torchvision import choose
from visioncli.tasks.preprocess import INTERPOLATION, normalise

GREY = 114
"""The frame around letterboxed pictures, as YOLO has it."""
_SHARES = 2.0
"""Coordinates up to here are shares of the input's sides: in pixels, all boxes would lie in one corner."""
CELL = 32
"""Sides of inputs of any size are multiples of this, the coarsest stride of common networks."""


class Frame(NamedTuple):
    """Where a picture lies in the network's input: scaled by `across` and `down`, then moved to `left`, `top`."""

    across: float
    down: float
    left: int
    top: int


def frame(width: int, height: int, layout: Layout) -> Frame:
    """Where a picture of that size lies in an input of that layout."""
    across, down = layout.width / width, layout.height / height
    if not layout.letterbox:
        return Frame(across, down, 0, 0)
    scale = min(across, down)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    return Frame(inner[0] / width, inner[1] / height, (layout.width - inner[0]) // 2, (layout.height - inner[1]) // 2)


class OnnxDetector(Detector):
    """A detector of any layout that `onnx_layouts` tells apart."""

    def __init__(self, row: ModelRow, engine: Engine) -> None:
        assert row.layout is not None
        self._engine, self._layout, self._spec = engine, row.layout, row.input
        self._known, self._has_gaps = frozenset(load_labels(row.labels)), row.labels == "coco"

    def prepare(self, image: Image.Image) -> np.ndarray:
        """`(3, H, W) float32`: the picture squashed to the input, or framed in it."""
        width, height = self._layout.width, self._layout.height
        at = frame(*image.size, self._layout)
        inner = (round(image.width * at.across), round(image.height * at.down))
        canvas = image.resize(inner, INTERPOLATION[self._spec.interpolation])
        if inner != (width, height):
            framed = Image.new("RGB", (width, height), (GREY,) * 3)
            framed.paste(canvas, (at.left, at.top))
            canvas = framed
        return normalise(canvas, self._spec)

    def detect(self, inputs: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        return [self._one(x, size, limits) for x, size in zip(inputs, sizes, strict=True)]

    def _one(self, x: np.ndarray, size: tuple[int, int], limits: Limits) -> Boxes:
        outputs = self._engine.run(x[None])
        boxes, scores, classes = read(
            [outputs[n] for n in self._layout.outputs], self._layout, max(limits.score, 1e-6)
        )
        labels = self._labels(classes)
        at = frame(*size, self._layout)
        sides = np.array([*size, *size], np.float32)
        boxes = (boxes - np.array([at.left, at.top] * 2)) / np.array([at.across, at.down] * 2)
        boxes = np.clip(boxes, 0, sides).astype(np.float32)
        # What lay in the frame around the picture has become lines.
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores, labels = boxes[inside], scores[inside].astype(np.float32), labels[inside]
        kept = choose(boxes, labels, scores, limits)
        return Boxes(boxes[kept], scores[kept], labels[kept])

    def _labels(self, classes: np.ndarray) -> np.ndarray:
        ids = self._layout.ids or range(max(self._known) + 1)
        found = set(classes.tolist())
        # Of COCO's 91 ids ten have no category: networks that were trained with them have outputs for those too.
        unknown = [n for n in found if n >= len(ids) or (ids[n] not in self._known and not self._has_gaps)]
        if unknown:
            raise nameless(min(unknown))
        labels: np.ndarray = np.array(ids, np.int64)[classes]
        return labels


def read(outputs: Sequence[np.ndarray], layout: Layout, score: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes `(K, 4)` x1 y1 x2 y2 in pixels of the input, scores `(K,)` and class numbers `(K,)` of one picture.

    Left out are those below `score`. Raises InputError where the numbers cannot be what the layout says.
    """
    if layout.style == "queries":
        boxes, scores, classes = _queries(outputs, layout.nothing)
    elif layout.style == "suppressed":
        rows = outputs[0].reshape(-1, outputs[0].shape[-1])
        boxes, scores, classes = rows[:, :4], rows[:, 4], rows[:, 5]
    elif layout.style == "lists":
        boxes, scores, classes = outputs[0].reshape(-1, 4), outputs[1].reshape(-1), outputs[2].reshape(-1)
    else:
        boxes, scores, classes = _anchors(outputs[0][0], layout)
    if len(scores) and not (scores.min() >= -0.001 and scores.max() <= 1.001):
        raise _odd("scores outside 0 to 1")
    if layout.style == "queries" or (len(boxes) and float(np.abs(boxes).max()) <= _SHARES):
        boxes = boxes * np.array([layout.width, layout.height] * 2)
    sure = scores >= score
    boxes, scores, classes = boxes[sure].astype(np.float64), scores[sure], classes[sure]
    if layout.style in ("suppressed", "lists"):
        if (classes < 0).any() or (classes != np.rint(classes)).any():
            raise _odd("classes that are no whole numbers")
        if (boxes[:, 2:] < boxes[:, :2]).any():
            raise _odd("boxes whose second corner comes before the first")
    return boxes, np.clip(scores, 0, 1), classes.astype(np.int64)


def _anchors(answer: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """YOLO's: a centre, a width and a height, then scores, of each place."""
    rows = answer.T if layout.style == "classes first" else answer
    if (rows[:, 2:4] < -1e-3).any():
        raise _odd("boxes of negative size, so that they seem not to be decoded")
    first = 5 if layout.style == "objectness" else 4
    # Behind the classes may stand what masks or joints are made of.
    scores = rows[:, first : first + layout.classes]
    if scores.min() < -0.001:
        raise _odd("scores below 0")
    best = scores.argmax(axis=1)
    highest = scores[np.arange(len(rows)), best]
    return _corners(rows[:, :4]), highest * rows[:, 4] if first == 5 else highest, best


def _queries(outputs: Sequence[np.ndarray], nothing: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """DETR's: logits, and boxes as shares of the input."""
    logits, boxes = outputs[0][0], outputs[1][0]
    scores = softmax(logits)[:, :-1] if nothing else 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    best = scores.argmax(axis=1)
    return _corners(boxes), scores[np.arange(len(scores)), best], best


def _corners(boxes: np.ndarray) -> np.ndarray:
    """Centre x, y, width, height -> x1, y1, x2, y2."""
    half = boxes[:, 2:4] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def nameless(number: int) -> InputError:
    return InputError(
        "prediction_failed",
        f"The network answers the class number {number}, which has no name. Give the names of all its classes with "
        "--labels FILE, one a line, from number 0 on.",
    )


def _odd(what: str) -> InputError:
    return InputError(
        "prediction_failed",
        f"The network's answer holds {what}. Export it with its own decoding (for YOLO, yolo export format=onnx), or "
        "so that it answers what the documentation of onnx:FILE lists.",
    )
