"""Objects with outlines as masks: COCO's polygons and run lengths, and what else `datasets` reads that has masks.

Pixels of no object are background, number 0; categories follow in the order of the file. Where objects overlap the
smaller one lies on top, as a cup lies on its table. Regions of many objects ("crowd") do not count where no object
covers them, or are objects like others.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visioncli.datasets import recognise
from visioncli.datasets.interface import Dataset, ReadOptions, Rle
from visioncli.labelled.annotations import MASKED, Index, Missing, called, parts_of, trees_of
from visioncli.labelled.classes import split_named
from visioncli.labelled.crops import texts_of
from visioncli.labelled.interface import Example, SetError
from visioncli.labelled.masks import MaskSet
from visioncli.labelled.palettes import IGNORED, MOST_CLASSES
from visioncli.labelled.trees import Folder, Tree, example

BACKGROUND = "background"


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The masks of a picture's objects, each a run-length encoding, and what each is in the mask that they make."""

    path: str
    masks: tuple[Rle, ...]
    values: tuple[int, ...]

    def numbers(self, height: int, width: int) -> np.ndarray:
        """`(H, W) uint8`, the size that the encodings have: of a picture without objects its own."""
        from pycocotools import mask as compiled

        if self.masks:
            height, width = self.masks[0]["size"]
        found = np.zeros((height, width), np.uint8)
        for mask, value in zip(self.masks, self.values, strict=True):
            found[compiled.decode(mask) > 0] = value
        return found

    def sha256(self) -> str:
        """Of all encodings and numbers."""
        runs = [(mask["size"], mask["counts"].hex()) for mask in self.masks]
        return hashlib.sha256(json.dumps([runs, self.values]).encode()).hexdigest()


def read(name: str, images: str | None = None, *, crowds: bool = False) -> MaskSet:
    """The pictures of an annotation file, or of the root folder of a data set, with the masks of their objects.

    `images` is the folder of the pictures where they lie elsewhere; with `crowds` regions of many objects count.
    Raises SetError where annotations or all of their pictures are missing or wrong.
    """
    return _read(Path(name), name, trees_of(name, images), crowds)


def read_tree(tree: Tree, images: str | None = None, *, crowds: bool = False) -> MaskSet:
    """As `read`, of an archive."""
    with texts_of(tree) as folder:
        return _read(folder, tree.source, [Folder(images)] if images else [tree], crowds)


def _read(path: Path, source: str, trees: list[Tree], crowds: bool) -> MaskSet:
    data = []
    with called(path, source):
        for part in parts_of(path):
            if part.format not in MASKED:
                raise SetError(f"{source}: annotations in the format {part.format} hold boxes, and masks are needed.")
            options = ReadOptions(files=part.files, masks=True)
            data.append((part, recognise.read(part.path, recognise.Format(part.format), options)))
    names = _names([one for _, one in data], source)
    numbers = {name: n for n, name in enumerate(names)}
    index = Index(trees)
    examples: list[Example] = []
    masks: list[Objects] = []
    missing = Missing()
    for part, one in data:
        split = split_named(part.split) or ""
        file = str(part.path).replace(f"{path}", source)
        for image, objects in enumerate(_by_image(one, numbers, file, crowds=crowds)):
            if (place := index.find(one.images.names[image], part.split)) is None:
                missing.add(one.images.call(image))
                continue
            examples.append(example(*place, (), split))
            masks.append(objects)
    if not examples:
        raise SetError(
            missing.none_found(source) if missing.count else f"{source}: there is no picture in these annotations.",
            "not_found",
        )
    warnings = [w for _, one in data for w in one.warnings]
    if missing.count:
        warnings.append(missing.left_out())
    if found := sum(int(one.annotations.crowd.sum()) for _, one in data):
        how = "count as their objects do" if crowds else "do not count; with --ignore-index -1 they do"
        warnings.append(f"{found:,} regions of many objects (crowd) {how}.")
    form = f"{data[0][0].format} masks"
    return MaskSet(source, form, tuple(examples), tuple(masks), tuple(dict.fromkeys(warnings)), names=names)


def _names(data: Sequence[Dataset], source: str) -> tuple[str, ...]:
    """The background, and the categories that any object has, in the order of their files."""
    used: dict[str, None] = {}
    for one in data:
        if one.annotations.masks is None:
            raise SetError(f"{source}: the annotations have no masks.")
        for category in np.unique(one.annotations.category).tolist():
            used[one.categories.call(category)] = None
    if not used:
        raise SetError(f"{source}: the annotations have no objects.")
    names = (BACKGROUND, *(name for name in used if name.casefold() != BACKGROUND))
    if len(names) > MOST_CLASSES:
        raise SetError(f"{source}: objects are of {len(names) - 1:,} categories; {MOST_CLASSES - 1} are the most.")
    return names


def _by_image(data: Dataset, numbers: dict[str, int], file: str, *, crowds: bool) -> list[Objects]:
    """What lies in each picture, in the order in which it is drawn."""
    annotations = data.annotations
    assert annotations.masks is not None
    pixels = _pixels(annotations.masks)
    value = [numbers.get(data.categories.call(c), 0) for c in range(len(data.categories))]
    inside: list[list[int]] = [[] for _ in data.images.names]
    for i, image in enumerate(annotations.image.tolist()):
        inside[image].append(i)
    found = []
    for image, own in enumerate(inside):
        ignored = annotations.crowd & (not crowds)
        own.sort(key=lambda i: (not ignored[i], -pixels[i], i))
        values = [IGNORED if ignored[i] else value[annotations.category[i]] for i in own]
        path = f"{file}#{data.images.call(image)}"
        found.append(Objects(path, tuple(annotations.masks[i] for i in own), tuple(values)))
    return found


def _pixels(masks: Sequence[Rle]) -> np.ndarray:
    from visioncli.geometry.masks import areas

    return areas(tuple(masks))
