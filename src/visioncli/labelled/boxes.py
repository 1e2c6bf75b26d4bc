"""Pictures with boxes of objects: COCO, VOC, YOLO, CSV and `predictions.jsonl`, as the readers of `vision iou` give
them.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visioncli.datasets import recognise, roots
from visioncli.datasets.interface import Dataset, Images
from visioncli.labelled.annotations import Index, called, clipped, read_parts, trees_of
from visioncli.labelled.classes import ordered, split_named
from visioncli.labelled.interface import Example, SetError
from visioncli.labelled.trees import Tree, example

_NAMES_FILES = (recognise.Format.JSONL, recognise.Format.CSV)
"""Formats whose names of pictures are paths as somebody wrote them, from where he stood."""


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The objects of one picture.

    `boxes` `(n, 4) float64` are x1 y1 x2 y2 in pixels, inside of the picture where its size is known, `labels` `(n,)
    int64` places in the classes of the set, `area` `(n,)` their square pixels, `crowd` `(n,)` regions of many
    objects, `ignore` `(n,)` objects that do not count ("difficult"). `size` are width and height as the annotations
    have them, 0 where they do not say.
    """

    boxes: np.ndarray
    labels: np.ndarray
    area: np.ndarray
    crowd: np.ndarray
    ignore: np.ndarray
    size: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def learned(self) -> "Objects":
        """Those that are single objects."""
        one = ~self.crowd
        return Objects(
            self.boxes[one], self.labels[one], self.area[one], self.crowd[one], self.ignore[one], self.size
        )


@dataclass(frozen=True, slots=True, eq=False)
class BoxSet:
    """Pictures and the objects in each; a picture may have none. The labels of an example are its classes."""

    source: str
    format: str
    classes: tuple[str, ...]
    examples: tuple[Example, ...]
    objects: tuple[Objects, ...]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.examples)


def read_boxes(name: str, images: str | None = None) -> BoxSet:
    """The boxes of an annotation file or of the root folder of a data set; `images` is the folder of its pictures.

    No picture is decoded. Raises SetError where annotations or all of their pictures are missing or wrong.
    """
    path = Path(name)
    with called(path, name):
        data = read_parts(path, images, empty=True)
    classes = ordered(one.categories.call(int(c)) for _, one in data for c in set(one.annotations.category.tolist()))
    if not classes:
        raise SetError(f"{name}: the annotations have no boxes.")
    numbers = {label: n for n, label in enumerate(classes)}
    finder, tally = _Finder(trees_of(name, images)), _Tally()
    examples: list[Example] = []
    objects: list[Objects] = []
    seen: dict[tuple[str, str], None] = {}
    for part, one in data:
        split = split_named(part.split) or ""
        for place, found in _pictures(one, numbers, tally):
            where = finder.find(one.images, place, part)
            if where is None:
                tally.missing_pictures += 1
                tally.first_missing = tally.first_missing or one.images.call(place)
                continue
            made = where(tuple(sorted(set(found.labels.tolist()))), split)
            if (made.path, split) in seen:
                raise SetError(f"{name}: {made.path} occurs twice. Give each picture once, with all of its boxes.")
            seen[made.path, split] = None
            examples.append(made)
            objects.append(found)
    if not examples:
        raise SetError(
            f"{name}: none of the {tally.missing_pictures:,} pictures of the annotations was found, such as "
            f"{tally.first_missing}. Name their folder with --images.",
            "not_found",
        )
    if not any(len(found.learned) for found in objects):
        raise SetError(f"{name}: no box of a single object is left to learn from.")
    warnings = [*(w for _, one in data for w in one.warnings), *tally.sentences()]
    return BoxSet(
        name, str(data[0][0].format), classes, tuple(examples), tuple(objects), tuple(dict.fromkeys(warnings))
    )


class _Tally:
    """What was left out."""

    def __init__(self) -> None:
        self.crowd = self.empty = self.missing_pictures = 0
        self.first_missing = ""

    def sentences(self) -> Iterator[str]:
        """One for each kind."""
        if self.crowd:
            yield f"{self.crowd:,} regions of many objects (crowd) are not learned from."
        if self.empty:
            yield f"{self.empty:,} boxes without a pixel inside of the picture are left out."
        if self.missing_pictures:
            yield (
                f"{self.missing_pictures:,} pictures of the annotations were not found and are left out; the first "
                f"is {self.first_missing}."
            )


def _pictures(data: Dataset, numbers: dict[str, int], tally: _Tally) -> Iterator[tuple[int, Objects]]:
    """The place in the dataset of each picture, and its objects."""
    annotations = data.annotations
    order = np.argsort(annotations.image, kind="stable")
    starts = np.searchsorted(annotations.image[order], np.arange(len(data.images) + 1))
    label = np.array([numbers.get(data.categories.call(c), -1) for c in range(len(data.categories))], np.int64)
    for place in range(len(data.images)):
        rows = order[starts[place] : starts[place + 1]]
        size = data.images.sizes[place].tolist()
        boxes = [clipped(annotations.xywh[row].tolist(), size) for row in rows.tolist()]
        kept = np.array([box is not None for box in boxes], bool)
        tally.empty += int((~kept).sum())
        rows = rows[kept]
        tally.crowd += int(annotations.crowd[rows].sum())
        yield (
            place,
            Objects(
                np.array([box for box in boxes if box is not None], np.float64).reshape(-1, 4),
                label[annotations.category[rows]],
                annotations.area[rows],
                annotations.crowd[rows],
                annotations.ignore[rows],
                (size[0], size[1]),
            ),
        )


class _Finder:
    """Pictures of annotations: below the folders that are looked through, or where their names say."""

    def __init__(self, trees: list[Tree]) -> None:
        self._index = Index(trees)

    def find(self, images: Images, place: int, part: roots.Part) -> "_Where | None":
        """None where there is no such picture. Raises SetError where it may be any of several."""
        name = images.names[place]
        if found := self._index.find(name, part.split) if name else None:
            return _Where(*found)
        if name and part.format in _NAMES_FILES and os.path.isfile(name):
            return _Where(None, name)
        return None


@dataclass(frozen=True, slots=True)
class _Where:
    """A file of a tree, or a file by its own path."""

    tree: Tree | None
    name: str

    def __call__(self, labels: tuple[int, ...], split: str) -> Example:
        if self.tree is not None:
            return example(self.tree, self.name, labels, split)
        folder, last = os.path.split(self.name)
        return Example(self.name, last, os.path.basename(folder), labels=labels, split=split)
