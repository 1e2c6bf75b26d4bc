"""From pictures with boxes to a set that can be learned from: each read once, divided, and looked at."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visioncli.engines import EngineOptions
from visioncli.labelled.boxes import BoxSet
from visioncli.labelled.interface import TEST, TRAIN, VAL, PictureSet
from visioncli.models import registry
from visioncli.models.row import ModelRow
from visioncli.results import Failure
from visioncli.runner import RunOptions
from visioncli.training.boxes.learners import learner_class
from visioncli.training.boxes.store import inside
from visioncli.training.data import augment
from visioncli.training.data import features as frozen
from visioncli.training.data.look import Look, Seen, look
from visioncli.training.data.parted import Parted, divided
from visioncli.training.data.split import groups_of, keep_together
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Watcher

OTHER_SIZE = "other_size"
"""Kind of failure of a picture that is not as large as its annotations say."""
_LEFT = 0.5
"""Of the validation part, what is left at least where nearly equal pictures are kept on one side."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxPrepared(Parted):
    """Pictures with boxes that were looked at. Everything is in the order of the pictures.

    `listed` has the classes that occur in each picture. `objects` `(C, N) int64` are those of single objects by class
    and picture, `sides` `(n, 2)` height and width of those to learn from, relative to their pictures, and `frames`
    `(n, 2)` those of these pictures, relative to their longer side. `row` takes pictures of the wanted size.
    """

    pictures: BoxSet
    listed: PictureSet
    row: ModelRow
    seen: tuple[Seen, ...]
    groups: tuple[str, ...] | None
    places: np.ndarray
    look: Look
    objects: np.ndarray
    sides: np.ndarray
    frames: np.ndarray
    mirror: bool
    remarks: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What changes when any picture, box or split does."""
        lines = [
            (s.sha256, o.boxes.tolist(), o.labels.tolist(), o.crowd.tolist(), str(place), *o.parts())
            for s, o, place in zip(self.seen, self.pictures.objects, self.places, strict=True)
        ]
        return hashlib.sha256(json.dumps([self.pictures.classes, lines]).encode()).hexdigest()


def prepare_boxes(
    pictures: BoxSet, row: ModelRow, recipe: Recipe, engine: EngineOptions, options: RunOptions, watcher: Watcher
) -> BoxPrepared:
    """Reads every picture once. Those that cannot be used are left out, and told of.

    Raises UsageError where a group's expression finds nothing, or the network has no input of that size.
    """
    if recipe.size is not None and (learner := learner_class(row)) is not None:
        row = learner.resized(row, recipe.size)
    listed = PictureSet(
        pictures.source, pictures.format, pictures.classes, pictures.examples, multi_label=True,
        # Pictures of one camera nearly equal each other, and their boxes do not: what the set says stays.
        warnings=pictures.warnings, published=any(example.split == VAL for example in pictures.examples),
    )  # fmt: skip
    seen, features = _read(pictures, engine, options, watcher)
    groups = groups_of(pictures.examples, pictures.classes, recipe.group) if recipe.group else None
    places = divided(listed, seen, groups, recipe)
    looked = look(listed, seen, places, features)
    told: list[str] = []
    if not listed.published and looked.leaks:
        places, looked, told = _together(listed, seen, places, looked, features)
    sizes = [(one.width, one.height) for one in seen]
    found = [inside(pictures, n, sizes[n]) for n in range(len(pictures))]
    objects = np.stack([np.bincount(labels, minlength=len(pictures.classes)) for _, labels in found], 1)
    learned = [n for n, one in enumerate(seen) if one.error is None and places[n] == TRAIN]
    sides = [_sides(found[n][0], sizes[n]) for n in learned]
    frames = [np.tile(np.array(sizes[n][::-1]) / max(sizes[n]), (len(found[n][0]), 1)) for n in learned]
    told.append(_counted(objects, seen, places))
    mirror = augment.may_mirror(pictures.classes) if recipe.mirror is None else recipe.mirror
    if pictures.points is not None and pictures.points.mirrored is None and mirror:
        mirror = False
        told.append(
            "Pictures are not mirrored: which keypoints are each other's mirror images is not known. Names with left "
            "and right tell, or a flip_index beside them."
        )
    return BoxPrepared(
        pictures, listed, row, seen, None if groups is None else tuple(groups), places, looked, objects,
        np.concatenate([np.zeros((0, 2)), *sides]), np.concatenate([np.zeros((0, 2)), *frames]), mirror, tuple(told),
    )  # fmt: skip


def _counted(objects: np.ndarray, seen: Sequence[Seen], places: np.ndarray) -> str:
    """How many objects each part has, as a sentence."""
    usable = np.array([one.error is None for one in seen], bool)
    counts = {part: int(objects[:, usable & (places == part)].sum()) for part in (TRAIN, VAL, TEST)}
    return "Objects: " + ", ".join(f"{part} {count:,}" for part, count in counts.items() if count) + "."


def _sides(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`(n, 2)` height and width of boxes, relative to a picture of `size` (width, height)."""
    relative: np.ndarray = (boxes[:, 2:] - boxes[:, :2])[:, ::-1] / np.array(size[::-1])
    return relative


def _together(
    listed: PictureSet, seen: Sequence[Seen], places: np.ndarray, looked: Look, features: np.ndarray
) -> tuple[np.ndarray, Look, list[str]]:
    """Nearly equal pictures on one side of our own border, as far as enough are left for validation."""
    given = ["" if e.split == TRAIN else e.split for e in listed.examples]
    kept = keep_together(places, given, looked.pairs)
    # What may still nearly equal another across it is named, and no reason to refuse the set.
    named = dataclasses.replace(listed, published=True)
    if (kept == VAL).sum() >= _LEFT * (places == VAL).sum():
        return kept, look(named, seen, kept, features), []
    alike = len({t.a for t in looked.leaks} | {t.b for t in looked.leaks})
    sentence = (
        f"{alike:,} pictures nearly equal others across the border of training and validation, too many to keep "
        "together: the numbers may be too good. --group says which pictures are of one source."
    )
    return places, look(named, seen, places, None), [sentence]


def _read(
    pictures: BoxSet, engine: EngineOptions, options: RunOptions, watcher: Watcher
) -> tuple[tuple[Seen, ...], np.ndarray]:
    """What reading each picture gave, and its features, by which nearly equal ones are found."""
    found = frozen.compute(
        pictures.examples,
        registry.find(registry.DEFAULTS["classify"], "classify"),
        views=0,
        engine=engine,
        options=options,
        advance=lambda done: watcher.progress("reading", done, len(pictures)),
    )
    seen = []
    for n, objects in enumerate(pictures.objects):
        width, height = found.sizes[n].tolist()
        error = found.failures.get(n) or _other_size(objects.size, (width, height))
        seen.append(Seen(error=error) if error else Seen(found.contents[n], width, height))
    return tuple(seen), found.vectors[:, 0].astype(np.float32)


def _other_size(said: tuple[int, int], size: tuple[int, int]) -> Failure | None:
    if 0 in said or said == size:
        return None
    return Failure(
        OTHER_SIZE,
        f"The annotations say that it is {said[0]} x {said[1]} pixels, but it is {size[0]} x {size[1]}: their boxes "
        "would be elsewhere. Correct the annotations, or give the pictures that they were made for.",
    )
