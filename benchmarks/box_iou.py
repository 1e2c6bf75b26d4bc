"""`python -m benchmarks.box_iou NAME N`: milliseconds for the IoU of N boxes with N others, the best of five.

Within one process, because the question is the function, not its import.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def boxes(count: int, seed: int) -> np.ndarray:
    """`(count, 4) float64` of x1, y1, x2, y2."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 1000, (count, 2))
    return np.concatenate((corners, corners + rng.uniform(5, 200, (count, 2))), axis=1)


def ours(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    from visioncli.geometry.boxes import pairwise

    return lambda: pairwise(a, b)


def torchvision(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    import torch
    from torchvision.ops import box_iou

    x, y = torch.from_numpy(a), torch.from_numpy(b)
    return lambda: box_iou(x, y)


def pycocotools(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    from pycocotools import mask

    x, y = (np.concatenate((n[:, :2], n[:, 2:] - n[:, :2]), axis=1) for n in (a, b))
    crowd = [0] * len(y)
    return lambda: mask.iou(x, y, crowd)


PEERS = {f.__name__: f for f in (ours, torchvision, pycocotools)}


def main(name: str, count: int) -> None:
    call = PEERS[name](boxes(count, 0), boxes(count, 1))
    call()
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    sys.stdout.write(f"{min(taken) * 1000}\n")


main(sys.argv[1], int(sys.argv[2]))
