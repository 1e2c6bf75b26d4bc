"""Annotations of objects as pictures with classes: each box is one picture. COCO, VOC and what else `datasets` reads.

Boxes are those that the readers of `vision iou` give. Regions of many objects ("crowd") and boxes without a pixel are
left out.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visioncli.datasets import recognise, roots
from visioncli.datasets.interface import Dataset, DatasetError
from visioncli.labelled.annotations import Index, Missing, called, clipped, parts_of, read_parts, trees_of
from visioncli.labelled.classes import Places, ordered, split_named
from visioncli.labelled.interface import Example, PictureSet, SetError
from visioncli.labelled.trees import Folder, Tree, example

_TEXTS = (".json", ".xml", ".txt", ".csv", ".yaml", ".yml", ".names")
_MOST_TEXT = 1 << 30


def read(name: str, images: str | None = None) -> PictureSet:
    """The boxes of an annotation file or of the root folder of a data set; `images` is the folder of its pictures.

    Raises SetError where annotations or all of their pictures are missing or wrong.
    """
    return _read(Path(name), name, trees_of(name, images))


def read_tree(tree: Tree, images: str | None = None) -> PictureSet:
    """As `read`, of an archive: its texts are unpacked for a moment, its pictures stay where they are."""
    with texts_of(tree) as folder:
        return _read(folder, tree.source, [Folder(images)] if images else [tree])


@contextmanager
def texts_of(tree: Tree) -> Iterator[Path]:
    """The texts of an archive, for a moment in a folder. Raises SetError."""
    with tempfile.TemporaryDirectory(prefix="vision-") as temporary:
        for name in tree.files:
            if name.lower().endswith(_TEXTS) and ".." not in name.split("/") and not name.startswith("/"):
                target = Path(temporary) / name
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(tree.read(name, _MOST_TEXT))
                except OSError as problem:
                    raise SetError(f"{tree.path(name)}: it cannot be unpacked: {problem.strerror}.") from None
        yield Path(temporary)


def holds_annotations(path: Path) -> bool:
    """Whether a file or folder looks like annotations of objects, for advice."""
    try:
        if not path.is_dir() and path.suffix.lower() not in (".json", ".xml"):
            return False
        # A text file may be anything, also beside pictures; only in YOLO's own layout are there boxes in it.
        parts = roots.find(path) or parts_of(path)
        return any(p.format in (recognise.Format.COCO, recognise.Format.VOC) or p.files for p in parts)
    except DatasetError:
        return False


def _read(path: Path, source: str, trees: list[Tree]) -> PictureSet:
    with called(path, source):
        data = read_parts(path)
    classes = ordered(one.categories.call(int(c)) for _, one in data for c in set(one.annotations.category.tolist()))
    if not classes:
        raise SetError(f"{source}: the annotations have no boxes.")
    places, warnings = Places(classes), [w for _, one in data for w in one.warnings]
    index = Index(trees)
    examples: list[Example] = []
    by_split: dict[str, tuple[str, ...]] = {}
    tally = _Tally()
    for part, one in data:
        split = split_named(part.split) or ""
        here = [one.categories.call(c) for c in range(len(one.categories))]
        if split:
            used = {here[c] for c in one.annotations.category.tolist()}
            by_split[split] = ordered({*by_split.get(split, ()), *used})
        examples += _boxes(one, split, part.split, here, places, index, tally)
    if not examples:
        raise SetError(
            tally.missing.none_found(source)
            if tally.missing.count
            else f"{source}: no box is left that could be a picture.",
            "not_found",
        )
    form = f"{data[0][0].format} crops"
    return PictureSet(
        source,
        form,
        classes,
        tuple(examples),
        warnings=tuple(dict.fromkeys([*warnings, *tally.sentences()])),
        classes_by_split=by_split if len(by_split) > 1 else {},
    )


class _Tally:
    """What was left out."""

    def __init__(self) -> None:
        self.crowd = self.empty = 0
        self.missing = Missing()

    def sentences(self) -> Iterator[str]:
        """One for each kind."""
        if self.crowd:
            yield f"{self.crowd:,} regions of many objects (crowd) are left out."
        if self.empty:
            yield f"{self.empty:,} boxes without a pixel inside of the picture are left out."
        if self.missing.count:
            yield self.missing.left_out()


def _boxes(
    data: Dataset, split: str, part: str, names: list[str], places: Places, index: Index, tally: _Tally
) -> Iterator[Example]:
    annotations = data.annotations
    found: dict[int, tuple[Tree, str] | None] = {}
    for i, (image, category, crowd) in enumerate(
        zip(annotations.image.tolist(), annotations.category.tolist(), annotations.crowd.tolist(), strict=True)
    ):
        if crowd:
            tally.crowd += 1
            continue
        if image not in found:
            found[image] = index.find(data.images.names[image], part)
            if found[image] is None:
                tally.missing.add(data.images.call(image))
        place = found[image]
        if place is None:
            continue
        box = clipped(annotations.xywh[i].tolist(), data.images.sizes[image].tolist())
        if box is None:
            tally.empty += 1
            continue
        tree, name = place
        stem, suffix = os.path.splitext(name)
        label = places[names[category]]
        yield example(tree, name, label, split, box=box, relative=f"{stem}.{i}{suffix}")
