"""From what the user named to pictures that can be learned from: read, split, looked at, and their features."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from visioncli.engines import EngineOptions
from visioncli.errors import InputError, UsageError
from visioncli.labelled.content import load
from visioncli.labelled.interface import TRAIN, PictureSet
from visioncli.models.row import InputSpec, ModelRow
from visioncli.pictures import Picture
from visioncli.results import ModelInfo
from visioncli.runner import RunOptions, run
from visioncli.tasks.interface import Answer, Task
from visioncli.training.data import features as frozen
from visioncli.training.data.augment import TINY
from visioncli.training.data.look import Look, Seen, settled
from visioncli.training.data.parted import Parted
from visioncli.training.data.split import groups_of, remarks, split
from visioncli.training.recipe import TINY_SIZE, Recipe, Start, Unfreeze
from visioncli.training.watch import Watcher

_SAMPLED = 24


@dataclass(frozen=True, slots=True, eq=False)
class Prepared(Parted):
    """A set that was looked at. Everything is in the order of its pictures.

    `row` is the network to begin with, its input as this run has it. `plain` `(N, F) float16` are the features of the
    pictures as they are, `views` `(T, K, F) float16` those of augmented views of the pictures `viewed` `(T,)`; None
    from scratch. `places` `(N,)` are TRAIN, VAL or TEST, `cost` is what computing the features took. `described`
    `(N, D) float32` says what recordings sound like, by which doubtful labels are found.
    """

    pictures: PictureSet
    row: ModelRow
    mirror: bool
    seen: tuple[Seen, ...]
    groups: tuple[str, ...] | None
    places: np.ndarray
    look: Look
    plain: np.ndarray | None
    views: np.ndarray | None
    viewed: np.ndarray
    remarks: tuple[str, ...]
    cost: dict[str, Any]
    described: np.ndarray | None = None

    @property
    def listed(self) -> PictureSet:
        """The pictures with their classes."""
        return self.pictures

    @property
    def digest(self) -> str:
        """What changes when any picture, answer or split does."""
        lines = [
            f"{s.sha256} {example.labels} {place}"
            for s, example, place in zip(self.seen, self.pictures.examples, self.places, strict=True)
        ]
        return hashlib.sha256(json.dumps([self.pictures.classes, lines]).encode()).hexdigest()


def prepare(
    pictures: PictureSet,
    row: ModelRow,
    recipe: Recipe,
    engine: EngineOptions,
    options: RunOptions,
    watcher: Watcher,
) -> Prepared:
    """Reads every picture once. Unreadable ones are left out, and told of.

    Raises UsageError where a group's expression finds nothing, ModelUnavailable (weights).
    """
    row = dataclasses.replace(row, input=_input(pictures, row, recipe))
    mirror = recipe.mirror if recipe.mirror is not None else not are_signs(pictures)
    contents = frozen.hashes(pictures.examples, options.workers)
    groups = groups_of(pictures.examples, pictures.classes, recipe.group) if recipe.group else None
    given = [example.split for example in pictures.examples]
    labels = None if pictures.multi_label else [example.label for example in pictures.examples]
    parting: dict[str, Any] = {"seed": recipe.seed, "val_share": recipe.share_for(len(pictures))}
    places = split(contents, labels, given, groups, **parting)
    told = remarks(places, contents, labels, given, pictures.classes, groups, **parting)
    viewed = np.flatnonzero(places == TRAIN)
    if recipe.start is Start.SCRATCH:
        seen = _read(pictures, contents, options, watcher)
        plain, views, cost = None, None, dict[str, Any]()
    else:
        seen, plain, views, cost = _features(
            pictures, contents, places, row, recipe, mirror, engine, options, watcher
        )
    # Our own border must not part pictures that nearly equal each other.
    places, looked = settled(pictures, seen, places, plain)
    return Prepared(
        pictures, row, mirror, tuple(seen), None if groups is None else tuple(groups), places, looked,
        plain, views, viewed, tuple(told), cost,
    )  # fmt: skip


def _input(pictures: PictureSet, row: ModelRow, recipe: Recipe) -> InputSpec:
    """The network's input, at the size that is trained at.

    Tiny pictures are seen whole: cutting the border off a digit would cut off a part of it.
    """
    spec = row.input
    tiny = 0 < median_side(pictures) <= TINY
    if row.architecture.startswith("lenet"):
        if recipe.size not in (None, spec.size):
            raise UsageError(f"{row.name} takes pictures of {spec.size} pixels only. Leave out --size.")
        return dataclasses.replace(spec, resize=spec.size if spec.resize else 0)
    size = recipe.size
    if size is None:
        unfrozen = recipe.unfreeze is not Unfreeze.NONE and recipe.start is Start.PRETRAINED
        size = min(spec.size, TINY_SIZE) if tiny and unfrozen else spec.size
    resize = size if tiny and spec.resize else round(spec.resize * size / spec.size)
    return dataclasses.replace(spec, size=size, resize=resize)


def median_side(pictures: PictureSet) -> float:
    """The shorter side, in pixels, of the middle one of some pictures; 0 where none of them can be read."""
    step = max(1, len(pictures) // _SAMPLED)
    sides = []
    for example in pictures.examples[::step][:_SAMPLED]:
        try:
            picture = load(example)
        except (InputError, OSError):
            continue  # it will be told of when all are read
        sides.append(min(picture.width, picture.height))
    return float(np.median(sides)) if sides else 0.0


def are_signs(pictures: PictureSet) -> bool:
    """Whether classes are digits or letters, which mirroring turns into others or into none."""
    return all(len(name) == 1 and name.isalnum() for name in pictures.classes)


def _features(
    pictures: PictureSet,
    contents: Sequence[str],
    places: np.ndarray,
    row: ModelRow,
    recipe: Recipe,
    mirror: bool,
    engine: EngineOptions,
    options: RunOptions,
    watcher: Watcher,
) -> tuple[list[Seen], np.ndarray, np.ndarray, dict[str, Any]]:
    """What was seen, plain features, views of the pictures for training by their content, and what they cost."""
    train = np.flatnonzero(places == TRAIN)
    rest = np.flatnonzero(places != TRAIN)
    count = frozen.views_for(len(train)) if recipe.views is None else recipe.views
    seen = [Seen()] * len(pictures)
    plain: np.ndarray | None = None
    views = np.zeros((0, count, 0), np.float16)
    computed, seconds, cached = 0, 0.0, 0
    for part, number in ((train, count), (rest, 0)):
        base = 0 if part is train else len(train)
        found = frozen.compute(
            [pictures.examples[n] for n in part.tolist()],
            row,
            views=number,
            seed=recipe.seed,
            mirror=mirror,
            engine=engine,
            options=options,
            contents=[contents[n] for n in part.tolist()],
            advance=partial(_advance, watcher, base, len(pictures)),
        )
        width = found.vectors.shape[2]
        if plain is None or not plain.shape[1]:
            plain = np.zeros((len(pictures), width), np.float16)
        if width:
            plain[part] = found.vectors[:, 0]
        if part is train:
            views = found.vectors[:, 1:]
        for k, n in enumerate(part.tolist()):
            error = found.failures.get(k)
            w, h = found.sizes[k].tolist()
            seen[n] = Seen(error=error) if error else Seen(found.contents[k], w, h)
        computed += found.computed
        seconds += found.seconds
        cached += len(part) * (1 + number) - found.computed - len(found.failures) * (1 + number)
    assert plain is not None
    each = 1000 * seconds / computed if computed else None
    cost = {"views": count, "computed": computed, "cached": cached, "ms_per_picture": each}
    return seen, plain, views, cost


def _advance(watcher: Watcher, base: int, total: int, done: int) -> None:
    watcher.progress("features", base + done, total)


class _Reading(Task):
    """Reads pictures, and nothing else."""

    name = "read"

    def __init__(self) -> None:
        self.labels, self.settings = {}, {}
        self.model = ModelInfo("", None)

    def prepare(self, picture: Picture) -> None:
        """Nothing is needed of it."""

    def predict(self, batch: Sequence[None]) -> list[Answer]:
        """Nothing is answered."""
        return [Answer(()) for _ in batch]


def _read(pictures: PictureSet, contents: Sequence[str], options: RunOptions, watcher: Watcher) -> list[Seen]:
    seen = []
    outcomes = run(pictures.examples, _Reading(), options)
    for n, outcome in enumerate(outcomes):
        record = outcome.record
        sizes = record.width or 0, record.height or 0
        seen.append(Seen(error=record.error) if record.error else Seen(contents[n], *sizes))
        watcher.progress("reading", n + 1, len(pictures))
    return seen


def head_features(prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """`(M, F) float16` features to fit a head on, plain ones and views, and `(M,) int64` the pictures they are of."""
    train = prepared.part(TRAIN)
    assert prepared.plain is not None and prepared.views is not None
    usable = np.isin(prepared.viewed, train)
    count = prepared.views.shape[1]
    views = prepared.views[usable].reshape(-1, prepared.plain.shape[1])
    pictures = np.concatenate([train, np.repeat(prepared.viewed[usable], count)])
    return np.concatenate([prepared.plain[train], views]), pictures
