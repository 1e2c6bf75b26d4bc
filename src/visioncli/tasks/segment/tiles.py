"""Large pictures in overlapping tiles, whose logits are blended into one map.

A tile counts for less the nearer its border is, where the network sees less of what is around. No more is held of the
blended logits than the strips that tiles share with those that are still to come.
"""

from collections.abc import Callable

import numpy as np

from visioncli.tasks.detect.tiles import Tiling, Window

AUTO = Tiling(512, 0.25)
"""Tiles of pictures that a network takes as large as they are, where none are asked for."""
LARGE = 1024 * 1024
"""Pixels beyond which such pictures are taken in tiles."""


def blend(
    tiling: Tiling,
    width: int,
    height: int,
    logits_of: Callable[[Window], np.ndarray],
    read: Callable[[np.ndarray, int, int], np.ndarray],
) -> np.ndarray:
    """A map of the whole picture, `(height, width) uint8`.

    `logits_of` a window are its logits, `(C, h, w) float32` as large as the window; they are changed. `read` makes of
    the blended logits `(C, h, w)` of a part, and of its h and w, that part of the map, `(h, w) uint8`.
    """
    columns, rows = (_cut(tiling.starts(n), min(tiling.size, n), n) for n in (width, height))
    answer = np.empty((height, width), np.uint8)
    above: np.ndarray | None = None
    for y, y_done, down in rows:
        below: np.ndarray | None = None
        beside: np.ndarray | None = None
        for x, x_done, across in columns:
            logits = logits_of((x, y, x + len(across), y + len(down)))
            logits *= down[:, None] * across
            if beside is not None:
                logits[:, :, : beside.shape[2]] += beside
            done = logits[:, :, : x_done - x]
            if above is not None:
                done[:, : above.shape[1]] += above[:, :, x:x_done]
            answer[y:y_done, x:x_done] = read(done[:, : y_done - y], y_done - y, x_done - x)
            beside = logits[:, :, x_done - x :].copy()
            if y_done < height:
                if below is None:
                    below = np.empty((len(logits), len(down) - (y_done - y), width), np.float32)
                below[:, :, x:x_done] = done[:, y_done - y :]
        above = below
    return answer


def _cut(starts: list[int], size: int, length: int) -> list[tuple[int, int, np.ndarray]]:
    """Of each tile along one side: where it begins, where the next one does, and its weight at each of its pixels.

    Weights rise over what two tiles share, without a kink, and add up to 1 everywhere.
    """
    ends = [*starts[1:], length]
    weights = []
    for n, start in enumerate(starts):
        before = starts[n - 1] + size - start if n else 0
        after = start + size - ends[n] if n + 1 < len(starts) else 0
        weights.append(_rise(size, before) * _rise(size, after)[::-1])
    total = np.zeros(length)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + size] += weight
    return [
        (start, end, (weight / total[start : start + size]).astype(np.float32))
        for start, end, weight in zip(starts, ends, weights, strict=True)
    ]


def _rise(size: int, shared: int) -> np.ndarray:
    """From 0 to 1 over the first `shared` of `size` pixels."""
    t = np.ones(size)
    t[:shared] = (np.arange(shared) + 0.5) / max(shared, 1)
    risen: np.ndarray = t * t * (3 - 2 * t)
    return risen
