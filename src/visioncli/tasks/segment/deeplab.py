"""DeepLab's input and output: picture to network input, logits to a class for each pixel.

The network answers on a grid of every eighth input pixel. Logits, not classes, are enlarged to the picture's
size, so that edges come out smooth; the enlargement is bilinear between cell centres, which at the network's
own input size is the original network's "align corners" resize.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncli.pictures import planes

STRIDE = 8

RAMP = 1.0
"""Logits from the border of the foreground to where it is fully opaque or fully transparent."""

# Pixels whose logits are enlarged at once; bounds the working memory to a few megabytes a class.
_BLOCK = 1 << 18


def input_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width (each 8 k + 1) of an input in the picture's shape, of about `size` * `size` pixels.

    Keeping the shape finds more than squashing to a square, at the same cost.
    """
    stretch = (height / width) ** 0.5

    def side(length: float) -> int:
        return max(1, round((length - 1) / STRIDE)) * STRIDE + 1

    return side(size * stretch), side(size / stretch)


def preprocess(image: Image.Image, size: int | tuple[int, int]) -> NDArray[np.float32]:
    """A picture of mode RGB -> (3, h, w) float32 of -1 to 1, resized with a bilinear filter.

    `size` is (h, w), or one number for both.
    """
    height, width = (size, size) if isinstance(size, int) else size
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    x = planes(resized)
    x /= np.float32(127.5)
    x -= np.float32(1)
    return x


def resize_logits(logits: NDArray[np.float32], height: int, width: int, stride: int = STRIDE) -> NDArray[np.uint8]:
    """The class of each pixel, (height, width) uint8: argmax over the enlarged (classes, h, w) logits.

    `stride` is the number of input pixels from cell to cell; at 1 the cells tile the picture.

    The whole enlarged array is never held: rows are done in blocks, and classes that cannot win anywhere in a
    block are left out, so a 12-megapixel picture needs some tens of megabytes.
    """
    logits = np.asarray(logits, dtype=np.float32)
    top, bottom, down = _neighbours(height, logits.shape[1], stride)
    left, right, across = _neighbours(width, logits.shape[2], stride)
    able = _able_to_win(logits)
    classes = np.empty((height, width), np.uint8)
    start = 0
    while start < height:
        stop = min(height, start + max(1, _BLOCK // width))
        # Blocks end where the cell row changes, so that few classes can win in each.
        stop = start + int(np.searchsorted(top[start:stop], top[start], side="right"))
        winners = np.flatnonzero(able[:, top[start]]).astype(np.uint8)
        if winners.size == 1:
            classes[start:stop] = winners[0]
        else:
            rows = logits[winners][:, [top[start], bottom[start]]]
            wide = rows[:, :, left] * (1 - across) + rows[:, :, right] * across
            classes[start:stop] = winners[_argmax(wide[:, 0], wide[:, 1], down[start:stop])]
        start = stop
    return classes


def enlarge(logits: NDArray[np.float32], height: int, width: int, stride: int = STRIDE) -> NDArray[np.float32]:
    """(classes, h, w) logits at each of height x width pixels, as `resize_logits` compares them, in a new array."""
    logits = np.asarray(logits, dtype=np.float32)
    if stride == 1 and logits.shape[1:] == (height, width):
        return logits.copy()
    top, bottom, down = _neighbours(height, logits.shape[1], stride)
    left, right, across = _neighbours(width, logits.shape[2], stride)
    wide = logits[:, :, left] * (1 - across) + logits[:, :, right] * across
    large: NDArray[np.float32] = wide[:, bottom]
    large -= (lower := wide[:, top])
    large *= down[:, None]
    large += lower
    return large


def resize_alpha(
    logits: NDArray[np.float32], height: int, width: int, background: int = 0, stride: int = STRIDE
) -> NDArray[np.uint8]:
    """How much a pixel is not background, (height, width) uint8 of 0 to 255, for (classes, h, w) logits.

    128 where the best other class and the background are equal, and a ramp of `RAMP` logits to either side: edges
    come out smooth, and what is clearly background leaves no haze. Enlarged like the logits of `resize_logits`.
    """
    others = np.delete(logits, background, axis=0).max(axis=0)
    margin = others - logits[background]
    top, bottom, down = _neighbours(height, logits.shape[1], stride)
    left, right, across = _neighbours(width, logits.shape[2], stride)
    wide = margin[:, left] * (1 - across) + margin[:, right] * across
    alpha = np.empty((height, width), np.uint8)
    step = max(1, _BLOCK // width)
    for start in range(0, height, step):
        rows = slice(start, start + step)
        share = down[rows, None]
        enlarged = wide[top[rows]] * (1 - share) + wide[bottom[rows]] * share
        alpha[rows] = np.rint(255 * np.clip(0.5 + enlarged / (2 * RAMP), 0, 1))
    return alpha


def _neighbours(
    length: int, cells: int, stride: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of `length` pixels: the cells around its centre, and how far it is towards the second."""
    span = (cells - 1) * stride + 1
    at = ((np.arange(length) + 0.5) * (span / length) - 0.5) / stride
    at = at.clip(0, cells - 1)
    before = np.minimum(at.astype(np.intp), max(cells - 2, 0))
    after = np.minimum(before + 1, cells - 1)
    return before, after, (at - before).astype(np.float32)


def _able_to_win(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which classes of (classes, h, w) may be highest somewhere between a row of cells and the next, (classes, h).

    Between four cells a class is a weighted mean of its values there; so it cannot win where another class,
    here the best one on average, is higher at all four.
    """
    classes, height, width = logits.shape
    able = np.empty((classes, height), np.bool_)
    step = max(1, _BLOCK // (classes * width))
    for start in range(0, height, step):
        # The last row, like the last column, is its own neighbour.
        rows = logits[:, start : start + step + 1]
        count = min(step, height - start)
        pairs = (
            rows[:, :count],
            rows[:, 1:] if rows.shape[1] > count else np.concatenate((rows[:, 1:], rows[:, -1:]), 1),
        )
        corners = np.stack(
            [part for pair in pairs for part in (pair[..., : max(width - 1, 1)], pair[..., -max(width - 1, 1) :])]
        )
        best = corners.sum(axis=0).argmax(axis=0)
        rival = np.take_along_axis(corners, best[None, None], axis=1)
        able[:, start : start + count] = (corners >= rival).any(axis=(0, 3))
    return able


def _argmax(upper: NDArray[np.float32], lower: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Which class is highest, (rows, width), between two rows of (classes, width); the first of equals."""
    share = down[:, None]
    highest = upper[0] * (1 - share) + lower[0] * share
    winner = np.zeros(highest.shape, np.uint8)
    for i in range(1, len(upper)):
        value = upper[i] * (1 - share) + lower[i] * share
        better = value > highest
        winner[better] = i
        np.copyto(highest, value, where=better)
    return winner
