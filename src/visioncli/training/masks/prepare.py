"""From pictures with masks to a set that can be learned from: each read once, divided, and looked at."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from visioncli.engines import EngineOptions
from visioncli.errors import InputError, ModelUnavailable, UsageError
from visioncli.labelled import content
from visioncli.labelled.interface import TRAIN, Example, PictureSet
from visioncli.labelled.masks import MaskSet, with_classes
from visioncli.models import registry
from visioncli.models.mask_learners import as_learner
from visioncli.models.row import ModelRow
from visioncli.results import Failure
from visioncli.runner import RunOptions
from visioncli.training.data import features as frozen
from visioncli.training.data.look import Look, Seen, settled
from visioncli.training.data.parted import Parted, divided
from visioncli.training.data.split import groups_of
from visioncli.training.recipe import Balance, Recipe
from visioncli.training.watch import Watcher

SIDE, LEAST_SIDE = 256, 32
"""Of the crops that are learned from: as much around a place as most answers need, and eight of them a step."""
VISITS = 200
"""An epoch has so many crops at least, so that it still means something with twenty pictures."""
RARE = 20
"""Classes with so many times fewer pixels than another are weighed: for the others Dice's loss cares already."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskPrepared(Parted):
    """Pictures and masks that were looked at. Everything is in the order of the pictures.

    `row` is that of the network that learns, `base` that which it is made of. `listed` has the classes that occur in
    each picture. `pixels` `(C,) int64` are those to learn from by class. `side` is that of crops, of which each
    picture gives `crops` an epoch; `area` is that of a picture, on average.
    """

    pictures: MaskSet
    listed: PictureSet
    row: ModelRow
    base: ModelRow
    seen: tuple[Seen, ...]
    groups: tuple[str, ...] | None
    places: np.ndarray
    look: Look
    masks: tuple[str, ...]
    pixels: np.ndarray
    mirror: bool
    turns: bool
    side: int
    crops: int
    area: float
    remarks: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What changes when any picture, mask or split does."""
        lines = [
            f"{s.sha256} {mask} {place}" for s, mask, place in zip(self.seen, self.masks, self.places, strict=True)
        ]
        facts = [self.pictures.classes, sorted(self.pictures.values.items()), self.pictures.ignore_index, lines]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def weights(self, balance: Balance) -> np.ndarray | None:
        """`(C,)` weights of classes, by the root of how rare their pixels are, 1 on average over pixels; None where
        they are about as many."""
        known = self.pixels[self.pixels > 0]
        if balance is Balance.NONE or len(known) < 2 or known.max() < RARE * known.min():
            return None
        weights = np.where(self.pixels > 0, 1 / np.sqrt(np.maximum(self.pixels, 1)), 0.0)
        scaled: np.ndarray = weights * self.pixels.sum() / (weights * self.pixels).sum()
        return scaled


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What reading a picture and its mask gave: pixels by number in the mask."""

    seen: Seen
    numbers: dict[int, int] = dataclasses.field(default_factory=dict)
    mask: str = ""


def prepare_masks(
    pictures: MaskSet,
    names: tuple[str, ...] | None,
    base: ModelRow,
    recipe: Recipe,
    options: RunOptions,
    watcher: Watcher,
    engine: EngineOptions | None = None,
) -> MaskPrepared:
    """Reads every picture and mask once. Those that cannot be used are left out, and told of. `engine` runs the
    network whose features tell which pictures nearly equal each other; without it only equal ones are found. `base`
    is the network to begin with, its weights there.

    Raises SetError where masks hold no classes, UsageError where a group's expression finds nothing.
    """
    row = as_learner(base)
    read = _read_all(pictures, options, watcher)
    found = [number for one in read for number in one.numbers]
    if not found:
        error = next((one.seen.error for one in read if one.seen.error is not None), None)
        first = f" The first: {error.message}" if error is not None else ""
        raise UsageError(f"No picture of {pictures.source} can be used with its mask.{first}")
    pictures, told = with_classes(pictures, found, names, recipe.ignore_index)
    read = [_checked(pictures, n, one) for n, one in enumerate(read)]
    classes = len(pictures.classes)
    counts = np.stack([_by_class(pictures, one.numbers, classes) for one in read])
    examples = tuple(
        dataclasses.replace(e, labels=tuple(np.flatnonzero(row_).tolist()))
        for e, row_ in zip(pictures.examples, counts, strict=True)
    )
    listed = PictureSet(
        pictures.source, pictures.format, pictures.classes, examples, multi_label=True, warnings=pictures.warnings
    )
    seen = tuple(one.seen for one in read)
    groups = groups_of(examples, pictures.classes, recipe.group) if recipe.group else None
    places = divided(listed, seen, groups, recipe)
    features = None if engine is None or recipe.allow_leaks else _features(examples, seen, engine, options, watcher)
    places, looked = settled(listed, seen, places, features, masks=True)
    sizes = [(one.width, one.height) for one in seen if one.error is None]
    turns = _are_tiles(sizes) if recipe.turns is None else recipe.turns
    if recipe.turns is None and turns:
        told.append(
            "Pictures are square and of one size, as pieces of maps and of microscopes' pictures are: crops are also "
            "turned by quarters. --no-turns leaves that out."
        )
    side, area = _side(sizes, recipe), float(np.mean([w * h for w, h in sizes]))
    learned = [n for n, one in enumerate(seen) if one.error is None and places[n] == TRAIN]
    crops = max(round(area / side**2), -(-VISITS // max(len(learned), 1)), 1)
    return MaskPrepared(
        pictures, listed, row, base, seen, None if groups is None else tuple(groups), places,
        looked, tuple(one.mask for one in read), counts[learned].sum(0),
        recipe.mirror is not False, turns, side, crops, area, tuple(told),
    )  # fmt: skip


def _features(
    examples: Sequence[Example], seen: Sequence[Seen], engine: EngineOptions, options: RunOptions, watcher: Watcher
) -> np.ndarray | None:
    """`(N, F) float32` features of the pictures by the embedded classifier, zeros of those that cannot be used; None
    where it is not there."""
    good = [n for n, one in enumerate(seen) if one.error is None]
    try:
        found = frozen.compute(
            [examples[n] for n in good],
            registry.find(registry.DEFAULTS["classify"]),
            views=0,
            engine=engine,
            options=dataclasses.replace(options, reduce=True),
            contents=[seen[n].sha256 for n in good],
            advance=partial(watcher.progress, "comparing", total=len(good)),
        )
    except ModelUnavailable:
        return None
    features = np.zeros((len(seen), found.vectors.shape[2]), np.float32)
    features[good] = found.vectors[:, 0]
    return features


def _side(sizes: Sequence[tuple[int, int]], recipe: Recipe) -> int:
    """What was asked for; else SIDE, of smaller pictures less, and in multiples of what networks halve."""
    if recipe.size is not None:
        if recipe.size % LEAST_SIDE:
            raise UsageError(f"--size of crops is a multiple of {LEAST_SIDE}, not {recipe.size}.")
        return recipe.size
    shorter = int(np.median([min(size) for size in sizes]))
    return max(LEAST_SIDE, min(SIDE, shorter // LEAST_SIDE * LEAST_SIDE))


def _are_tiles(sizes: Sequence[tuple[int, int]]) -> bool:
    return len(set(sizes)) == 1 and sizes[0][0] == sizes[0][1]


def _read_all(pictures: MaskSet, options: RunOptions, watcher: Watcher) -> list[_Read]:
    from concurrent.futures import ThreadPoolExecutor

    found = []
    with ThreadPoolExecutor(options.workers) as pool:
        for n, one in enumerate(pool.map(partial(_read, pictures, options), range(len(pictures)))):
            found.append(one)
            watcher.progress("reading", n + 1, len(pictures))
    return found


def _read(pictures: MaskSet, options: RunOptions, place: int) -> _Read:
    example = pictures.examples[place]
    try:
        picture = content.load(example, max_pixels=options.max_pixels, allow_truncated=options.allow_truncated)
        numbers = pictures.numbers(place, (picture.height, picture.width))
        values, counts = np.unique(numbers, return_counts=True)
        sha256, mask = content.sha256(example), pictures.sha256(place)
    except InputError as problem:
        return _Read(Seen(error=Failure(problem.kind, str(problem))))
    except OSError as problem:
        return _Read(Seen(error=Failure("read_failed", f"{problem.strerror or problem}.")))
    return _Read(
        Seen(sha256, picture.width, picture.height), dict(zip(values.tolist(), counts.tolist(), strict=True)), mask
    )


def _checked(pictures: MaskSet, place: int, one: _Read) -> _Read:
    """The same, with the failure of a mask that holds numbers which are no class."""
    if one.seen.error is not None:
        return one
    known = pictures.values.keys() | ({pictures.ignore_index} if pictures.ignore_index is not None else set())
    if one.numbers.keys() <= known:
        return one
    try:
        pictures.mask(place, (one.seen.height, one.seen.width))
    except InputError as problem:
        return _Read(Seen(error=Failure(problem.kind, str(problem))))
    return one


def _by_class(pictures: MaskSet, numbers: dict[int, int], classes: int) -> np.ndarray:
    found = np.zeros(classes, np.int64)
    for number, count in numbers.items():
        if number in pictures.values and number != pictures.ignore_index:
            found[pictures.values[number]] += count
    return found
