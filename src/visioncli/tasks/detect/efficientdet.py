"""From a picture to what EfficientDet takes, and from what it gives to boxes in pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncli.models.row import InputSpec
from visioncli.networks.anchors import decode_boxes, efficientdet_anchors
from visioncli.tasks.detect.nms import batched_nms
from visioncli.tasks.detect.scores import scored
from visioncli.tasks.preprocess import INTERPOLATION, normalise

GREY = 127
"""Beside and below the picture, as in the network's training: the middle of what it takes."""
_NO_SCALES = (1.0, 1.0)


def preprocess(image: Image.Image, spec: InputSpec) -> NDArray[np.float32]:
    """Return a picture of mode RGB as the network's input (3, S, S) float32: its longer side resized to S, at the top
    left of a grey square."""
    scale = spec.size / max(image.size)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = image.resize(inner, INTERPOLATION[spec.interpolation])
    if inner != (spec.size, spec.size):
        framed = Image.new("RGB", (spec.size, spec.size), (GREY,) * 3)
        framed.paste(canvas)
        canvas = framed
    return normalise(canvas, spec)


def mirrored(x: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Return what `preprocess` gives for the mirror image of a picture of that size, from what it gave for the
    picture: without grey beside it the same array, mirrored."""
    inner = max(1, round(width * (x.shape[2] / max(width, height))))
    turned = x.copy()
    turned[..., :inner] = x[..., :inner][..., ::-1]
    return turned


def postprocess(
    codes: NDArray[Any],
    logits: NDArray[Any],
    width: int,
    height: int,
    *,
    size: int,
    score: float,
    iou: float,
    most: int,
    classes: frozenset[int] | None = None,
    agnostic: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return boxes (K, 4) float32 x1, y1, x2, y2 in pixels, scores (K,) float32 and label ids (K,) int64, COCO's.

    `codes` (A, 4) and `logits` (A, 90) are the network's answer for one picture of `width` by `height` pixels, at an
    input of `size` pixels. Kept are scores of at least `score` and, where given, the label ids in `classes`; then
    non-maximum suppression at `iou` leaves at most `most`, best first. With `agnostic`, boxes of different labels
    suppress each other too.
    """
    anchor, columns, scores = scored(logits, score)
    labels = columns + 1
    wanted = scores >= score
    if classes is not None:
        wanted &= np.isin(labels, list(classes))
    anchor, scores, labels = anchor[wanted], scores[wanted], labels[wanted]
    relative = decode_boxes(codes[anchor], efficientdet_anchors(size)[anchor], _NO_SCALES)
    sides = np.array([width, height, width, height], np.float32)
    boxes = np.clip(relative * np.float32(max(width, height)), 0, sides)
    # Boxes that lie beside the picture have become lines or points.
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes, scores, labels = boxes[inside], scores[inside], labels[inside]
    keep = batched_nms(boxes, scores, labels, iou, most, agnostic=agnostic)
    return boxes[keep], scores[keep], labels[keep].astype(np.int64)
