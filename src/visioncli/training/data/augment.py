"""What a training picture looks like: cropped, mirrored, turned, coloured, part of it erased, two of them mixed.

All randomness comes from a generator of (seed, epoch, index), so a picture looks the same whichever thread or process
makes it, and after any interruption. Drawing (`draw`) is apart from doing (`apply`): masks and boxes can be moved by
the same parameters (`Params.to_picture`). A picture is resampled once, and a second time only where it is turned.
Pillow does the work: what torchvision's `v2` functions do here, it does on bytes in a third of the time.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from visioncli.models.row import InputSpec
from visioncli.tasks import preprocess
from visioncli.training.recipe import Augment

if TYPE_CHECKING:
    import torch

TINY = 64
"""Pictures up to this side are moved by whole pixels, not cropped: a digit of 28 pixels has nothing to spare."""

_LUMA = np.array((0.299, 0.587, 0.114))
_NEUTRAL = np.eye(3)
_AS_IT_IS = (1.0, 1.0, 1.0)
_SHARP_BELOW = 96
_ROUNDING = 1e-6
_CHARACTER = re.compile(r"\s*(\w|\d+)\s*($|-)")
_SIDE = re.compile(r"(?<![^\W_])(left|right)(?![^\W_])", re.IGNORECASE)
_MIRROR = Image.Transpose.FLIP_LEFT_RIGHT


@dataclass(frozen=True, slots=True)
class Ranges:
    """From where the parameters are drawn.

    `area` is the smallest part of a photograph that a crop keeps, `shift` how far a tiny picture moves, as a part of
    its side. `turn` and `hue` are degrees, `colour` how far brightness, contrast and saturation leave 1, `erase` the
    probability that a rectangle is lost.
    """

    area: float = 1.0
    shift: float = 0.0
    turn: float = 0.0
    colour: float = 0.0
    hue: float = 0.0
    erase: float = 0.0


RANGES = {
    # Half the area is still the same thing; the 0.08 of ImageNet's recipes needs more epochs than few pictures give.
    Augment.STANDARD: Ranges(area=0.5, shift=0.125, turn=10, colour=0.2),
    Augment.STRONG: Ranges(area=0.25, shift=0.2, turn=15, colour=0.4, hue=10, erase=0.25),
}
_VIEW = Ranges(area=0.7, shift=0.0625, colour=0.1)
_RATIO = math.log(4 / 3)
"""Crops are between 3:4 and 4:3, as in "Going deeper with convolutions", arXiv 1409.4842."""


@dataclass(frozen=True, slots=True)
class Params:
    """What is done to one picture of `size` (width, height).

    `box` (x1, y1, x2, y2, in the picture's pixels) becomes the square; it reaches beyond a tiny picture, whose pixels
    are then mirrored at its edge. It is `turn`ed by degrees about its centre, clockwise, and `mirror`ed. `colour` are
    factors of brightness, contrast and saturation, `hue` degrees. `erase` is a rectangle in parts of the square's
    side, painted in the mean colour.
    """

    size: tuple[int, int]
    box: tuple[float, float, float, float]
    mirror: bool = False
    turn: float = 0.0
    colour: tuple[float, float, float] = _AS_IT_IS
    hue: float = 0.0
    erase: tuple[float, float, float, float] | None = None

    def to_picture(self, side: int) -> np.ndarray:
        """`(2, 3) float64`: takes a point (x, y, 1) of the square of `side` pixels to the picture's pixels."""
        x1, y1, x2, y2 = self.box
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        turned = np.array([[cos, sin], [-sin, cos]]) @ np.diag([-1.0 if self.mirror else 1.0, 1.0])
        linear = np.diag([(x2 - x1) / side, (y2 - y1) / side]) @ turned
        centre = np.array([x1 + x2, y1 + y2]) / 2 - linear @ np.full(2, side / 2)
        return np.column_stack([linear, centre])


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The randomness of one picture in one epoch; numbers may be of any size, but not below zero."""
    return np.random.default_rng((seed, epoch, index))


def may_mirror(classes: Sequence[str]) -> bool:
    """Whether a mirrored picture is likely to be still of its class, as far as the names of the classes tell.

    It is not where most of them are digits, letters or numbers (`7`, `Q`, `0 - zero`), nor where one of them tells
    left from right. The names can't tell everything: written words and clocks are for the user to know.
    """
    characters = sum(bool(_CHARACTER.match(name)) for name in classes)
    return 2 * characters < max(1, len(classes)) and not any(_SIDE.search(name) for name in classes)


def draw(
    rng: np.random.Generator, level: Augment, size: tuple[int, int], spec: InputSpec, mirror: bool = True
) -> Params:
    """How a picture of `size` (width, height) is to be changed.

    `mirror` says whether a mirrored picture is still of its class: not for digits, letters, road signs, hands.
    """
    if level in RANGES:
        return _draw(rng, RANGES[level], size, spec, mirror)
    box = preprocess.crop_box(*size, spec)
    return Params(size, box, mirror=mirror and level is Augment.FLIP and rng.random() < 0.5)


def view(
    rng: np.random.Generator, number: int, size: tuple[int, int], spec: InputSpec, mirror: bool = True
) -> Params:
    """The `number`-th view of a picture for features that are computed once.

    View 0 is the plain picture, view 1 its mirror image where that makes sense, all others are mild changes.
    """
    if number == 0 or (number == 1 and mirror):
        return Params(size, preprocess.crop_box(*size, spec), mirror=number == 1)
    return _draw(rng, _VIEW, size, spec, mirror)


def _draw(rng: np.random.Generator, ranges: Ranges, size: tuple[int, int], spec: InputSpec, mirror: bool) -> Params:
    # All at once, each with its own place: an option that is off moves no other parameter.
    both = rng.random(16)
    signed = both * 2 - 1
    # Half of the pictures stay upright, as most that will be asked about are.
    turn = float(ranges.turn * signed[0]) if both[1] < 0.5 else 0.0
    tiny = max(size) <= TINY
    box = _shifted(size, spec, ranges.shift, signed[2:4]) if tiny else _cropped(size, ranges.area, turn, both[2:6])
    brightness, contrast, saturation = (1 + ranges.colour * signed[6:9]).tolist()
    return Params(
        size,
        box,
        mirror=bool(mirror and both[9] < 0.5),
        turn=turn,
        colour=(brightness, contrast, saturation),
        hue=float(ranges.hue * signed[10]),
        erase=_rectangle(both[12:16]) if both[11] < ranges.erase else None,
    )


def _cropped(
    size: tuple[int, int], area: float, turn: float, chance: np.ndarray
) -> tuple[float, float, float, float]:
    """A crop of at least `area` of the picture, as far as its shape allows, which lies inside also when turned."""
    reach = _reach(turn)
    ratio = math.exp(_RATIO * (2 * chance[1] - 1))
    kept = size[0] * size[1] * (area + (1 - area) * chance[0])
    width, height = math.sqrt(kept * ratio), math.sqrt(kept / ratio)
    fits = min(1.0, size[0] / reach / width, size[1] / reach / height)
    width, height = width * fits, height * fits
    x, y = (
        margin + chance_of_place * (side - 2 * margin)
        for side, margin, chance_of_place in (
            (size[0], width * reach / 2, chance[2]),
            (size[1], height * reach / 2, chance[3]),
        )
    )
    return float(x - width / 2), float(y - height / 2), float(x + width / 2), float(y + height / 2)


def _shifted(
    size: tuple[int, int], spec: InputSpec, shift: float, signed: np.ndarray
) -> tuple[float, float, float, float]:
    """What the network would see, moved by whole pixels, which blurs nothing."""
    x1, y1, x2, y2 = preprocess.crop_box(*size, spec)
    across, down = (round(part * shift * side) for part, side in zip(signed, size, strict=True))
    return x1 + across, y1 + down, x2 + across, y2 + down


def _rectangle(chance: np.ndarray) -> tuple[float, float, float, float]:
    """2 to 20 % of the square, of any shape up to 1:3 ("Random erasing data augmentation", arXiv 1708.04896)."""
    area, ratio = 0.02 + 0.18 * chance[0], math.exp(math.log(3) * (2 * chance[1] - 1))
    width, height = min(1.0, math.sqrt(area * ratio)), min(1.0, math.sqrt(area / ratio))
    x, y = float(chance[2] * (1 - width)), float(chance[3] * (1 - height))
    return x, y, x + width, y + height


def _reach(turn: float) -> float:
    """How much larger a square must be, so that another, turned by so many degrees, lies inside it."""
    return math.cos(math.radians(turn)) + abs(math.sin(math.radians(turn)))


def apply(image: Image.Image | np.ndarray, params: Params, spec: InputSpec) -> np.ndarray:
    """A picture of mode RGB, or `(H, W, 3)` or grey `(H, W) uint8` -> what the network gets, `(S, S, 3) uint8`.

    Raises ValueError for a picture of another size than the one that was drawn for.
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    if image.size != params.size:
        raise ValueError(f"the parameters are for a picture of {params.size}, not of {image.size} pixels")
    if image.mode != "RGB":
        image = image.convert("RGB")
    coloured = params.colour != _AS_IT_IS or params.hue != 0
    # Where there are fewer pixels: before or after resizing comes to the same.
    early = coloured and image.width * image.height <= spec.size**2
    if early:
        image = _coloured(image, params)
    square = _square(image, params, spec)
    if params.mirror:
        square = square.transpose(_MIRROR)
    if coloured and not early:
        square = _coloured(square, params)
    if params.erase is None:
        return np.asarray(square)
    pixels = np.array(square)
    x1, y1, x2, y2 = (round(part * spec.size) for part in params.erase)
    pixels[y1:y2, x1:x2] = np.clip(np.round(np.array(spec.mean) * 255), 0, 255)
    return pixels


def _square(image: Image.Image, params: Params, spec: InputSpec) -> Image.Image:
    """The box, resized and turned."""
    x1, y1, x2, y2 = params.box
    side, zoom = spec.size, 1.0
    if params.turn:
        # As much around the box as its corners need; the square of `size` is cut from it turned.
        reach = _reach(params.turn)
        across, down = (x2 - x1) * (reach - 1) / 2, (y2 - y1) * (reach - 1) / 2
        x1, y1, x2, y2 = x1 - across, y1 - down, x2 + across, y2 + down
        side = math.ceil(spec.size * reach)
        zoom = side / (spec.size * reach)
    if min(x1, y1) < -_ROUNDING or x2 > image.width + _ROUNDING or y2 > image.height + _ROUNDING:
        image, (x1, y1, x2, y2) = _beyond_edges(image, (x1, y1, x2, y2))
    box = (max(x1, 0.0), max(y1, 0.0), min(x2, image.width), min(y2, image.height))
    square = image.resize((side, side), preprocess.INTERPOLATION[spec.interpolation], box=box)
    if not params.turn:
        return square
    # At its final scale a large square loses nothing that one sees by the cheaper way; a tiny one does.
    turning = Image.Resampling.BICUBIC if spec.size <= _SHARP_BELOW else Image.Resampling.BILINEAR
    cos, sin = zoom * math.cos(math.radians(params.turn)), zoom * math.sin(math.radians(params.turn))
    here, there = spec.size / 2, side / 2
    affine = (cos, sin, there - here * (cos + sin), -sin, cos, there - here * (cos - sin))
    return square.transform((spec.size, spec.size), Image.Transform.AFFINE, affine, turning)


def _beyond_edges(
    image: Image.Image, box: tuple[float, float, float, float]
) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """The part of a picture under a box that reaches beyond it, mirrored at its edges, and the box in that part."""
    x1, y1, x2, y2 = box
    left, top, right, bottom = math.floor(x1), math.floor(y1), math.ceil(x2), math.ceil(y2)
    pixels = np.asarray(image)
    part = pixels[_mirrored(top, bottom, image.height)[:, None], _mirrored(left, right, image.width)]
    return Image.fromarray(part), (x1 - left, y1 - top, x2 - left, y2 - top)


def _mirrored(start: int, stop: int, side: int) -> np.ndarray:
    """Places in 0 to `side` - 1 for start to stop - 1: the row at an edge isn't repeated."""
    period = max(1, 2 * side - 2)
    places = np.arange(start, stop) % period
    return np.minimum(places, period - places)


def _coloured(image: Image.Image, params: Params) -> Image.Image:
    """Saturation, hue, brightness, contrast in this order: one matrix, so that nothing is clipped between."""
    brightness, contrast, saturation = params.colour
    matrix = saturation * _NEUTRAL + (1 - saturation) * _LUMA
    if params.hue:
        matrix = _around_grey(params.hue) @ matrix
    matrix = brightness * matrix
    mean = np.asarray(image.resize((1, 1), Image.Resampling.BOX))[0, 0]
    offset = (1 - contrast) * float(_LUMA @ (matrix @ mean))
    rows = np.column_stack([contrast * matrix, np.full(3, offset)])
    return image.convert("RGB", tuple(rows.ravel().tolist()))


def _around_grey(degrees: float) -> np.ndarray:
    """The rotation of colours about the axis of greys."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    around: np.ndarray = cos * _NEUTRAL + sin * cross + (1 - cos) / 3
    return around


def normalise(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """`(S, S, 3) uint8` -> `(3, S, S) float32`, as every task normalises."""
    return preprocess.normalise(Image.fromarray(pixels), spec)


def batch(pixels: np.ndarray, spec: InputSpec, device: "torch.device | str" = "cpu") -> "torch.Tensor":
    """`(N, S, S, 3) uint8` -> `(N, 3, S, S) float32` on the device, channels last: the numbers of `normalise`."""
    import torch

    std, mean = np.array(spec.std, np.float32), np.array(spec.mean, np.float32)
    # Bytes travel to the device, a quarter of the floats.
    values = torch.from_numpy(np.require(pixels, requirements="W")).to(device).to(torch.float32)
    values *= torch.from_numpy(np.float32(1 / 255) / std).to(device)
    values -= torch.from_numpy(mean / std).to(device)
    return values.permute(0, 3, 1, 2)


def mix(
    pictures: "torch.Tensor",
    targets: "torch.Tensor",
    rng: np.random.Generator,
    mixup: float = 0.2,
    cutmix: float = 1.0,
    probability: float = 0.5,
    *,
    paste: bool = True,
) -> "tuple[torch.Tensor, torch.Tensor]":
    """A batch `(N, 3, S, S)` and its targets `(N, C)`, each with a share of another of the batch; or as they are.

    With `probability` the batch is mixed: half of the time blended ("mixup: Beyond empirical risk minimization",
    arXiv 1710.09412), else a rectangle is pasted (CutMix, arXiv 1905.04899); the shares are drawn from Beta(a, a)
    with a = `mixup` or `cutmix`. Targets are mixed by the share of the picture that is seen. Partners come from the
    same batch: several processes mix within what each of them has. Nothing is changed in place. Without `paste` all
    that are mixed are blended.
    """
    count, side = len(pictures), (pictures.shape[-2], pictures.shape[-1])
    mixed, blend = rng.random() < probability, rng.random() < 0.5 or not paste
    share = float(rng.beta(mixup, mixup) if blend else rng.beta(cutmix, cutmix))
    x, y = rng.random(2).tolist()
    partners = rng.permutation(count).tolist()
    if not mixed or count < 2:
        return pictures, targets
    if blend:
        pictures = pictures * share + pictures[partners] * (1 - share)
    else:
        # The centre is anywhere, so a rectangle may be cut off at the edge: its true share counts.
        half = math.sqrt(1 - share) / 2
        top, bottom = (round(min(max(y + part, 0), 1) * side[0]) for part in (-half, half))
        left, right = (round(min(max(x + part, 0), 1) * side[1]) for part in (-half, half))
        share = 1 - (bottom - top) * (right - left) / (side[0] * side[1])
        pasted = pictures[partners][:, :, top:bottom, left:right]
        pictures = pictures.clone()
        pictures[:, :, top:bottom, left:right] = pasted
    return pictures, targets * share + targets[partners] * (1 - share)
