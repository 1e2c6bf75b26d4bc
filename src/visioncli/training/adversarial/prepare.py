"""From pictures to a set that a generator can learn from: each read once, made a small square, divided, looked at."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from visioncli.errors import UsageError
from visioncli.labelled import plain
from visioncli.labelled.content import load
from visioncli.labelled.interface import TRAIN, VAL, Example, PictureSet
from visioncli.labelled.recognise import read_set
from visioncli.labelled.trees import is_picture
from visioncli.models.row import InputSpec, ModelRow
from visioncli.networks.picture_shapes import SIZES
from visioncli.pictures import Picture
from visioncli.results import ModelInfo, Record
from visioncli.runner import run
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.preprocess import INTERPOLATION, crop_box
from visioncli.training.classes.prepare import are_signs, median_side
from visioncli.training.data import features as frozen
from visioncli.training.data.kept import Kept
from visioncli.training.data.look import Look, Seen, look
from visioncli.training.data.parted import Parted
from visioncli.training.data.split import groups_of, split
from visioncli.training.data.store import BUDGET
from visioncli.training.one_run import Where
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Watcher
from visioncli.weights.downloads import Access

FEWEST = 8
"""Pictures to learn from: of fewer nothing but themselves can be made."""
LEAST_VAL = 4
"""Pictures that made ones are compared with: fewer have no nearest neighbours."""
JUDGED, JUDGED_AT_END = 500, 2000
"""Made pictures that are measured at each look, and of the finished network; and as many real ones, at most."""


class Squares:
    """Pictures by place as `(S, S, C) uint8`, kept as far as memory allows. Any thread may ask.

    The shorter side is resized to S, and a square cut from the middle; C is 1 where all are grey.
    """

    def __init__(self, examples: Sequence[Example], spec: InputSpec, budget: int = BUDGET) -> None:
        self._examples, self._spec, self._kept = examples, spec, Kept(budget)
        self.channels = 3

    def get(self, place: int) -> np.ndarray:
        """The picture. Raises InputError."""
        found: np.ndarray = self._kept.get(place, lambda: self._made(place))
        if found.shape[2] == self.channels:
            return found
        return np.repeat(found, 3, axis=2) if self.channels == 3 else found[:, :, :1]

    def several(self, places: np.ndarray) -> np.ndarray:
        """`(N, S, S, C) uint8`."""
        side = self._spec.size
        return np.stack([self.get(n) for n in places.tolist()]) if len(places) else np.zeros(
            (0, side, side, self.channels), np.uint8
        )  # fmt: skip

    def learn_of(self, place: int, picture: Picture) -> bool:
        """Keeps a picture that was decoded anyhow; whether it is grey."""
        made: np.ndarray = self._kept.get(place, lambda: square(picture, self._spec))
        return bool(made.shape[2] == 1)

    def _made(self, place: int) -> np.ndarray:
        return square(load(self._examples[place], enough=2 * self._spec.size), self._spec)


def square(picture: Picture, spec: InputSpec) -> np.ndarray:
    """`(S, S, 3) uint8`, or `(S, S, 1)` of a grey picture."""
    image = picture.image
    box = crop_box(*image.size, spec)
    pixels = np.asarray(image.resize((spec.size, spec.size), INTERPOLATION[spec.interpolation], box=box))
    grey = (pixels[:, :, :1] == pixels).all()
    return np.ascontiguousarray(pixels[:, :, :1]) if grey else pixels


@dataclass(frozen=True, slots=True, eq=False)
class PicturesReady(Parted):
    """Pictures that were looked at. Everything is in the order of the set."""

    listed: PictureSet
    row: ModelRow
    seen: tuple[Seen, ...]
    groups: tuple[str, ...] | None
    places: np.ndarray
    look: Look
    squares: Squares
    mirror: bool

    @property
    def digest(self) -> str:
        """What changes when any picture, class or split does."""
        lines = [
            f"{s.sha256} {example.labels} {place}"
            for s, example, place in zip(self.seen, self.listed.examples, self.places, strict=True)
        ]
        return hashlib.sha256(json.dumps([self.listed.classes, lines]).encode()).hexdigest()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that can be asked for; empty where each picture has not one of several."""
        many = len(self.listed.classes) > 1 and not self.listed.multi_label
        return self.listed.classes if many else ()

    def labels(self, places: np.ndarray) -> np.ndarray:
        """`(N,) int64` classes, 0 where there are none."""
        if not self.classes:
            return np.zeros(len(places), np.int64)
        return np.array([self.listed.examples[n].label for n in places.tolist()], np.int64)


def read_pictures(name: str, images: str | None, access: Access) -> PictureSet:
    """The pictures that the user named, with their classes where they have any. Raises SetError, UsageError."""
    tree = plain.tree_of(name) if images is None else None
    if tree is not None and any(is_picture(n) for n in tree.files) and plain.has_no_classes(tree):
        return plain.read(tree)
    return read_set(name, images=images, access=access)


def prepare_pictures(
    pictures: PictureSet, row: ModelRow, recipe: Recipe, where: Where, watcher: Watcher
) -> PicturesReady:
    """Reads every picture once. Unreadable ones are left out, and told of.

    Raises UsageError where fewer than FEWEST can be learned from.
    """
    noun = pictures.format if not pictures.classes else f"{len(pictures.classes):,} classes, {pictures.format}"
    count = "1 picture" if len(pictures) == 1 else f"{len(pictures):,} pictures"
    watcher.say(f"{count} to learn to make others like them ({noun}).")
    row = dataclasses.replace(row, input=_input(pictures, row, recipe))
    contents = frozen.hashes(pictures.examples, where.options.workers)
    squares = Squares(pictures.examples, row.input)
    seen, grey = _read(pictures, contents, squares, where, watcher)
    if grey:
        squares.channels = 1
    groups = groups_of(pictures.examples, pictures.classes, recipe.group) if recipe.group else None
    places = _divided(pictures, seen, groups, recipe)
    mirror = recipe.mirror if recipe.mirror is not None else not (pictures.classes and are_signs(pictures))
    found = look(pictures, seen, places)
    ready = PicturesReady(
        pictures, row, tuple(seen), None if groups is None else tuple(groups), places, found, squares,
        mirror and recipe.augment != "none",
    )  # fmt: skip
    _refuse(ready)
    return ready


def _refuse(ready: PicturesReady) -> None:
    found, source = ready.look, ready.listed.source
    if len(found) and len(found.unreadable) == len(found):
        k, error = found.unreadable[0]
        raise UsageError(f"No picture of {source} can be read, such as {found.paths[k]}: {error.message}")
    learned, compared = len(ready.part(TRAIN)), len(ready.part(VAL))
    if learned < FEWEST or compared < LEAST_VAL:
        count = "one picture" if learned + compared == 1 else f"{learned + compared:,} pictures"
        raise UsageError(
            f"{source} has {count} that can be read, {learned:,} to learn from and {compared:,} to compare with. To "
            f"learn to make others, give at least {FEWEST} and {LEAST_VAL}; some hundreds are a beginning."
        )


def _divided(pictures: PictureSet, seen: Sequence[Seen], groups: Sequence[str] | None, recipe: Recipe) -> np.ndarray:
    """`(N,)` TRAIN, VAL or TEST. What cannot be read takes no place from the others in the validation part."""
    given = [example.split for example in pictures.examples]
    places = np.array([place or TRAIN for place in given], dtype=object).astype("U5")
    good = [n for n, one in enumerate(seen) if one.error is None]
    many = len(pictures.classes) > 1 and not pictures.multi_label
    labels = [pictures.examples[n].label for n in good] if many else None
    sources = None if groups is None else [groups[n] for n in good]
    parted = split(
        [seen[n].sha256 for n in good], labels, [given[n] for n in good], sources, seed=recipe.seed,
        val_share=recipe.share_for(len(good)),
    )  # fmt: skip
    places[good] = parted
    return places


def _input(pictures: PictureSet, row: ModelRow, recipe: Recipe) -> InputSpec:
    """The pictures that are made, by the size of those to learn from: the next below that is made here."""
    size = recipe.size
    if size is not None and size not in SIZES:
        raise UsageError(f"--size is a multiple of 4 from {SIZES[0]} to {SIZES[-1]} for --task generate, not {size}.")
    if size is None:
        side = median_side(pictures)
        size = next((s for s in (64, 48, 32) if s <= side), SIZES[0])
    return dataclasses.replace(row.input, size=size, resize=size)


class _Reading(Task):
    """Makes a square of each picture, and tells whether it is grey."""

    name = "read"

    def __init__(self, squares: Squares, places: dict[str, int]) -> None:
        self.labels, self.settings = {}, {}
        self.model = ModelInfo("", None)
        self._squares, self._places = squares, places

    def prepare(self, picture: Picture) -> None:
        """Never called: which picture it is must be known."""
        raise NotImplementedError

    def prepare_item(self, item: Example, picture: Picture) -> bool:  # type: ignore[override]
        """Whether the picture is grey."""
        return self._squares.learn_of(self._places[item.path], picture)

    def predict(self, batch: Sequence[bool]) -> list[Answer]:
        """That, for each."""
        return [Answer((), {"grey": grey}) for grey in batch]


def _read(
    pictures: PictureSet, contents: Sequence[str], squares: Squares, where: Where, watcher: Watcher
) -> tuple[list[Seen], bool]:
    """What reading each gave, and whether all are grey."""
    places = {example.path: n for n, example in enumerate(pictures.examples)}
    seen: list[Seen] = []
    grey = True
    told = partial(watcher.progress, "reading")
    for n, outcome in enumerate(run(pictures.examples, _Reading(squares, places), where.options)):
        record: Record = outcome.record
        size = record.width or 0, record.height or 0
        seen.append(Seen(error=record.error) if record.error else Seen(contents[n], *size))
        grey = grey and (record.error is not None or bool(record.extra.get("grey")))
        told(n + 1, len(pictures))
    return seen, grey
