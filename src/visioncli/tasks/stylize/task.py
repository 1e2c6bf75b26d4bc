"""Painting pictures: each one through a network that makes another picture of it, in full size."""

import functools
import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from visioncli.engines.interface import EngineOptions
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.models.row import LARGEST_INPUT, Carrier, ModelRow
from visioncli.models.styles import DEFAULT, STYLES
from visioncli.pictures import Picture
from visioncli.predictions import Painting
from visioncli.results import ModelInfo
from visioncli.tasks.detect.tiles import Tiling
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.limits import between_0_and_1
from visioncli.tasks.seeds import check_seed
from visioncli.tasks.stylize.colours import finished
from visioncli.tasks.stylize.interface import Painter
from visioncli.tasks.stylize.styles import parse_style
from visioncli.tasks.stylize.tiles import painted
from visioncli.weights.places import verified_carrier_file, weight_file

if TYPE_CHECKING:
    from visioncli.tasks.stylize.optimise import Optimise, Steps

MOST_STROKE = 100
ITERATIONS = 300
MOST_ITERATIONS = 100_000
OPTIMISED_SIZE = 512
"""Pixels on the longer side to which the method "optimise" reduces pictures, where nothing is said."""
MOST_OPTIMISED = 1024
"""And what it takes at the most: gradients need all maps of the network at once."""


Paint = Callable[[Image.Image], np.ndarray]
"""A photo of mode RGB -> `(H, W, 3) uint8` of the same size."""
METHODS = ("network", "optimise")


class Stylize(Task):
    """A painter's pictures. One at a time: each takes all the processor that there is, and much memory.

    A picture has at most `size` pixels on its longer side. It is painted smaller by the factor `stroke`, by which
    strokes are wider then, or else as large as suits the painter. `own` is a share that the photo has in each
    painting, beside what `strength` leaves it.
    `arrays` of an answer hold the painted picture as `stylized`, `(H, W, 3) uint8`.
    """

    name = "stylize"

    def __init__(
        self,
        painter: "Painter | Optimise",
        style: str,
        settings: dict[str, Any],
        *,
        strength: float = 1.0,
        keep_colours: bool = False,
        size: int | None = None,
        stroke: float | None = None,
        tiling: Tiling | None = None,
        own: float = 0.0,
    ) -> None:
        self._painter, self._style, self._own = painter, style, own
        self._paint: Paint = (
            functools.partial(painted, painter, tiling=tiling) if isinstance(painter, Painter) else painter
        )
        self._strength, self._keep_colours = strength, keep_colours
        self._size, self._stroke = size, stroke
        self.model = painter.info
        self.labels = {}
        self.settings = settings

    def prepare(self, picture: Picture) -> Image.Image:
        """The picture in the size in which it is painted."""
        return reduced(picture.image, self._size)

    def predict(self, batch: Sequence[Image.Image]) -> list[Answer]:
        return [self._answer(photo) for photo in batch]

    def _answer(self, photo: Image.Image) -> Answer:
        share = self._strength * (1 - self._own)
        stroke = self._stroke or max(1.0, max(photo.size) / (self._painter.canvas or max(photo.size)))
        pixels = self._paint(reduced(photo, math.ceil(max(photo.size) / stroke)))
        pixels = finished(photo, enlarged(pixels, photo.size), strength=share, keep_colours=self._keep_colours)
        found = Painting(
            style=self._style,
            method=self._painter.method,
            strength=self._strength,
            keep_colours=self._keep_colours,
            width=photo.width,
            height=photo.height,
            stroke=round(stroke, 2),
        )
        return Answer((found,), arrays={"stylized": pixels})


def reduced(image: Image.Image, size: int | None) -> Image.Image:
    """The picture with at most `size` pixels on its longer side."""
    longer = max(image.size)
    if size is None or longer <= size:
        return image
    width, height = (max(1, round(side * size / longer)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def enlarged(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`(h, w, 3) uint8` with `size` (width, height)."""
    if pixels.shape[1::-1] == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def build(
    row: ModelRow,
    options: EngineOptions | None = None,
    *,
    style: str | None = None,
    strength: float = 1.0,
    keep_colours: bool = False,
    size: int | None = None,
    stroke: float | None = None,
    tile: str | None = None,
    reverse: bool = False,
    method: str = "network",
    iterations: int = ITERATIONS,
    seed: int = 0,
    vectors: ModelRow | None = None,
    steps: "Steps | None" = None,
) -> Task:
    """The task with its network loaded; `vectors` is the one that sees styles of pictures, where `row` needs it.
    With `reverse` one that learned both ways makes its first kind of pictures of its second.

    With the method "optimise", `row` is a classifier, and `steps` is told how many steps of how many are done.
    Raises UsageError and ModelUnavailable.
    """
    options = options or EngineOptions()
    between_0_and_1(strength=strength)
    if method not in METHODS:
        raise UsageError(f"--method is {' or '.join(METHODS)}, not {method!r}.")
    if size is not None and not 1 <= size <= LARGEST_INPUT * 8:
        raise UsageError(f"--size is a number of pixels from 1 to {LARGEST_INPUT * 8}, not {size}.")
    if stroke is not None and not 1 <= stroke <= MOST_STROKE:
        raise UsageError(f"--stroke is a number from 1 to {MOST_STROKE}, not {stroke:g}.")
    tiling = None if tile is None else Tiling.parse(tile)
    if reverse and row.form != "painting":
        raise UsageError(f"{row.name} paints in styles. --reverse is for what `vision train --task translate` made.")
    painter: Painter | Optimise
    if method == "optimise":
        if tiling is not None:
            raise UsageError("--tile is for networks that paint; --method optimise sees the picture as a whole.")
        if not 1 <= iterations <= MOST_ITERATIONS:
            raise UsageError(f"--iterations is a number from 1 to {MOST_ITERATIONS}, not {iterations}.")
        check_seed(seed)
        size = size or OPTIMISED_SIZE
        if size > MOST_OPTIMISED:
            raise UsageError(f"--method optimise paints at most {MOST_OPTIMISED} pixels on the longer side: --size.")
        painter, told = _optimised(row, options, style, iterations, seed, steps)
        own = 0.0
    else:
        painter, told, own = _painter(row, options, style, vectors, reverse=reverse)
    settings = told | {
        "method": method,
        "strength": strength,
        "keep_colours": keep_colours,
        "size": size,
        "stroke": stroke,
        "tile": tile,
    }
    return Stylize(
        painter,
        told["style"],
        settings,
        strength=strength,
        keep_colours=keep_colours,
        size=size,
        stroke=stroke,
        tiling=tiling,
        own=own,
    )


def _painter(
    row: ModelRow, options: EngineOptions, style: str | None, vectors: ModelRow | None, *, reverse: bool
) -> tuple[Painter, dict[str, Any], float]:
    """The network of `row`, ready to paint in `style`; which style, as settings; and the photo's own share in it
    where the network itself knows of none. Raises UsageError.

    The place for a new kind of network: a branch by the form of its row.
    """
    if row.form == "named styles":
        return _with_names(row, options, style)
    if row.form == "any style":
        return _of_paintings(row, options, style, vectors or registry.find("style_vector"))
    if row.form == "painting":
        return _translated(row, options, style, reverse=reverse)
    raise UsageError(f"{row.name} makes no pictures by itself. Name another network, or leave out --model.")


def _with_names(row: ModelRow, options: EngineOptions, style: str | None) -> tuple[Painter, dict[str, Any], float]:
    from visioncli.tasks.stylize.multistyle import MultiStyle

    labels = load_labels(row.labels)
    mixture = parse_style(DEFAULT if style is None else style, labels)
    if mixture.paintings:
        raise UsageError(f"{row.name} knows styles by name. For the style of a picture leave out --model.")
    numbers = {name: number for number, name in labels.items()}
    named = math.fsum(share.weight for share in mixture.shares)
    shares = {numbers[share.what]: share.weight / named for share in mixture.shares}
    info = ModelInfo(row.name, row.source.sha256, "fp32")
    painter = MultiStyle(info, _file(row), shares, len(labels), options.threads, options.timeout)
    return painter, {"style": str(mixture)}, mixture.own


def _translated(
    row: ModelRow, options: EngineOptions, style: str | None, *, reverse: bool
) -> tuple[Painter, dict[str, Any], float]:
    from visioncli.tasks.stylize.translation import translator

    if style is not None:
        raise UsageError(f"{row.name} makes what it has learned to make. Leave out --style.")
    painter, made = translator(row, options, reverse=reverse)
    return painter, {"style": made, "reverse": reverse}, 0.0


def _of_paintings(
    row: ModelRow, options: EngineOptions, style: str | None, vectors: ModelRow
) -> tuple[Painter, dict[str, Any], float]:
    from visioncli.tasks.stylize.arbitrary import Arbitrary, StyleVectors, read_painting

    mixture = parse_style(style, dict(STYLES)) if style is not None else None
    if mixture is None or not mixture.paintings:
        raise UsageError(f"{row.name} takes the style of a picture: --style painting.jpg.")
    where = options.threads, options.timeout
    seer = StyleVectors(_file(vectors), *where)
    paintings = [read_painting(share.what) for share in mixture.shares]
    styles = [(seer.of(one), share.weight) for one, share in zip(paintings, mixture.shares, strict=True)]
    info = ModelInfo(row.name, row.source.sha256, "fp32")
    painter = Arbitrary(info, _file(row), styles, mixture.own, seer, *where)
    pixels = [hashlib.sha256(one.tobytes()).hexdigest() for one in paintings]
    return painter, {"style": str(mixture), "paintings": pixels, "seen by": vectors.source.sha256}, 0.0


def _optimised(
    row: ModelRow, options: EngineOptions, style: str | None, iterations: int, seed: int, steps: "Steps | None"
) -> tuple["Optimise", dict[str, Any]]:
    import torch

    from visioncli.engines.pytorch import choose_device
    from visioncli.tasks.stylize.arbitrary import read_painting
    from visioncli.tasks.stylize.optimise import Optimise, features_of
    from visioncli.weights.load import load_network

    features_of(row)
    mixture = parse_style(style, dict(STYLES)) if style else None
    if mixture is None or not mixture.paintings:
        raise UsageError("--method optimise takes the style of a picture: --style painting.jpg.")
    device = choose_device(options.device)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    paintings = [read_painting(share.what) for share in mixture.shares]
    info = ModelInfo(row.name, row.source.sha256, "fp32")
    painter = Optimise(
        info,
        load_network(row),
        row,
        [(one, share.weight) for one, share in zip(paintings, mixture.shares, strict=True)],
        mixture.own,
        iterations=iterations,
        seed=seed,
        device=device,
        steps=steps or _unwatched,
    )
    pixels = [hashlib.sha256(one.tobytes()).hexdigest() for one in paintings]
    return painter, {"style": str(mixture), "paintings": pixels, "iterations": iterations, "seed": seed}


def _unwatched(done: int, total: int) -> None:
    """Nobody looks on."""


def _file(row: ModelRow) -> Path:
    path = verified_carrier_file(row.source) if isinstance(row.source, Carrier) else weight_file(row)
    assert path is not None  # networks of these forms are files
    return path
