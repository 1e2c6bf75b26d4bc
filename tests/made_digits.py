"""Sets of small drawn signs in class folders: bars that lie and bars that stand, and others without classes."""

from pathlib import Path

import numpy as np
from PIL import Image


def sign(seed: int, standing: bool, size: int = 28, *, coloured: bool = False) -> Image.Image:
    """A bright bar on black, a little elsewhere for each seed."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((size, size, 3), np.uint8)
    start, end = size // 5, size - size // 5
    place = int(rng.integers(size // 3, size - size // 3))
    colour = rng.integers(120, 256, 3 if coloured else 1)
    if standing:
        pixels[start:end, place - 2 : place + 2] = colour
    else:
        pixels[place - 2 : place + 2, start:end] = colour
    return Image.fromarray(pixels)


def signs(folder: Path, count: int = 20, size: int = 28, *, coloured: bool = False) -> Path:
    """`count` pictures of each class in `folder/lying` and `folder/standing`."""
    for name, standing in (("lying", False), ("standing", True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for n in range(count):
            picture = sign(1000 * standing + n, standing, size, coloured=coloured)
            picture.save(folder / name / f"{n:03d}.png")
    return folder


def without_classes(folder: Path, count: int = 40, size: int = 28, *, coloured: bool = False) -> Path:
    """`count` pictures side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        sign(n, n % 2 == 1, size, coloured=coloured).save(folder / f"{n:03d}.png")
    return folder


def spots(folder: Path, count: int = 60) -> Path:
    """`count` pictures of each class in `folder/left` and `folder/right`: a bright square left or right of the
    middle, anywhere from top to bottom."""
    rng = np.random.default_rng(0)
    for k, name in enumerate(("left", "right")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for n in range(count):
            pixels = np.zeros((28, 28), np.uint8)
            top, left = rng.integers(2, 18), 2 + rng.integers(3) + 14 * k
            pixels[top : top + 8, left : left + 8] = rng.integers(180, 256)
            Image.fromarray(pixels).save(folder / name / f"{n:03d}.png")
    return folder
