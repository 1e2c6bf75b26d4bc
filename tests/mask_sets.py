"""Small pictures with masks that are drawn: bright blocks on dark ground, class 1 on class 0."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_masks(folder: Path, count: int = 12, size: tuple[int, int] = (64, 48), seed: int = 0, high: int = 1) -> Path:
    """`images/` and `masks/` below the folder, whose masks hold 0 and `high`."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    width, height = size
    for n in range(count):
        mask = np.zeros((height, width), np.uint8)
        x, y = rng.integers(0, width - 24), rng.integers(0, height - 24)
        mask[y : y + 22, x : x + 22] = 1
        pixels = 60 + 120 * mask[..., None] + rng.normal(0, 20, (height, width, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "images" / f"{n}.png")
        save_mask(folder / "masks" / f"{n}.png", mask * high)
    return folder


def save_mask(path: Path, values: np.ndarray) -> None:
    """Numbers as a grey PNG."""
    Image.fromarray(values.astype(np.uint8)).save(path)
