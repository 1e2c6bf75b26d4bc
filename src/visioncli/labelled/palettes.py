"""What colours in masks mean: a text of lines `r g b name`, or in other words of the field.

Known are CamVid's `label_colors.txt` (`64 128 64 Animal`), tables with a header (`name,r,g,b`) and CVAT's
`labelmap.txt` (`road:128,64,128::`).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visioncli.datasets.interface import DatasetError
from visioncli.errors import UsageError
from visioncli.inputs.small_files import read_small
from visioncli.labelled.interface import SetError

FILES = ("label_colors.txt", "class_dict.csv", "labelmap.txt", "palette.txt")
"""Names of files beside masks that are read where nobody names one."""
VOID = frozenset({"void", "ignore", "ignored", "unlabelled", "unlabeled", "unknown", "unlabel"})
"""Names, lower-case, of what does not count."""
IGNORED = 255
MOST_CLASSES = 255
_CVAT = re.compile(r"(?P<name>[^:]+):\s*(?P<r>\d+)\s*,\s*(?P<g>\d+)\s*,\s*(?P<b>\d+)\s*(?::.*)?")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Palette:
    """`colours` are red, green and blue of each line, and `places` the places of their classes in `names`, IGNORED
    for what does not count. Several colours may be of one class."""

    source: str
    colours: tuple[tuple[int, int, int], ...]
    places: tuple[int, ...]
    names: tuple[str, ...]

    def numbers(self, pixels: np.ndarray, path: str) -> np.ndarray:
        """`(H, W, 3) uint8` RGB -> `(H, W) uint8` places. Raises DatasetError for colours that have no class."""
        packed = _packed(pixels.astype(np.uint32))
        known = _packed(np.array(self.colours, np.uint32))
        order = np.argsort(known)
        at = np.searchsorted(known[order], packed).clip(max=len(known) - 1)
        lines = order[at]
        if (strange := known[lines] != packed).any():
            raise DatasetError(self._sentence(packed, strange, path))
        found: np.ndarray = np.array(self.places, np.uint8)[lines]
        return found

    def _sentence(self, packed: np.ndarray, strange: np.ndarray, path: str) -> str:
        colours, counts = np.unique(packed[strange], return_counts=True)
        shown = [
            " ".join(str(int(colour) >> shift & 255) for shift in (16, 8, 0))
            for colour in colours[np.argsort(-counts, kind="stable")][:_SHOWN]
        ]
        y, x = np.argwhere(strange)[0].tolist()
        others = f" and {len(colours) - _SHOWN:,} more colours" if len(colours) > _SHOWN else ""
        return (
            f"{path}: {int(strange.sum()):,} pixels of the mask, the first at x {x}, y {y}, have the colour "
            f"{', '.join(shown)}{others}, which {self.source} does not list. Add a line to it, or correct the mask."
        )


def _packed(colours: np.ndarray) -> np.ndarray:
    packed: np.ndarray = colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
    return packed


def read_palette(path: str, *, void: bool = True) -> Palette:
    """The palette in a file that the user named, as `parse` reads it. Raises SetError."""
    try:
        data = read_small(Path(path), "colours of classes")
    except OSError as problem:
        raise SetError(f"{path} cannot be read: {problem.strerror or problem}.") from None
    except UsageError as problem:
        raise SetError(str(problem)) from None
    return parse(data, path, void=void)


def parse(data: bytes, source: str, *, void: bool = True) -> Palette:
    """What the bytes of such a file say. With `void` classes of such a name do not count.

    Raises SetError with the line that is wrong.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SetError(f"{source} is not UTF-8 text; it must hold lines `r g b name`.") from None
    colours: dict[tuple[int, int, int], str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _line(line.strip())
        if found is None:
            if not colours and not re.search(r"\d", line):
                continue  # a header: name, r, g, b
            raise SetError(
                f"{source}, line {number}: {line.strip()[:60]!r} is not `r g b name`, such as 128 64 128 road."
            )
        colour, name = found
        if max(colour) > 255:
            raise SetError(f"{source}, line {number}: red, green and blue lie between 0 and 255.")
        if colours.setdefault(colour, name) != name:
            shown = " ".join(map(str, colour))
            raise SetError(f"{source}, line {number}: the colour {shown} is {name}, and {colours[colour]} before.")
    names = tuple(dict.fromkeys(name for name in colours.values() if not (void and name.casefold() in VOID)))
    if not 2 <= len(names) <= MOST_CLASSES:
        raise SetError(
            f"{source} has colours of {len(names)} classes; of 2 to {MOST_CLASSES} something can be learned."
        )
    places = tuple(names.index(name) if name in names else IGNORED for name in colours.values())
    return Palette(source, tuple(colours), places, names)


def _line(line: str) -> tuple[tuple[int, int, int], str] | None:
    """The colour and the name of a line, None where it has none."""
    if match := _CVAT.fullmatch(line):
        return (int(match["r"]), int(match["g"]), int(match["b"])), match["name"].strip()
    words = [word for word in re.split(r"[,;\t ]+", line) if word]
    for numbers, name in ((words[:3], words[3:]), (words[-3:], words[:-3])):
        if name and len(numbers) == 3 and all(w.isascii() and w.isdecimal() and len(w) < 6 for w in numbers):
            r, g, b = map(int, numbers)
            return (r, g, b), " ".join(name)
    return None
