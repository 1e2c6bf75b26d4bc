"""Pictures with boxes of objects: COCO, VOC, YOLO, CSV and `predictions.jsonl`, as the readers of `vision iou` give
them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from visioncli.datasets import recognise, roots
from visioncli.datasets.interface import Dataset, DatasetError, Images, PartsMissing, Rle
from visioncli.labelled.annotations import Index, Missing, called, clipped, read_parts, trees_of
from visioncli.labelled.classes import ordered, split_named
from visioncli.labelled.coco_points import PointNames, read_points
from visioncli.labelled.interface import Example, SetError
from visioncli.labelled.trees import Tree, example

Parts = Literal["", "masks", "keypoints"]
"""What is read of objects beside their boxes."""
_NAMES_FILES = (recognise.Format.JSONL, recognise.Format.CSV)
"""Formats whose names of pictures are paths as somebody wrote them, from where he stood."""


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The objects of one picture.

    `boxes` `(n, 4) float64` are x1 y1 x2 y2 in pixels, inside of the picture where its size is known, `labels` `(n,)
    int64` places in the classes of the set, `area` `(n,)` their square pixels, `crowd` `(n,)` regions of many
    objects, `ignore` `(n,)` objects that do not count ("difficult"). `size` are width and height as the annotations
    have them, 0 where they do not say. Where they were asked for, `masks` are run-length encodings of the whole
    picture, and `points` `(n, K, 3) float64` keypoints, x, y and visibility, which is 0 where nobody marked them.
    """

    boxes: np.ndarray
    labels: np.ndarray
    area: np.ndarray
    crowd: np.ndarray
    ignore: np.ndarray
    size: tuple[int, int] = (0, 0)
    masks: tuple[Rle, ...] | None = None
    points: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def parts(self) -> list[Any]:
        """The masks or keypoints, as JSON values; nothing where they were not asked for."""
        if self.masks is not None:
            return [[mask["size"], mask["counts"].decode("ascii")] for mask in self.masks]
        return [] if self.points is None else list(self.points.tolist())

    @property
    def learned(self) -> "Objects":
        """Those that are single objects."""
        one = ~self.crowd
        return Objects(
            self.boxes[one],
            self.labels[one],
            self.area[one],
            self.crowd[one],
            self.ignore[one],
            self.size,
            None if self.masks is None else tuple(self.masks[n] for n in np.flatnonzero(one)),
            None if self.points is None else self.points[one],
        )


@dataclass(frozen=True, slots=True, eq=False)
class BoxSet:
    """Pictures and the objects in each; a picture may have none. The labels of an example are its classes. `points`
    says what the keypoints of all objects are, where they have them."""

    source: str
    format: str
    classes: tuple[str, ...]
    examples: tuple[Example, ...]
    objects: tuple[Objects, ...]
    warnings: tuple[str, ...] = ()
    points: PointNames | None = None

    def __len__(self) -> int:
        return len(self.examples)


def read_boxes(name: str, images: str | None = None, parts: Parts = "") -> BoxSet:
    """The boxes of an annotation file or of the root folder of a data set; `images` is the folder of its pictures.

    With `parts` every object has a mask or keypoints too; of keypoints only the categories are read that have them.
    No picture is decoded. Raises SetError where annotations or all of their pictures are missing or wrong.
    """
    path = Path(name)
    with called(path, name), _told_of(parts):
        data = read_parts(path, images, empty=True, parts=parts)
        points = [_points(part) for part, _ in data] if parts == "keypoints" else []
        if len({one.names for one, _, _ in points}) > 1:
            raise DatasetError(
                f"{path}: its splits have different keypoints, and one network learns one list of them."
            )
    owners: list[frozenset[str] | None] = [owner for _, owner, _ in points] or [None] * len(data)
    classes = ordered(
        label
        for (_, one), owner in zip(data, owners, strict=True)
        for label in map(one.categories.call, set(one.annotations.category.tolist()))
        if owner is None or label in owner
    )
    if not classes:
        raise SetError(f"{name}: the annotations have no boxes.")
    numbers = {label: n for n, label in enumerate(classes)}
    finder, tally = _Finder(trees_of(name, images)), _Tally()
    examples: list[Example] = []
    objects: list[Objects] = []
    seen: dict[tuple[str, str], None] = {}
    for n, (part, one) in enumerate(data):
        split = split_named(part.split) or ""
        for place, found in _pictures(one, numbers, tally, points[n][2] if points else None):
            where = finder.find(one.images, place, part)
            if where is None:
                tally.missing.add(one.images.call(place))
                continue
            made = where(tuple(sorted(set(found.labels.tolist()))), split)
            if (made.path, split) in seen:
                raise SetError(f"{name}: {made.path} occurs twice. Give each picture once, with all of its boxes.")
            seen[made.path, split] = None
            examples.append(made)
            objects.append(found)
    if not examples:
        raise SetError(
            tally.missing.none_found(name),
            "not_found",
        )
    if not any(len(found.learned) for found in objects):
        raise SetError(f"{name}: no box of a single object is left to learn from.")
    warnings = [*(w for _, one in data for w in one.warnings), *tally.sentences()]
    return BoxSet(
        name,
        str(data[0][0].format),
        classes,
        tuple(examples),
        tuple(objects),
        tuple(dict.fromkeys(warnings)),
        points[0][0] if points else None,
    )


_INSTEAD = {
    "masks": "Mask R-CNN learns from outlines: begin with fasterrcnn_resnet50_fpn, which learns boxes alone",
    "keypoints": "Keypoint R-CNN learns from keypoints: begin with fasterrcnn_resnet50_fpn, which learns boxes alone",
}


@contextmanager
def _told_of(parts: Parts) -> Iterator[None]:
    """Says of annotations without what is to be learned which network does without it."""
    try:
        yield
    except PartsMissing as problem:
        raise DatasetError(f"{problem} {_INSTEAD[parts]}.", problem.kind) from None


def _points(part: roots.Part) -> tuple[PointNames, frozenset[str], np.ndarray]:
    if part.format != recognise.Format.COCO:
        raise PartsMissing(f"{part.path}: annotations in the format {part.format} have no keypoints.")
    return read_points(part.path)


class _Tally:
    """What was left out."""

    def __init__(self) -> None:
        self.crowd = self.empty = self.others = 0
        self.missing = Missing()

    def sentences(self) -> Iterator[str]:
        """One for each kind."""
        if self.crowd:
            yield f"{self.crowd:,} regions of many objects (crowd) are not learned from."
        if self.empty:
            yield f"{self.empty:,} boxes without a pixel inside of the picture are left out."
        if self.others:
            yield f"{self.others:,} objects of categories without keypoints are left out."
        if self.missing.count:
            yield f"{self.missing.left_out()}."


def _pictures(
    data: Dataset, numbers: dict[str, int], tally: _Tally, points: np.ndarray | None
) -> Iterator[tuple[int, Objects]]:
    """The place in the dataset of each picture, and its objects."""
    annotations = data.annotations
    order = np.argsort(annotations.image, kind="stable")
    starts = np.searchsorted(annotations.image[order], np.arange(len(data.images) + 1))
    label = np.array([numbers.get(data.categories.call(c), -1) for c in range(len(data.categories))], np.int64)
    for place in range(len(data.images)):
        rows = order[starts[place] : starts[place + 1]]
        mine = label[annotations.category[rows]] >= 0
        tally.others += int((~mine).sum())
        rows = rows[mine]
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
                None if annotations.masks is None else tuple(annotations.masks[row] for row in rows.tolist()),
                None if points is None else points[rows],
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
