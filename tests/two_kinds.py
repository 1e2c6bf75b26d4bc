"""Two folders of small pictures without pairs, drawn."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_two_kinds(folder: Path, learned: int = 10, held_out: int = 3, side: int = 20) -> Path:
    """White discs on black, and red ones on blue, elsewhere: `trainA`, `trainB`, `testA`, `testB`."""
    rng = np.random.default_rng(0)
    for part, count in (("train", learned), ("test", held_out)):
        for kind, (ink, paper) in {"A": ((255,) * 3, (0, 0, 0)), "B": ((220, 40, 30), (30, 60, 200))}.items():
            (folder / f"{part}{kind}").mkdir(parents=True)
            for n in range(count):
                pixels = np.empty((side, side, 3), np.uint8)
                pixels[:] = paper
                y, x = np.mgrid[:side, :side]
                centre, radius = rng.uniform(side / 3, 2 * side / 3, 2), rng.uniform(side / 8, side / 4)
                pixels[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = ink
                Image.fromarray(pixels).save(folder / f"{part}{kind}" / f"{n}.png")
    return folder
