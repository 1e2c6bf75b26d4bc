"""Pictures of any size through a network that makes pictures: whole where they fit, else in overlapping tiles.

Networks of styles normalise by the picture's own means and variances. Tiles get those of the whole picture, reduced
(Chen et al., 2021, https://arxiv.org/abs/2103.11784), so that they fit together; what a tile's border spoils lies in
a margin that is cut off, and the rest of what two tiles share is blended.
"""

import math

import numpy as np
from PIL import Image

from visioncli.tasks.detect.tiles import Tiling
from visioncli.tasks.stylize.interface import Painter

WHOLE = 1024 * 1024
"""Pixels up to which a picture is painted at once, and to which larger ones are reduced to be seen as a whole."""
AUTO = Tiling(768, 0.25)
"""Tiles of larger pictures where none are asked for."""


def painted(painter: Painter, image: Image.Image, tiling: Tiling | None = None) -> np.ndarray:
    """The picture (mode RGB) as the network paints it, `(H, W, 3) uint8`, of the same size.

    With `tiling` every picture that is larger than a tile is painted in tiles of that size.
    """
    width, height = image.size
    most = WHOLE if painter.at_once is None else min(WHOLE, painter.at_once**2)
    usual = AUTO if painter.at_once is None else Tiling(min(AUTO.size, painter.at_once), AUTO.overlap)
    whole_size = most if tiling is None else tiling.size**2
    if width * height <= whole_size:
        answer, _ = painter.look(_fitted(np.asarray(image, np.float32) / 255, painter))
        return _bytes(answer[:height, :width])
    scale = math.sqrt(most / (width * height))
    small = image
    if scale < 1:
        small = image.resize(
            (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX, reducing_gap=2.0
        )
    _, seen = painter.look(_fitted(np.asarray(small, np.float32) / 255, painter))
    del small
    return _in_tiles(painter, np.asarray(image), seen, tiling or usual)


def _in_tiles(painter: Painter, pixels: np.ndarray, seen: object, tiling: Tiling) -> np.ndarray:
    height, width, _ = pixels.shape
    pixels = _fitted(pixels, painter)
    rows, columns = (_cut(length, tiling, painter) for length in pixels.shape[:2])
    answer = np.empty(pixels.shape, np.uint8)
    begun = np.zeros((0, pixels.shape[1], 3), np.float32)
    for y, y_done, down in rows:
        band = np.zeros((len(down), pixels.shape[1], 3), np.float32)
        band[: len(begun)] = begun
        for x, _, across in columns:
            part = pixels[y : y + len(down), x : x + len(across)].astype(np.float32)
            part /= 255
            painting = np.clip(painter.paint(part, seen), 0, 1)
            painting *= (down[:, None] * across)[:, :, None]
            band[:, x : x + len(across)] += painting
        answer[y:y_done] = _bytes(band[: y_done - y])
        begun = band[y_done - y :].copy()
    return answer[:height, :width]


def _cut(length: int, tiling: Tiling, painter: Painter) -> list[tuple[int, int, np.ndarray]]:
    """Of each tile along one side: where it begins, up to where the answer is complete once it is painted, and its
    weight at each of its pixels. Weights add up to 1 everywhere."""
    step = painter.step
    size = max(tiling.size // step * step, step)
    starts = sorted({start // step * step for start in Tiling(size, tiling.overlap).starts(length)})
    ends = [min(start + size, length) for start in starts[:-1]] + [length]
    weights = []
    for n, (start, end) in enumerate(zip(starts, ends, strict=True)):
        before = ends[n - 1] - start if n else 0
        after = end - starts[n + 1] if n + 1 < len(starts) else 0
        weights.append(_rise(end - start, before, painter.reach) * _rise(end - start, after, painter.reach)[::-1])
    total = np.zeros(length)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + len(weight)] += weight
    return [
        (start, done, (weight / total[start : start + len(weight)]).astype(np.float32))
        for start, done, weight in zip(starts, [*starts[1:], length], weights, strict=True)
    ]


def _rise(size: int, shared: int, reach: int) -> np.ndarray:
    """From 0 to 1 over the first `shared` of `size` pixels: as good as 0 over the margin that the border spoils, and
    without a kink over the rest. Never 0, so that tiles without enough in common still add up to something."""
    t = np.ones(size)
    margin = min(reach, max(0, (shared - 1) // 2))
    between = shared - 2 * margin
    if shared:
        t[: shared - margin] = (np.arange(shared - margin) - margin + 0.5) / between
    t = t.clip(0, 1)
    risen: np.ndarray = np.maximum(t * t * (3 - 2 * t), 1e-9)
    return risen


def _fitted(pixels: np.ndarray, painter: Painter) -> np.ndarray:
    """Continued by its mirror image to what the network takes."""
    more = [max(painter.least, -(-side // painter.step) * painter.step) - side for side in pixels.shape[:2]]
    if not any(more):
        return pixels
    # NumPy mirrors again and again where a picture is smaller than what is missing.
    return np.pad(pixels, ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric")


def _bytes(answer: np.ndarray) -> np.ndarray:
    scaled = np.clip(answer, 0, 1) * 255
    scaled += 0.5
    whole: np.ndarray = scaled.astype(np.uint8)
    return whole
