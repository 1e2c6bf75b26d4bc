"""MoveNet's input and output: square crops around a person, and keypoints back in the picture's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncli.pictures import planes

INPUT = 192

# How many times larger than the network's input a crop may be before it is averaged down.
_COARSEST = 6

# COCO keypoint order with left and right exchanged.
MIRRORED = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)


@dataclass(frozen=True)
class Square:
    """A square of the picture, in pixels; it may reach beyond the picture's edges."""

    left: int
    top: int
    side: int

    def to_picture(self, keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 3) rows of y, x, score relative to the square -> rows of x, y, score in picture pixels."""
        x = keypoints[..., 1] * self.side + self.left
        y = keypoints[..., 0] * self.side + self.top
        return np.stack((x, y, keypoints[..., 2]), axis=-1).astype(np.float32)


def square_crop(
    image: Image.Image, box: NDArray[np.floating] | tuple[float, float, float, float], scale: float
) -> tuple[Image.Image, Square]:
    """The square around a box's centre whose side is `scale` times the box's longer side.

    `image` is of mode RGB, `box` x1, y1, x2, y2 in pixels. The crop is black where the square reaches beyond
    the picture; squares of 12 times the network's input or more are averaged down in whole blocks, since a long
    thin picture has squares that no memory could hold.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    side = max(1, round(max(x2 - x1, y2 - y1) * scale))
    block = max(side // (_COARSEST * INPUT), 1)
    cells = -(-side // block)
    square = Square(round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2), cells * block)
    crop = Image.new("RGB", (cells, cells))
    left, right = (min(max(x, 0), image.width) for x in (square.left, square.left + square.side))
    top, bottom = (min(max(y, 0), image.height) for y in (square.top, square.top + square.side))
    if left < right and top < bottom:
        inside = image.crop((left, top, right, bottom))
        if block > 1:
            inside = inside.reduce(block)
        crop.paste(inside, ((left - square.left) // block, (top - square.top) // block))
    return crop, square


def preprocess(image: Image.Image, resampling: Image.Resampling = Image.Resampling.BILINEAR) -> NDArray[np.float32]:
    """A picture of mode RGB -> (3, 192, 192) float32 of 0 to 255."""
    return planes(image.resize((INPUT, INPUT), resampling))


def unmirrored(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keypoints (..., 17, 3) of y, x, score found on a mirrored crop, as they lie on the crop itself."""
    found = keypoints[..., MIRRORED, :].copy()
    found[..., 1] = 1 - found[..., 1]
    return found
