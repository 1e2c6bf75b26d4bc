"""Pictures of two kinds, as CycleGAN learns from them: looked at once, and cut anew each time they are seen."""

import dataclasses
import math

import numpy as np
from PIL import Image

from visioncli.errors import InputError, UsageError
from visioncli.labelled.content import load
from visioncli.labelled.interface import TRAIN, VAL, Example, PictureSet
from visioncli.labelled.two_kinds import read_two_kinds
from visioncli.models.row import InputSpec, ModelRow
from visioncli.networks.cyclegan import MULTIPLE
from visioncli.tasks.preprocess import crop_box
from visioncli.training.classes.prepare import Prepared, prepare
from visioncli.training.data.augment import TINY
from visioncli.training.data.kept import Kept
from visioncli.training.data.look import look
from visioncli.training.data.parted import divided, some
from visioncli.training.data.store import BUDGET
from visioncli.training.one_run import Where
from visioncli.training.recipe import Recipe, Start
from visioncli.training.watch import Watcher

SIZE = 64
"""Side of the parts of photographs that are learned from, where none is chosen: what a processor without help does in
some minutes. Smaller pictures are learned from as they are."""
LEAST, MOST = 16, 512
FEWEST = 3
"""Pictures of each kind: two to learn from, and one to look at."""
LOOKED_AT = 500
"""Held-out pictures of each kind that are translated and measured, at most."""
SCALES = 2.0
"""A photograph is kept at so many times the side that is learned from, so that parts of it down to half its side are
sharp."""
SMALLEST_PART = 0.5
"""Side of the smallest part of a photograph that is cut from it, of its shorter one."""
_SAMPLED = 24


def prepare_two_kinds(
    data: str, base: ModelRow, recipe: Recipe, where: Where, watcher: Watcher
) -> tuple[Prepared, tuple[str, ...]]:
    """Both folders of `data`, each picture read once, and remarks about them. Unreadable ones are left out, and told
    of.

    Raises SetError where there are not two folders, UsageError where there are too few pictures in one.
    """
    pictures = read_two_kinds(data)
    first, second = pictures.classes
    watcher.say(f"{len(pictures):,} pictures to learn to make {second} of {first}, and {first} of {second}.")
    nothing_known = dataclasses.replace(recipe, start=Start.SCRATCH, size=None)
    found = prepare(pictures, base, nothing_known, where.engine, where.options, watcher)
    # What cannot be read must not be all that a kind has to look at.
    places = divided(pictures, found.seen, found.groups, recipe, by_class=True)
    found = dataclasses.replace(found, places=places, look=look(pictures, found.seen, places))
    _refuse(found)
    # Digits and letters are tiny, and a mirrored one is none.
    tiny = _median_side(found) <= TINY
    mirror = (recipe.mirror if recipe.mirror is not None else not tiny) and recipe.augment != "none"
    row = dataclasses.replace(found.row, input=_input(found, recipe))
    return dataclasses.replace(found, row=row, mirror=mirror), tuple(_remarks(found, row.input))


def _refuse(found: Prepared) -> None:
    found.look.refuse(allow_leaks=True, fewest=1)
    for label, kind in enumerate(found.pictures.classes):
        of_kind = [n for n, example in enumerate(found.pictures.examples) if example.label == label]
        good = [n for n in of_kind if found.seen[n].error is None]
        learned = sum(found.places[n] == TRAIN for n in good)
        held = sum(found.places[n] == VAL for n in good)
        if len(good) < FEWEST or not learned or not held:
            count = "1 picture" if len(good) == 1 else f"{len(good):,} pictures"
            raise UsageError(
                f"{found.pictures.source} has {count} of {kind} that can be read, {learned:,} to learn from and "
                f"{held:,} to look at. A translation takes at least {FEWEST} of each kind; some hundreds are a "
                "beginning."
            )


def _median_side(found: Prepared) -> float:
    sides = [min(one.width, one.height) for one in found.seen if one.error is None]
    return float(np.median(sides))


def _input(found: Prepared, recipe: Recipe) -> InputSpec:
    """Tiny pictures are learned from as they are, of others parts."""
    side = _median_side(found)
    size = recipe.size
    if size is None:
        size = min(max(LEAST, math.ceil(side / MULTIPLE) * MULTIPLE), SIZE)
    if size % MULTIPLE or not LEAST <= size <= MOST:
        raise UsageError(
            f"--size is a multiple of {MULTIPLE} from {LEAST} to {MOST} for --task translate, not {size}."
        )
    resize = size if side <= TINY else min(round(SCALES * size), round(side))
    return dataclasses.replace(found.row.input, size=size, resize=max(size, resize))


def _remarks(found: Prepared, spec: InputSpec) -> list[str]:
    """Sentences about what one should know before hours of learning."""
    remarks = list(found.remarks)
    sizes = {(one.width, one.height) for one in found.seen if one.error is None}
    if len(sizes) > 1:
        remarks.append(
            f"Pictures are of several sizes: the shorter side of each becomes {spec.resize} pixels, and squares of "
            f"{spec.size} are cut from them."
        )
    grey = [kind for label, kind in enumerate(found.pictures.classes) if _is_grey(found, label)]
    if len(grey) == 1:
        remarks.append(
            f"The pictures of {grey[0]} are grey: what is translated into them loses its colours, and what is made "
            "of them gets colours that nothing tells."
        )
    return remarks


def _is_grey(found: Prepared, label: int) -> bool:
    """Whether a sample of the pictures of a kind has no colours."""
    places = [n for n, e in enumerate(found.pictures.examples) if e.label == label and found.seen[n].error is None]
    for place in places[:: max(1, len(places) // _SAMPLED)][:_SAMPLED]:
        try:
            pixels = np.asarray(load(found.pictures.examples[place], enough=SIZE).image)
        except (InputError, OSError):
            continue  # it was there when it was read
        if (pixels != pixels[:, :, :1]).any():
            return False
    return True


def part_of(found: Prepared, label: int, place: str) -> np.ndarray:
    """`(M,) int64` the places of readable pictures of a kind in a part of the set."""
    labels = np.array([example.label for example in found.pictures.examples])
    places = found.part(place)
    of_kind: np.ndarray = places[labels[places] == label]
    return of_kind


class Kind:
    """Pictures of one kind to learn from, by number from 0; any thread may ask."""

    def __init__(
        self, pictures: PictureSet, places: np.ndarray, spec: InputSpec, *, mirror: bool, budget: int = BUDGET // 2
    ) -> None:
        self._examples: list[Example] = [pictures.examples[n] for n in places.tolist()]
        self._spec, self._mirror, self._kept = spec, mirror, Kept(budget)

    def __len__(self) -> int:
        return len(self._examples)

    def drawn(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """`(S, S, 3) uint8`: a square part of picture `number`, anywhere in it and of a side between SMALLEST_PART of
        its shorter side and that; mirrored or not. What is as small as S is seen whole. Raises InputError."""
        chance = rng.random(4)
        pixels: np.ndarray = self._kept.get(number, lambda: self._shrunk(self._examples[number]))
        height, width = pixels.shape[:2]
        size = self._spec.size
        least = max(SMALLEST_PART * min(height, width), min(size, height, width))
        side = round(least + chance[0] * (min(height, width) - least))
        left, top = (int(c * (length - side + 1)) for c, length in zip(chance[1:3], (width, height), strict=True))
        part = pixels[top : top + side, left : left + side]
        if side != size:
            part = np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC))
        return part[:, ::-1] if self._mirror and chance[3] < 0.5 else part

    def _shrunk(self, example: Example) -> np.ndarray:
        image = load(example, enough=self._spec.resize).image
        short = min(image.size)
        if short > self._spec.resize:
            width, height = (max(1, round(side * self._spec.resize / short)) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
        return np.asarray(image)


def whole_squares(pictures: PictureSet, places: np.ndarray, spec: InputSpec) -> np.ndarray:
    """`(N, S, S, 3) uint8`: the largest square in the middle of each, at most LOOKED_AT of them."""
    whole = dataclasses.replace(spec, resize=spec.size)
    found = []
    for place in some(places, LOOKED_AT).tolist():
        image = load(pictures.examples[place], enough=2 * spec.size).image
        box = crop_box(*image.size, whole)
        found.append(np.asarray(image.resize((spec.size, spec.size), Image.Resampling.BICUBIC, box=box)))
    return np.stack(found)
