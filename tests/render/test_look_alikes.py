"""Contact sheets of pictures that look alike."""

import numpy as np
from PIL import Image

from visioncli.render.look_alikes import SIDE, Tile, draw


def test_every_picture_is_on_the_sheet_in_its_own_shape() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    sizes = [(400, 100), (90, 300), (50, 20)]
    tiles = [Tile(Image.new("RGB", s, c), "name", "about") for s, c in zip(sizes, colours, strict=True)]
    pixels = np.asarray(draw(tiles, "three"))
    for (width, height), colour in zip(sizes, colours, strict=True):
        ys, xs = np.nonzero((pixels == colour).all(axis=2))
        scale = min(1, SIDE / max(width, height))
        assert abs(np.ptp(xs) + 1 - width * scale) <= 1 and abs(np.ptp(ys) + 1 - height * scale) <= 1


def test_a_sheet_has_several_rows_and_a_place_for_what_cannot_be_read() -> None:
    tiles = [Tile(None if n == 3 else Image.new("RGB", (30, 30)), f"größe 猫 {n}", "0.5") for n in range(8)]
    one, two = draw(tiles[:6], "six"), draw(tiles, "eight")
    assert two.height > one.height and two.width == one.width
    assert draw([], "none").width >= 480
