"""Label maps: pictures whose pixels are class numbers (PNG, 8 or 16 bits, grey or palette), one or a folder."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncli.datasets.file_bytes import exists, open_bytes
from visioncli.datasets.interface import DatasetError, first_few
from visioncli.datasets.picture_names import PICTURE_SUFFIXES, match_names
from visioncli.datasets.picture_sizes import pictures_in
from visioncli.earlier_results import PREDICTIONS

NAME = "labelmap"
SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp", ".gif", ".pgm"})
MODES = frozenset({"1", "L", "P", "I", "I;16", "I;16B", "I;16L"})

COLOURED = "coloured_map"
"""Kind of failure of a picture in colours, which may be a map all the same, with a colour a class."""

OURS = ".mask.png"


@dataclass(frozen=True, slots=True)
class LabelMapPair:
    """A label map of the truth and the one predicted for it."""

    name: str
    truth: Path
    predicted: Path


def read_map(path: Path, data: bytes | None = None) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(H, W) class numbers of a file, or of the `data` that are called `path`.

    Raises DatasetError where it is no picture or has no one number a pixel (kind COLOURED).
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with open_bytes(path) if data is None else io.BytesIO(data) as file, Image.open(file) as picture:
            mode = picture.mode
            if mode not in MODES:
                raise DatasetError(
                    f"{path}: a label map holds one class number a pixel (grey or palette), but this is {mode}.",
                    COLOURED,
                )
            values = np.asarray(picture)
    except DatasetError:
        raise
    except UnidentifiedImageError:
        raise DatasetError(f"{path}: the label map cannot be read (it is no picture that is known here).") from None
    except Exception as problem:  # noqa: BLE001 - a decoder may raise anything
        raise DatasetError(f"{path}: the label map cannot be read ({problem}).") from None
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise DatasetError(f"{path}: class numbers must lie in 0 to 65535.")
    return values.astype(np.uint16)


def renumbered(found: NDArray[np.unsignedinteger], numbers: Mapping[int, int]) -> NDArray[np.unsignedinteger]:
    """A map with other numbers: `numbers` has them by those in the map; what is not among them stays."""
    if all(value == number for value, number in numbers.items()):
        return found
    table = np.arange(max(int(found.max(initial=0)), *numbers) + 1).astype(np.uint16)
    for value, number in numbers.items():
        table[value] = number
    renamed: NDArray[np.uint16] = table[found]
    return renamed


def ours(folder: Path) -> list[Path]:
    """The label maps of an output folder of `vision segment`; annotated pictures beside them are none."""
    if not (folder / PREDICTIONS).is_file():
        return []
    return [p for p in pictures_in(folder) if p.name.endswith(OURS)]


def _maps(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = ours(path) or [p for p in pictures_in(path) if p.suffix.lower() in SUFFIXES]
    if not found:
        raise DatasetError(f"{path}: there is no label map (PNG) in this folder.")
    return found


def picture_name(path: Path, root: Path) -> str:
    """What a map is matched by: `a/cat.png`, `a/cat.jpg.mask.png` and `a/cat_mask.png` are all `a/cat`."""
    name = path.relative_to(root).with_suffix("") if root.is_dir() else Path(path.stem)
    for ending in (".mask", "_mask", ".labels", "_labels", "_labelIds"):
        if name.name.endswith(ending) and len(name.name) > len(ending):
            name = name.with_name(name.name[: -len(ending)])
            break
    return name.with_suffix("").as_posix() if name.suffix.lower() in PICTURE_SUFFIXES else name.as_posix()


def pair(truth: Path, predictions: Path, *, skip_unknown: bool = False) -> tuple[list[LabelMapPair], list[str]]:
    """The maps of two files or of two folders, matched by name, and warnings.

    Raises DatasetError where a true map has no prediction, or (unless `skip_unknown`) a prediction no truth.
    """
    for path in (truth, predictions):
        if not exists(path):
            raise DatasetError(f"{path}: there is no such file or folder.", "not_found")
    if truth.is_dir() != predictions.is_dir():
        raise DatasetError(f"Give two label maps or two folders of them, not {truth} and {predictions}.")
    true, theirs = _maps(truth), _maps(predictions)
    if not truth.is_dir():
        return [LabelMapPair(truth.name, truth, predictions)], []
    names = tuple(picture_name(p, truth) for p in true)
    place = match_names(names, tuple(picture_name(p, predictions) for p in theirs), str(truth), str(predictions))
    warnings = []
    unknown = [theirs[i].name for i in np.flatnonzero(place < 0)]
    if unknown and not skip_unknown:
        raise DatasetError(
            f"{predictions}: {truth} has no label map for {first_few(unknown)}. Leave them out with --skip-unknown.",
            "unknown_pictures",
        )
    if unknown:
        warnings.append(f"{predictions}: left out {len(unknown)} label maps without truth: {first_few(unknown)}.")
    partner = {int(j): theirs[i] for i, j in enumerate(place) if j >= 0}
    missing = [n for i, n in enumerate(names) if i not in partner]
    if missing:
        raise DatasetError(
            f"{predictions}: {len(missing)} label maps of {truth} are missing here: {first_few(missing)}."
        )
    return [LabelMapPair(n, true[i], partner[i]) for i, n in enumerate(names)], warnings


def read_pairs(
    pairs: list[LabelMapPair],
) -> Iterator[tuple[LabelMapPair, NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]]:
    """Each pair with its two (H, W) arrays. Raises DatasetError where their sizes differ."""
    for both in pairs:
        truth, predicted = read_map(both.truth), read_map(both.predicted)
        if truth.shape != predicted.shape:
            (h, w), (h2, w2) = truth.shape, predicted.shape
            raise DatasetError(
                f"{both.predicted}: the label map is {w2} x {h2} pixels, but the truth {both.truth} is {w} x {h}."
            )
        yield both, truth, predicted
