"""What pictures look like whose boxes are learned: a window of them, mirrored, coloured, their boxes with them.

All randomness comes from a generator of (seed, epoch, visit). Drawing (`draw`) is apart from doing (`apply`), for
which torchvision's `transforms.v2` moves both as `tv_tensors`. A window smaller than the picture makes its objects
larger, one that reaches beyond it, into grey, makes them smaller, as "SSD: Single Shot MultiBox Detector"
(arXiv 1512.02325) does it; nothing is resampled here, for the network resizes what it is given.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from visioncli.training.data.colours import AS_IT_IS, coloured
from visioncli.training.recipe import Augment

GREY = 127
"""Beyond the picture: the middle of what networks take."""
KEPT = 0.5
"""Of an object's area, what must be in the window for it to be learned there; less might be anything."""
LEAST = 2.0
"""Pixels of a box's sides below which it shows nothing to learn from."""
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Ranges:
    """From where the parameters are drawn: `smaller` and `larger` are the extreme sides of the window in those of the
    picture, `shape` how far width by height leaves the picture's own (a factor), `colour` how far brightness,
    contrast and saturation leave 1, `hue` in turns of the colour circle."""

    smaller: float = 1.0
    larger: float = 1.0
    shape: float = 1.0
    colour: float = 0.0
    hue: float = 0.0


RANGES = {
    Augment.NONE: Ranges(),
    Augment.FLIP: Ranges(),
    Augment.STANDARD: Ranges(0.67, 1.4, 1.15, 0.2),
    Augment.STRONG: Ranges(0.4, 2.0, 1.3, 0.4, 0.03),
}


@dataclass(frozen=True, slots=True)
class Params:
    """What is done to a picture: of the `window` x1 y1 x2 y2, whole pixels, which may reach beyond it, a `mirror`
    image; `colour` are factors of brightness, contrast and saturation, `hue` is in turns."""

    window: tuple[int, int, int, int]
    mirror: bool = False
    colour: tuple[float, float, float] = AS_IT_IS
    hue: float = 0.0


def draw(
    rng: np.random.Generator, level: Augment, size: tuple[int, int], boxes: np.ndarray, *, mirror: bool
) -> Params:
    """How a picture of `size` (width, height) with `boxes` `(n, 4)` is to be changed. Of several windows the first is
    taken that cuts no object in two unseen halves; `mirror` says whether a mirrored picture is as likely."""
    ranges = RANGES[level]
    chance = rng.random(6)
    window = (0, 0, *size)
    if ranges.larger > 1:
        window = next((w for w in (_window(rng, ranges, size) for _ in range(_TRIES)) if _fits(w, boxes)), window)
    brightness, contrast, saturation = (1 + ranges.colour * (2 * c - 1) for c in chance[:3].tolist())
    return Params(
        window,
        mirror=bool(level is not Augment.NONE and mirror and chance[3] < 0.5),
        colour=(brightness, contrast, saturation),
        hue=float(ranges.hue * (2 * chance[4] - 1)),
    )


def _window(rng: np.random.Generator, ranges: Ranges, size: tuple[int, int]) -> tuple[int, int, int, int]:
    scale, shape, across, down = rng.random(4).tolist()
    side = math.exp(math.log(ranges.smaller) + scale * math.log(ranges.larger / ranges.smaller))
    wider = math.exp((2 * shape - 1) * math.log(ranges.shape) / 2)
    width, height = max(1, round(size[0] * side * wider)), max(1, round(size[1] * side / wider))
    # A smaller window lies inside the picture, and the picture inside a larger one.
    x, y = round((size[0] - width) * across), round((size[1] - height) * down)
    return x, y, x + width, y + height


def _fits(window: tuple[int, int, int, int], boxes: np.ndarray) -> bool:
    """Whether every object is in the window, or hardly any of it, and one at least where there is any."""
    if not len(boxes):
        return True
    x1, y1, x2, y2 = window
    inside = np.clip(boxes, (x1, y1, x1, y1), (x2, y2, x2, y2))
    shares = (inside[:, 2:] - inside[:, :2]).prod(1) / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-9)
    return bool((shares >= KEPT).any() and ((shares >= KEPT) | (shares <= _UNSEEN)).all())


_UNSEEN = 0.15
"""Of an object's area, what in the window nobody would name."""


def apply(
    pixels: np.ndarray, boxes: np.ndarray, labels: np.ndarray, params: Params
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture `(H, W, 3) uint8`, its boxes `(n, 4)` x1 y1 x2 y2 and their labels `(n,)` -> the window's: `(h, w, 3)
    uint8`, `(m, 4) float32` inside of it, `(m,)`. What lies outside, or is a sliver, is no object there."""
    pixels, boxes, kept = moved(pixels, boxes, params)
    return pixels, boxes[kept], labels[kept]


def moved(pixels: np.ndarray, boxes: np.ndarray, params: Params) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `apply`, with all boxes `(n, 4)`, and which of them are objects there, `(n,) bool`."""
    height, width = pixels.shape[:2]
    image = tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1))
    corners = torch.from_numpy(np.ascontiguousarray(boxes, dtype=np.float32)).reshape(-1, 4)
    placed = tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=(height, width))
    beyond = around(params.window, (width, height))
    if any(beyond):
        image, placed = F.pad(image, beyond, fill=GREY), F.pad(placed, beyond)
    if params.window != (0, 0, width, height):
        window = cut(params.window, beyond)
        # Boxes stay as large as they are, so that what is left of each can be told.
        placed = tv_tensors.BoundingBoxes(
            placed.as_subclass(torch.Tensor) - torch.tensor([window[1], window[0]] * 2, dtype=torch.float32),
            format="XYXY",
            canvas_size=window[2:],
        )
        image = F.crop(image, *window)
    if params.mirror:
        image, placed = F.horizontal_flip(image), F.horizontal_flip(placed)
    inside = F.clamp_bounding_boxes(placed).as_subclass(torch.Tensor)
    whole = placed.as_subclass(torch.Tensor)
    sides = inside[:, 2:] - inside[:, :2]
    shares = sides.prod(1) / (whole[:, 2:] - whole[:, :2]).prod(1).clamp(min=1e-9)
    kept = ((shares >= KEPT) & (sides.min(1).values >= LEAST)).numpy() if len(inside) else np.zeros(0, bool)
    image = coloured(image, params.colour, params.hue)
    return image.permute(1, 2, 0).contiguous().numpy(), inside.numpy(), kept


def around(window: tuple[int, int, int, int], size: tuple[int, int]) -> list[int]:
    """How far a window reaches beyond a picture of `size` (width, height): left, top, right, bottom."""
    x1, y1, x2, y2 = window
    return [max(0, -x1), max(0, -y1), max(0, x2 - size[0]), max(0, y2 - size[1])]


def cut(window: tuple[int, int, int, int], beyond: list[int]) -> tuple[int, int, int, int]:
    """Top, left, height and width of a window in the picture that was made larger by `beyond`."""
    x1, y1, x2, y2 = window
    return y1 + beyond[1], x1 + beyond[0], y2 - y1, x2 - x1
