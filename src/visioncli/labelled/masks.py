"""Pictures with masks, and what the numbers in these mean."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from visioncli.errors import InputError, UsageError
from visioncli.inputs.name_lists import read_name_list
from visioncli.labelled.interface import Example, SetError
from visioncli.labelled.mask_files import BAD_MASK, MaskSource
from visioncli.labelled.palettes import IGNORED, MOST_CLASSES

__all__ = ["IGNORED", "MaskSet", "read_names", "with_classes"]

NAMES = "classes.txt"
PICTURES = frozenset({"images", "image", "imgs", "img", "jpegimages", "leftimg8bit", "701stillsrawfull"})
MASKS = frozenset(
    {"masks", "mask", "labels", "annotations", "trimaps", "segmentation", "segmentations", "segmentationclass"}
    | {"labelmaps", "gtfine", "groundtruth", "labeledapprovedfull"}
)
"""Names of folders, lower-case and of letters alone, that hold pictures, and maps of what is where in them."""
_SHADES = 64
"""More different numbers than this without names look like shades of grey, not like classes."""
NO_MASK = "no_mask"
"""Kind of failure beside those of pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskSet:
    """Pictures, where their masks come from, and what the numbers in these mean.

    `sources` are those of the masks, in the order of `examples`, None where a picture has none. `values` give the
    place among the `classes` of each number that masks hold; `with_classes` finds both. The number `ignore_index`
    does not count, where it is not None. `names` are those of the numbers from 0 on, where the set itself has them.
    """

    source: str
    format: str
    examples: tuple[Example, ...]
    sources: tuple[MaskSource | None, ...]
    warnings: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    values: Mapping[int, int] = field(default_factory=dict)
    ignore_index: int | None = None
    names: tuple[str, ...] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """What people call the masks, in the order of the pictures; empty where one has none."""
        return tuple("" if one is None else one.path for one in self.sources)

    def __len__(self) -> int:
        return len(self.examples)

    def numbers(self, place: int, shape: tuple[int, ...]) -> np.ndarray:
        """The mask as it is, of a picture of `shape` (height, width). Raises InputError where it is not usable."""
        source = self.sources[place]
        if source is None:
            raise InputError(NO_MASK, "There is no mask for it: masks are called as their pictures are.")
        height, width = shape
        found = source.numbers(height, width)
        if found.shape != tuple(shape):
            h, w = found.shape
            raise InputError(
                BAD_MASK,
                f"{source.path}: the mask is {w} x {h} pixels, but the picture {width} x {height}: make them equal.",
            )
        return found

    def sha256(self, place: int) -> str:
        """What changes when the mask does, empty where there is none. Raises InputError or OSError."""
        source = self.sources[place]
        return "" if source is None else source.sha256()

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


def read_names(folder: str, given: str | None) -> tuple[str, ...] | None:
    """The names of the classes from 0 on, one a line: of a file that was named, or of `classes.txt` in the folder.

    None where there is none. Raises SetError.
    """
    path = Path(given) if given else Path(folder) / NAMES
    if not given and not path.is_file():
        return None
    try:
        names = tuple(read_name_list(path))
    except UsageError as problem:
        raise SetError(str(problem)) from None
    if not 2 <= len(names) <= MOST_CLASSES:
        raise SetError(f"{path} must hold one name a line, of 2 to {MOST_CLASSES} classes.")
    return names


def with_classes(
    pictures: MaskSet, seen: Sequence[int], names: tuple[str, ...] | None, ignore_index: int | None
) -> tuple[MaskSet, list[str]]:
    """The set with its classes, by the numbers that were `seen` in masks, and sentences about what was decided.

    `ignore_index` is the number that does not count, -1 for none. Where it is None, 255 does not count; but masks
    of 0 and 255 alone, or of 0 and any other single number, have two classes. What the set itself calls its classes
    goes before `names`. Raises SetError.
    """
    values = sorted(set(seen))
    told: list[str] = []
    own, names = pictures.names is not None, pictures.names or names
    two = ignore_index is None and values[:1] == [0] and len(values) == 2 and (names is None or len(names) == 2)
    two = two and not own
    ignored = -1 if two else IGNORED if ignore_index is None else ignore_index
    counted = [value for value in values if value != ignored]
    if ignore_index is None and ignored in values and not own:
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
