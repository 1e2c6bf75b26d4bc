"""From a picture to what the embedded SSD takes, and from what it gives to boxes in pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncli.networks.anchors import decode_boxes, ssd_anchors
from visioncli.tasks.detect.nms import batched_nms
from visioncli.tasks.detect.scores import scored

SIZE = 300
# How many times larger than the network's input the shorter side may be before it is first averaged down.
_COARSEST = 2
# A divisor of SIZE. What is computed of so few rows stays in the processor's cache.
_ROWS_AT_ONCE = 30


def preprocess(image: Image.Image) -> NDArray[np.float32]:
    """Return a picture of mode RGB as the network's input (3, 300, 300) float32 in [-1, 1].

    The sides are scaled separately and bilinearly, without smoothing, as in the network's training; the
    arithmetic is that of OpenCV's INTER_LINEAR for 8-bit pictures, bit for bit. A picture whose shorter side
    is 1200 pixels or more is first averaged in whole blocks, for four pixels out of hundreds would be noise.
    """
    width, height = image.size
    block = max(min(height, width) // (_COARSEST * SIZE), 1)
    rgb = np.asarray(image.reduce(block) if block > 1 else image)
    rows, next_rows, down = _taps(height / block, rgb.shape[0])
    columns, next_columns, across = _taps(width / block, rgb.shape[1])
    to_next = across.repeat(3)
    weights = down[:, None]
    x = np.empty((3, SIZE, SIZE), np.float32)
    for start in range(0, SIZE, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        lines = rgb.take(np.concatenate((rows[part], next_rows[part])), axis=0)
        # Scaled across: channels interleaved, in 2048ths of a grey level.
        mixed = lines.take(columns, axis=1).reshape(len(lines), -1).astype(np.int32)
        mixed *= _ONE - to_next
        after = lines.take(next_columns, axis=1).reshape(len(lines), -1).astype(np.int32)
        after *= to_next
        mixed += after
        # Then down, in quarters of a grey level; low bits are cut off where OpenCV does to stay in 32 bits.
        mixed >>= 4
        above, below = mixed[:_ROWS_AT_ONCE], mixed[_ROWS_AT_ONCE:]
        above *= _ONE - weights[part]
        below *= weights[part]
        mixed >>= 16
        above += below
        above += 2
        above >>= 2
        x[:, part] = above.reshape(_ROWS_AT_ONCE, SIZE, 3).transpose(2, 0, 1)
    x /= np.float32(127.5)
    x -= np.float32(1)
    return x


# OpenCV's weights are whole 2048ths.
_ONE = 2048


def _taps(length: float, available: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Return for each of 300 outputs the pixel before, the pixel after, and the latter's weight in 2048ths.

    `length` is the side in source pixels, a fraction where averaging left a last pixel that stands for fewer.
    """
    at = ((np.arange(SIZE) + 0.5) * (length / SIZE) - 0.5).astype(np.float32)
    before = np.floor(at)
    weights = np.rint((at - before) * np.float32(_ONE)).astype(np.int32)
    first = before.astype(np.intp)
    return np.clip(first, 0, available - 1), np.clip(first + 1, 0, available - 1), weights


def postprocess(
    codes: NDArray[Any],
    logits: NDArray[Any],
    width: int,
    height: int,
    *,
    score: float,
    iou: float,
    most: int,
    classes: frozenset[int] | None = None,
    agnostic: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return boxes (K, 4) float32 x1, y1, x2, y2 in pixels, scores (K,) float32 and label ids (K,) int64.

    `codes` (1917, 4) and `logits` (1917, 91) are the network's answer for one picture of `width` by `height`
    pixels. Kept are scores of at least `score` and, where given, the label ids in `classes`; then non-maximum
    suppression at `iou` leaves at most `most`, best first. With `agnostic`, boxes of different labels
    suppress each other too.
    """
    anchor, labels, scores = scored(logits, score)
    sides = np.array([width, height, width, height], np.float32)
    boxes = np.clip(decode_boxes(codes, ssd_anchors()) * sides, 0, sides)
    # Boxes that lie outside the picture have become lines or points. Label 0 is the background.
    wanted = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)[anchor] & (scores >= score) & (labels != 0)
    if classes is not None:
        wanted &= np.isin(labels, list(classes))
    found, found_scores, labels = boxes[anchor[wanted]], scores[wanted], labels[wanted]
    keep = batched_nms(found, found_scores, labels, iou, most, agnostic=agnostic)
    return found[keep], found_scores[keep], labels[keep].astype(np.int64)
