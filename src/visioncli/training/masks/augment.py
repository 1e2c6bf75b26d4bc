"""What pictures look like whose masks are learned: cropped, turned, mirrored, scaled, coloured, the mask with them.

All randomness comes from a generator of (seed, epoch, visit). Drawing (`draw`) is apart from doing (`apply`), for
which torchvision's `transforms.v2` moves both as `tv_tensors`: the picture smoothly, the mask by whole pixels. Beyond
its edges a picture goes on mirrored, and so does its mask, so that every pixel of a crop has its class.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from visioncli.training.data.colours import AS_IT_IS, coloured
from visioncli.training.recipe import Augment

_NODES = 5
"""Places along a side that an elastic deformation moves; what lies between follows smoothly."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """From where the parameters are drawn: `turn` in degrees, `scale` the largest factor of size (and the smallest,
    its inverse), `colour` how far brightness, contrast and saturation leave 1, `hue` in turns of the colour circle,
    `bend` how far places are moved, as a part of the crop's side."""

    turn: float = 0.0
    scale: float = 1.0
    colour: float = 0.0
    hue: float = 0.0
    bend: float = 0.0


RANGES = {
    Augment.NONE: Ranges(),
    Augment.FLIP: Ranges(),
    Augment.STANDARD: Ranges(turn=15, scale=1.25, colour=0.2),
    Augment.STRONG: Ranges(turn=30, scale=1.5, colour=0.4, hue=0.03, bend=0.04),
}


@dataclass(frozen=True, slots=True, eq=False)
class Params:
    """What is done to a picture: a crop whose place is `centre` (x, y, in parts of the room that it has) is `scale`d
    and `turn`ed by degrees, by `quarters` of a turn, and `mirror`ed; `colour` are factors of brightness, contrast and
    saturation, `hue` is in turns. `bend` `(2, n, n)` moves places, in parts of the crop's side."""

    centre: tuple[float, float]
    scale: float = 1.0
    turn: float = 0.0
    quarters: int = 0
    mirror: bool = False
    colour: tuple[float, float, float] = AS_IT_IS
    hue: float = 0.0
    bend: np.ndarray | None = None


def draw(rng: np.random.Generator, level: Augment, *, mirror: bool, turns: bool) -> Params:
    """How a crop is to be made. `mirror` says whether a mirrored picture is as likely, `turns` whether one seen from
    any of four sides is, as maps and microscopes show them."""
    ranges = RANGES[level]
    # All at once, each with its own place: an option that is off moves no other parameter.
    chance = rng.random(12)
    signed = (2 * chance - 1).tolist()
    flips = level is not Augment.NONE
    # Half of the crops are pixels of the picture, neither turned nor scaled, as those that will be asked about are.
    moved = chance[0] < 0.5
    brightness, contrast, saturation = (1 + ranges.colour * s for s in signed[6:9])
    bend = ranges.bend * (2 * rng.random((2, _NODES, _NODES)) - 1) if ranges.bend and chance[10] < 0.5 else None
    return Params(
        centre=(float(chance[1]), float(chance[2])),
        scale=float(ranges.scale ** signed[3]) if moved else 1.0,
        turn=float(ranges.turn * signed[4]) if moved else 0.0,
        quarters=int(4 * chance[5]) if flips and turns else 0,
        mirror=bool(flips and mirror and chance[9] < 0.5),
        colour=(brightness, contrast, saturation),
        hue=float(ranges.hue * signed[11]),
        bend=bend,
    )


def apply(pixels: np.ndarray, classes: np.ndarray, params: Params, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture `(H, W, 3) uint8` and its mask `(H, W) uint8` -> the crop of both, `(side, side, 3)` and `(side,
    side) uint8`."""
    window = side
    if params.turn or params.scale != 1:
        angle = math.radians(params.turn)
        reach = math.cos(angle) + abs(math.sin(angle))
        window = math.ceil(max(side / params.scale * reach, side))
    # The crop lies inside the picture as far as it fits; what a turned one needs around it may be beyond the edge.
    seen = side / params.scale
    across, down = (
        _places(part, length, seen, window)
        for part, length in zip(params.centre, (classes.shape[1], classes.shape[0]), strict=True)
    )
    pixels = np.rot90(pixels[down[:, None], across], params.quarters)
    classes = np.rot90(classes[down[:, None], across], params.quarters)
    if params.mirror:
        pixels, classes = pixels[:, ::-1], classes[:, ::-1]
    image = tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1))
    mask = tv_tensors.Mask(torch.from_numpy(np.ascontiguousarray(classes))[None])
    image, mask = (_moved(tensor, params, side) for tensor in (image, mask))
    image = coloured(image, params.colour, params.hue)
    return image.permute(1, 2, 0).contiguous().numpy(), mask[0].contiguous().numpy()


def directions(params: Params) -> np.ndarray:
    """`(2, 2) float32` that makes of a short way in the picture, (down, right) in pixels, the same way in the crop.
    Of a bent crop it is what holds on average."""
    turn = np.eye(2)
    for _ in range(params.quarters):
        turn = np.array([[0, -1], [1, 0]]) @ turn
    if params.mirror:
        turn = np.diag([1, -1]) @ turn
    angle = math.radians(params.turn)
    clockwise = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    whole: np.ndarray = params.scale * clockwise @ turn
    return whole.astype(np.float32)


def _places(part: float, length: int, seen: float, window: int) -> np.ndarray:
    """The rows or columns of a window, mirrored at the edges, about a centre whose crop of `seen` pixels fits."""
    room = max(0.0, length - seen)
    centre = min(seen, length) / 2 + part * room
    start = round(centre - window / 2)
    period = max(1, 2 * length - 2)
    places = np.arange(start, start + window) % period
    mirrored: np.ndarray = np.minimum(places, np.maximum(period - places, 0)).clip(0, length - 1)
    return mirrored


def _moved(tensor: torch.Tensor, params: Params, side: int) -> torch.Tensor:
    """A picture or a mask, turned, scaled and bent about its middle, and cut to the crop."""
    smooth = isinstance(tensor, tv_tensors.Image)
    how = InterpolationMode.BILINEAR if smooth else InterpolationMode.NEAREST
    if params.turn or params.scale != 1:
        tensor = F.affine(tensor, params.turn, [0.0, 0.0], params.scale, [0.0, 0.0], interpolation=how)
        tensor = F.center_crop(tensor, [side, side])
    if params.bend is not None:
        tensor = F.elastic(tensor, _displacement(params.bend, side), interpolation=how)
    return tensor


def _displacement(bend: np.ndarray, side: int) -> torch.Tensor:
    """`(1, side, side, 2) float32`: how far each place moves, where the side is 2 long. Its edges stay where they
    are, so that nothing comes from beyond them."""
    held = np.pad(bend, ((0, 0), (1, 1), (1, 1)))
    nodes = torch.from_numpy(held.astype(np.float32))[None]
    smooth = torch.nn.functional.interpolate(nodes, (side, side), mode="bicubic", align_corners=True)
    return 2 * smooth.permute(0, 2, 3, 1)
