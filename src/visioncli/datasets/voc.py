"""Pascal VOC: one XML file a picture, with corners in pixels.

Coordinates are taken as they are written. The original VOC files count pixels from 1 and include the last one, and
are read so with `ReadOptions.inclusive`; most tools since then write plain corners, and ours do.
"""

import math
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from visioncli.datasets.columns import LARGEST_SIDE, check_corners
from visioncli.datasets.file_bytes import read_bytes, unreadable
from visioncli.datasets.interface import (
    Categories,
    Dataset,
    DatasetError,
    Images,
    ReadOptions,
    Role,
    plain_annotations,
)
from visioncli.datasets.text import whole_number

NAME = "voc"
CORNERS = ("xmin", "ymin", "xmax", "ymax")
MOST_BYTES = 64 << 20
"""More than the annotation of one picture can need."""


def read(path: Path, options: ReadOptions) -> Dataset:
    """Read a folder of .xml files, walked recursively, or one file. Difficult objects are read as `ignore`.

    Raises DatasetError with the file and the object of whatever is wrong.
    """
    files = annotation_files(path) if path.is_dir() else [path]
    if options.files is not None:
        files = list(options.files)
    if not files:
        raise DatasetError(f"{path}: there is no .xml file in this folder.")
    names: list[str] = []
    sizes, image, labels, boxes, scores, difficult, places, ids = [], [], [], [], [], [], [], []
    for number, file in enumerate(files):
        root = _parse(file)
        names.append(_picture_name(root, file, path))
        sizes.append((_pixels(root, "width"), _pixels(root, "height")))
        for k, thing in enumerate(root.iter("object")):
            where = f"{file}: object {k}"
            label = (thing.findtext("name") or "").strip()
            if not label:
                raise DatasetError(f"{where} has no name.")
            image.append(number)
            labels.append(label)
            boxes.append([_number(thing, f"bndbox/{c}", where) for c in CORNERS])
            written = thing.findtext("score") or thing.findtext("confidence")
            scores.append(None if written is None else _finite(written, "score", where))
            difficult.append((thing.findtext("difficult") or "0").strip() in ("1", "true", "True"))
            places.append(where)
            ids.append(k)
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    check_corners(corners, lambda i: places[i])
    if options.inclusive:
        corners[:, 2:] += 1
    scored = options.role is Role.PREDICTIONS and any(s is not None for s in scores)
    if scored and None in scores:
        raise DatasetError(f"{places[scores.index(None)]} has no score, though others have one.")
    table = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    annotations = plain_annotations(
        image,
        [table[label] for label in labels],
        corners,
        np.array(scores, np.float64) if scored else None,
        ignore=np.array(difficult, bool) if options.role is Role.TRUTH else None,
        ids=ids,
    )
    return Dataset(
        path,
        NAME,
        Images(tuple(names), np.array(sizes, np.int64).reshape(-1, 2)),
        Categories(tuple(table), listed=False),
        annotations,
        scored or not labels,
        holds_scores=any(s is not None for s in scores),
    )


def annotation_files(folder: Path) -> list[Path]:
    """The .xml files of a folder, walked recursively and sorted."""
    return sorted(f for f in folder.rglob("*.xml") if f.is_file())


def _parse(file: Path) -> ElementTree.Element:
    data = read_bytes(file, MOST_BYTES, text=False)
    if not data.strip():
        raise DatasetError(f"{file}: the file is empty.")
    try:
        # Neither a document type nor an encoding can be declared once the root has begun.
        if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<annotation"):
            _refuse_document_type(data, file)
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, expat.ExpatError) as problem:
        line, column = (
            problem.position if isinstance(problem, ElementTree.ParseError) else (problem.lineno, problem.offset)
        )
        raise DatasetError(
            f"{file}: malformed XML at line {line}, column {column + 1}: {str(problem).split(':')[0]}."
        ) from None
    except (LookupError, ValueError):
        raise DatasetError(f"{file}: the XML is in an encoding that is not read here; save it as UTF-8.") from None
    except MemoryError as problem:
        raise unreadable(file, problem) from None
    if root.tag != "annotation":
        raise DatasetError(f"{file}: this is no Pascal VOC file: its root is <{root.tag}>, not <annotation>.")
    return root


def _refuse_document_type(data: bytes, file: Path) -> None:
    """Raises DatasetError where the file declares a document type, and with it perhaps entities that unfold into
    gigabytes or name other files. No annotation has one."""

    def refuse(*_: object) -> None:
        raise DatasetError(
            f"{file}: the XML has a document type (<!DOCTYPE …>), which no annotation needs; remove it."
        )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)


def _picture_name(root: ElementTree.Element, file: Path, folder: Path) -> str:
    """The picture's name relative to the folder; <filename> gives the suffix where it agrees with the file."""
    relative = file.relative_to(folder) if folder.is_dir() else Path(file.name)
    stem = relative.with_suffix("").as_posix()
    written = PurePosixPath((root.findtext("filename") or "").strip().replace("\\", "/"))
    return str(relative.with_name(written.name).as_posix()) if written.stem == Path(stem).name else stem


def _finite(text: str, name: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DatasetError(f'{where}: {name} must be a number, not the text "{text.strip()[:40]}".') from None
    if not math.isfinite(value):
        raise DatasetError(f"{where}: {name} is {value}; it must be a finite number.")
    return value


def _number(element: ElementTree.Element, name: str, where: str) -> float:
    text = element.findtext(name)
    if text is None:
        raise DatasetError(f"{where} has no {name.replace('/', ' ')}.")
    return _finite(text, name.rpartition("/")[2], where)


def _pixels(root: ElementTree.Element, side: str) -> int:
    text = (root.findtext(f"size/{side}") or "0").strip()
    return min(whole_number(text) or 0, LARGEST_SIDE - 1)
