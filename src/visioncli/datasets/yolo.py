"""YOLO: one .txt a picture, a line an object: class, then centre x, centre y, width, height as shares of the picture.

A sixth number is a score; more numbers are a polygon x y x y … as YOLO segmentation writes it.
"""

from pathlib import Path

import numpy as np

from visioncli.datasets import class_names
from visioncli.datasets.interface import (
    Categories,
    Dataset,
    DatasetError,
    Images,
    ReadOptions,
    Role,
    plain_annotations,
)
from visioncli.datasets.picture_names import PICTURE_SUFFIXES
from visioncli.datasets.picture_sizes import PictureTable, header_size, picture_stem
from visioncli.datasets.text import read_text
from visioncli.geometry import masks as mask_tools

NAME = "yolo"
MOST = 4.0
"""Shares beyond this are pixels: a box may overhang its picture a little, not four times."""


def label_files(path: Path) -> list[Path]:
    """The label files of a folder, walked recursively and sorted, or the one file."""
    if not path.is_dir():
        return [path]
    return sorted(f for f in path.rglob("*.txt") if f.name not in class_names.FILES and f.is_file())


def read(path: Path, options: ReadOptions) -> Dataset:
    """Read a folder of .txt files. Picture sizes come from `options.images`, else from a picture beside each file
    (or in `images` where the file is in `labels`); class names from `options.names`, else from a file nearby.

    Raises DatasetError with the file and the line of whatever is wrong.
    """
    files = label_files(path) if options.files is None else list(options.files)
    folder = path if path.is_dir() else path.parent
    if not files and options.images is None:
        raise DatasetError(f"{path}: there is no .txt file with labels in this folder.")
    table = PictureTable(options.images) if options.images is not None else None
    known = None if table or options.other_side is None else PictureTable(path, options.other_side)
    names_file = options.names or class_names.find(folder)
    classes = class_names.read(names_file) if names_file is not None else ()
    names = list(table.names) if table is not None else []
    sizes = [table.size(n) for n in names] if table is not None else []
    index = {n: i for i, n in enumerate(names)}
    image, category, boxes, scores, polygons, places, ids = [], [], [], [], [], [], []
    for file in files:
        rows = _rows(file)
        relative = _name(file, folder)
        found = table.find(relative) if table is not None else None
        if found is None:
            other = known.find(relative) if known is not None else None
            size = _size(file, rows, options, known.size(other) if known and other else None)
            found = relative
            index[found] = len(names)
            names.append(found)
            sizes.append(size)
        width, height = sizes[index[found]]
        scale = np.array([width, height])
        for line, kind, shares, score in rows:
            where = f"{file}: line {line}"
            if classes and kind >= len(classes):
                raise DatasetError(
                    f"{where}: class {kind} is unknown; {names_file} has the classes 0 to {len(classes) - 1}.",
                    "unknown_categories",
                )
            corners, polygon = _shape(shares, scale, where)
            image.append(index[found])
            category.append(kind)
            boxes.append(corners)
            scores.append(score)
            polygons.append(polygon)
            places.append(where)
            ids.append(line)
    scored = options.role is Role.PREDICTIONS and any(s is not None for s in scores)
    if scored and None in scores:
        raise DatasetError(f"{places[scores.index(None)]}: there is no score, though other lines have one.")
    masks = None
    if options.masks:
        masks = tuple(_mask(p, sizes[i], w) for p, i, w in zip(polygons, image, places, strict=True))
    used = sorted(set(category)) if not classes else range(len(classes))
    place_of = {number: i for i, number in enumerate(used)}
    annotations = plain_annotations(
        image,
        [place_of[c] for c in category],
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(scores, np.float64) if scored else None,
        corners=False,
        masks=masks,
        ids=ids,
        area=mask_tools.areas(masks) if masks is not None and options.role is Role.TRUTH else None,
    )
    return Dataset(
        path,
        NAME,
        Images(tuple(names), np.array(sizes, np.int64).reshape(-1, 2)),
        Categories(classes or ("",) * len(used), tuple(used), listed=bool(classes)),
        annotations,
        scored or not boxes,
        holds_scores=any(s is not None for s in scores),
    )


def _name(file: Path, folder: Path) -> str:
    """A label file's name without suffix, relative to the folder if it lies there."""
    name = file.relative_to(folder) if file.is_relative_to(folder) else Path(file.name)
    return name.with_suffix("").as_posix().removeprefix("labels/")


Row = tuple[int, int, list[float], float | None]


def _rows(file: Path) -> list[Row]:
    """Line number, class, shares and score of each line; an empty file is a picture without objects."""
    text = read_text(file, may_be_empty=True)
    out: list[Row] = []
    for line, words in enumerate(map(str.split, text.splitlines()), start=1):
        if not words:
            continue
        where = f"{file}: line {line}"
        if len(words) < 5:
            raise DatasetError(
                f"{where} has {len(words)} numbers; a line is: class, centre x, centre y, width, height, "
                "and perhaps a score."
            )
        try:
            values = [float(w) for w in words]
        except ValueError:
            wrong = next(w for w in words if not _is_float(w))
            raise DatasetError(f'{where}: a number belongs where the text "{wrong[:40]}" is.') from None
        if not np.isfinite(values).all():
            raise DatasetError(f"{where} holds a number that is not finite.")
        if values[0] < 0 or values[0] != int(values[0]):
            raise DatasetError(f"{where}: the class must be a whole number from 0, not {words[0]}.")
        score = values.pop() if len(values) % 2 == 0 else None
        if max(map(abs, values[1:])) > MOST:
            raise DatasetError(f"{where} holds {max(values[1:]):g}: YOLO numbers are shares of the picture, 0 to 1.")
        out.append((line, int(values[0]), values[1:], score))
    return out


def _is_float(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _shape(
    shares: list[float], scale: np.ndarray[tuple[int], np.dtype[np.int64]], where: str
) -> tuple[list[float], list[float]]:
    """x, y, width, height in pixels, and the polygon (empty for a plain box)."""
    if len(shares) == 4:
        cx, cy, w, h = shares
        if w < 0 or h < 0:
            raise DatasetError(f"{where}: the width or height of the box is negative ({min(w, h):g}).")
        return [(cx - w / 2) * scale[0], (cy - h / 2) * scale[1], w * scale[0], h * scale[1]], []
    points = np.array(shares, np.float64).reshape(-1, 2) * scale
    low, high = points.min(axis=0), points.max(axis=0)
    polygon: list[float] = points.reshape(-1).tolist()
    return [*low.tolist(), *(high - low).tolist()], polygon


def _mask(polygon: list[float], size: tuple[int, int], where: str) -> dict[str, object]:
    if not polygon:
        raise DatasetError(f"{where} is a box; --masks needs polygons.")
    try:
        return mask_tools.to_rle([polygon], size[1], size[0])
    except ValueError as problem:
        raise DatasetError(f"{where}: {problem}.") from None


def _size(file: Path, rows: list[Row], options: ReadOptions, known: tuple[int, int] | None) -> tuple[int, int]:
    """The size of the picture of a label file, else what is `known` of it. A file without objects needs none."""
    if options.images is not None:
        if not rows:
            return 0, 0
        raise DatasetError(f"{file}: {options.images} has no picture {picture_stem(file.stem)}.", "unknown_pictures")
    folders = [file.parent]
    if "labels" in file.parent.parts:
        parts = list(file.parent.parts)
        parts[len(parts) - 1 - parts[::-1].index("labels")] = "images"
        folders.append(Path(*parts))
    for folder in folders:
        if file.with_suffix("").suffix.lower() in PICTURE_SUFFIXES and (folder / file.stem).is_file():
            return header_size(folder / file.stem)
        for suffix in sorted(PICTURE_SUFFIXES):
            for written in (suffix, suffix.upper()):
                if (folder / (file.stem + written)).is_file():
                    return header_size(folder / (file.stem + written))
    if known is not None:
        return known
    if not rows:
        return 0, 0
    raise DatasetError(
        f"{file}: YOLO boxes are shares of a picture, and the picture is not beside the file; "
        "say where the pictures are with --images FOLDER, or --images truth.json of a COCO file."
    )
