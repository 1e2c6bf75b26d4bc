"""Pictures with masks: two folders that mirror each other, `images/` and `masks/`, or Pascal VOC's.

Splits may stand above them (`train/images/1.jpg`) or below (`images/train/1.jpg`). A mask holds one number a pixel.
"""

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from visioncli.datasets.interface import DatasetError
from visioncli.datasets.label_maps import SUFFIXES, picture_name, read_map
from visioncli.errors import InputError
from visioncli.inputs.small_files import read_small
from visioncli.labelled.classes import split_named
from visioncli.labelled.interface import TRAIN, VAL, Example, SetError
from visioncli.labelled.trees import Folder, Tree, example, is_picture

IGNORED = 255
"""What stands in a mask for pixels that do not count."""
MOST_CLASSES = 255
NAMES = "classes.txt"
PICTURES = frozenset({"images", "image", "imgs", "img", "jpegimages", "leftimg8bit"})
MASKS = frozenset(
    {"masks", "mask", "labels", "annotations", "trimaps", "segmentation", "segmentations", "segmentationclass"}
    | {"labelmaps", "gtfine", "groundtruth"}
)
"""Names of folders, lower-case and of letters alone, that hold pictures, and maps of what is where in them."""
_SHADES = 64
"""More different numbers than this without names look like shades of grey, not like classes."""
BAD_MASK, NO_MASK = "unreadable_mask", "no_mask"
"""Kinds of failures beside those of pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskSet:
    """Pictures, the files of their masks, and what the numbers in these mean.

    `paths` are those of the masks, in the order of `examples`, empty where a picture has none. `values` give the
    place among the `classes` of each number that masks hold; `with_classes` finds both. The number `ignore_index`
    does not count, where it is not None.
    """

    source: str
    format: str
    examples: tuple[Example, ...]
    paths: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    values: Mapping[int, int] = field(default_factory=dict)
    ignore_index: int | None = None

    def __len__(self) -> int:
        return len(self.examples)

    def numbers(self, place: int, shape: tuple[int, ...]) -> np.ndarray:
        """The mask as it is, of a picture of `shape` (height, width). Raises InputError where it is not usable."""
        path = self.paths[place]
        if not path:
            raise InputError(NO_MASK, "There is no mask for it: masks are called as their pictures are.")
        try:
            found: np.ndarray = read_map(Path(path))
        except DatasetError as problem:
            raise InputError(BAD_MASK, str(problem)) from None
        if found.shape != tuple(shape):
            (h, w), (height, width) = found.shape, shape
            raise InputError(
                BAD_MASK,
                f"{path}: the mask is {w} x {h} pixels, but the picture {width} x {height}: make them equal.",
            )
        return found

    def mask(self, place: int, shape: tuple[int, ...]) -> np.ndarray:
        """`(H, W) uint8`: places in `classes`, and IGNORED. Raises InputError, also for numbers that are no class."""
        numbers = self.numbers(place, shape)
        table = np.full(int(numbers.max(initial=0)) + 1, -1, np.int16)
        for value, number in self.values.items():
            if value < len(table):
                table[value] = number
        if self.ignore_index is not None and self.ignore_index < len(table):
            table[self.ignore_index] = IGNORED
        found: np.ndarray = table[numbers]
        if found.min(initial=0) < 0:
            strange = np.unique(numbers[found < 0]).tolist()
            shown = ", ".join(map(str, strange[:5])) + (" …" if len(strange) > 5 else "")
            raise InputError(
                BAD_MASK,
                f"{self.paths[place]}: the mask has pixels of {shown}, which is no class: there are "
                f"{len(self.classes)}, from 0 on. Correct it, or leave such pixels out with --ignore-index.",
            )
        return found.astype(np.uint8)


def is_mask_set(name: str) -> bool:
    """Whether a folder looks like pictures with masks, two or three folders deep."""
    try:
        return os.path.isdir(name) and _has_both(Path(name), 2)
    except OSError:
        return False


def _has_both(folder: Path, deeper: int) -> bool:
    inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))[:64]
    kinds = {_kind(p.name) for p in inside}
    if {"picture", "mask"} <= kinds:
        # Folders of classes may be called so too: masks are pictures without colours, which only these formats hold.
        masks = (p for p in inside if _kind(p.name) == "mask")
        return any(_holds_maps(p) for p in masks)
    return deeper > 0 and any(_has_both(p, deeper - 1) for p in inside)


def _holds_maps(folder: Path) -> bool:
    for _, _, names in os.walk(folder):
        if any(os.path.splitext(name)[1].lower() in SUFFIXES for name in names):
            return True
    return False


def _kind(name: str) -> str:
    plain = re.sub("[^a-z0-9]", "", name.lower())
    return "picture" if plain in PICTURES else "mask" if plain in MASKS else ""


def read_masks(name: str) -> MaskSet:
    """The pictures and masks below a folder; none is decoded. Raises SetError."""
    if not os.path.isdir(name):
        there = "is no folder" if os.path.exists(name) else "does not exist"
        raise SetError(f"{name} {there}. Pictures with masks lie in two folders, images/ and masks/.", "not_found")
    tree = Folder(name)
    pictures, masks = _sorted_out(tree)
    if not pictures or not masks:
        missing = "images/" if not pictures else "masks/"
        raise SetError(
            f"{name}: there is no picture in a folder called {missing}. Pictures with masks lie in two folders, "
            "images/1.jpg and masks/1.png, with train/ and val/ above or below them where there are such parts.",
            "not_found",
        )
    voc = any("jpegimages" in file.lower() for file in pictures.values())
    splits = _voc_splits(tree) if voc else {}
    warnings = list(tree.warnings)
    if voc:
        every = len(pictures)
        pictures = {key: file for key, file in pictures.items() if key in masks}
        if every > len(pictures):
            warnings.append(f"{every - len(pictures):,} pictures without a mask are left out.")
    lonely = [file for key, file in masks.items() if key not in pictures]
    if lonely:
        shown = ", ".join(lonely[:3]) + (" …" if len(lonely) > 3 else "")
        warnings.append(f"{len(lonely):,} masks have no picture of their name and are left out: {shown}")
    examples = tuple(
        example(tree, file, (), splits.get(Path(file).stem) or _split_of(file)) for file in pictures.values()
    )
    paths = tuple(tree.path(masks[key]) if key in masks else "" for key in pictures)
    if not any(paths):
        raise SetError(f"{name}: no mask has the name of a picture: images/1.jpg belongs to masks/1.png.")
    return MaskSet(name, "VOC masks" if voc else "pictures and masks", examples, paths, tuple(warnings))


def _sorted_out(tree: Tree) -> tuple[dict[str, str], dict[str, str]]:
    """Pictures and masks by what is equal in both names. Raises SetError where two pictures share it."""
    found: dict[str, dict[str, str]] = {"picture": {}, "mask": {}}
    for file in filter(is_picture, tree.files):
        parts = file.split("/")
        place = next((n for n, part in enumerate(parts[:-1]) if _kind(part)), None)
        if place is None:
            continue
        kind = _kind(parts[place])
        last = parts[-1]
        if kind == "mask":
            if os.path.splitext(last)[1].lower() not in SUFFIXES:
                continue
            last = picture_name(Path(last), Path())
        else:
            last = os.path.splitext(last)[0]
        key = "/".join([*parts[:place], *parts[place + 1 : -1], last])
        if (other := found[kind].setdefault(key, file)) != file:
            raise SetError(f"{tree.source}: {other} and {file} would have the same mask. Give them different names.")
    return found["picture"], found["mask"]


def _split_of(file: str) -> str:
    return next((split for part in file.split("/")[:-1] if (split := split_named(part))), "")


def _voc_splits(tree: Tree) -> dict[str, str]:
    """What VOC's ImageSets/Segmentation/train.txt and val.txt say, by the stems of pictures."""
    splits: dict[str, str] = {}
    for split in (TRAIN, VAL):
        for file in tree.files:
            if file.lower().endswith(f"imagesets/segmentation/{split}.txt"):
                words = tree.read(file, 1 << 26).decode("utf-8", "replace").split()
                splits |= dict.fromkeys(words, split)
    return splits


def read_names(folder: str, given: str | None) -> tuple[str, ...] | None:
    """The names of the classes from 0 on, one a line: of a file that was named, or of `classes.txt` in the folder.

    None where there is none. Raises SetError.
    """
    path = Path(given) if given else Path(folder) / NAMES
    if not given and not path.is_file():
        return None
    try:
        lines = read_small(path, "names of classes").decode("utf-8-sig").rstrip().splitlines()
    except OSError as problem:
        raise SetError(f"{path} cannot be read: {problem.strerror or problem}.") from None
    except UnicodeDecodeError:
        raise SetError(f"{path} is not UTF-8 text; it must hold one name a line.") from None
    names = tuple(line.strip() for line in lines)
    if len(names) < 2 or not all(names) or len(names) > MOST_CLASSES:
        raise SetError(f"{path} must hold one name a line, of 2 to {MOST_CLASSES} classes, with none left blank.")
    return names


def with_classes(
    pictures: MaskSet, seen: Sequence[int], names: tuple[str, ...] | None, ignore_index: int | None
) -> tuple[MaskSet, list[str]]:
    """The set with its classes, by the numbers that were `seen` in masks, and sentences about what was decided.

    `ignore_index` is the number that does not count, -1 for none. Where it is None, 255 does not count; but masks
    of 0 and 255 alone, or of 0 and any other single number, have two classes. Raises SetError.
    """
    values = sorted(set(seen))
    told: list[str] = []
    two = ignore_index is None and len(values) == 2 and values[0] == 0 and (names is None or len(names) == 2)
    ignored = -1 if two else IGNORED if ignore_index is None else ignore_index
    counted = [value for value in values if value != ignored]
    if ignore_index is None and ignored in values:
        told.append(f"Pixels of {IGNORED} do not count; --ignore-index -1 makes them a class.")
    if len(counted) < 2:
        only = f"only {counted[0]}" if counted else "nothing that counts"
        raise SetError(f"{pictures.source}: masks hold {only}, so that there is nothing to tell apart.")
    if two:
        places = {0: 0, values[1]: 1}
        names = names or ("background", "1")
        if values[1] != 1:
            told.append(f"Masks hold 0 and {values[1]}: two classes, 0 and 1.")
    elif names is not None:
        places = {n: n for n in range(len(names)) if n != ignored}
    elif len(counted) > _SHADES:
        raise SetError(
            f"{pictures.source}: masks hold {len(counted)} different numbers, which look like shades, not classes. "
            f"Save them as PNG with one number a class, or give the classes' names: {NAMES}, one a line."
        )
    else:
        places, names = _numbered(counted, told)
    if ignored not in values:
        ignored = -1
    made = dataclasses.replace(pictures, classes=names, values=places, ignore_index=None if ignored < 0 else ignored)
    return made, told


def _numbered(counted: list[int], told: list[str]) -> tuple[dict[int, int], tuple[str, ...]]:
    """Classes without names: their numbers are kept, so that predicted masks have them, unless many are missing."""
    if counted[-1] < 2 * len(counted) + 8:
        found = {n: n for n in range(counted[-1] + 1)}
    else:
        found = {value: n for n, value in enumerate(counted)}
        told.append(f"Masks hold {', '.join(map(str, counted[:8]))} …: numbered from 0 on in this order.")
    return found, tuple("background" if value == 0 else str(value) for value in found)
