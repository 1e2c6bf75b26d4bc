"""The root folder of a data set, as the tools of the field lay it out: which splits it has, and where they are.

Known are the layouts of ultralytics and Roboflow (`images/val`, `labels/val`, or `val/images`, `val/labels`, or what
`data.yaml` says), of Darknet (`obj_val_data`), of Pascal VOC (`Annotations`, `ImageSets/Main`) and of COCO
(`annotations/instances_val.json`, or Roboflow's `val/_annotations.coco.json`).
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visioncli.datasets import class_names, coco_json, voc, yaml_text, yolo
from visioncli.datasets.file_bytes import exists, unreadable
from visioncli.datasets.interface import DatasetError, first_few
from visioncli.datasets.picture_sizes import pictures_in
from visioncli.datasets.text import read_text
from visioncli.earlier_results import PREDICTIONS

SPLITS = ("val", "valid", "validation", "test", "trainval", "train")
"""Names of splits, in the order in which they are preferred for evaluation."""
LISTS = frozenset({f"{name}.txt" for name in SPLITS})
"""Lists of pictures that stand beside labels and are none."""
_COCO_NAME = re.compile(r"(?:(instances|person_keypoints)_)?(.+)\.json", re.IGNORECASE)
_NOT_OBJECTS = re.compile(r"(captions|panoptic|stuff|labels|image_info|person_keypoints)_", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A split of a data set, "" where it has only one: what the reader of its `format` is given.

    `files` are the annotation files that belong to it, None for all of the folder `path`; `images` is the folder of
    its pictures, where there is one.
    """

    split: str
    format: str
    path: Path
    files: tuple[Path, ...] | None = None
    images: Path | None = None


def find(path: Path, *, keypoints: bool = False, form: str | None = None) -> tuple[Part, ...]:
    """The splits of the data set whose root folder (or data.yaml) this is, the one to evaluate first; none where it
    is no root of a known layout. `form` names the format to look for. Raises DatasetError."""
    try:
        return _find(path, keypoints=keypoints, form=form)
    except (OSError, ValueError) as problem:
        raise unreadable(path, problem) from None


def _find(path: Path, *, keypoints: bool, form: str | None) -> tuple[Part, ...]:
    if path.suffix.lower() in yaml_text.SUFFIXES and os.path.isfile(path):
        found = _of_yaml(path) or _yolo_folders(path.parent)
        if not found:
            raise DatasetError(f"{path}: its folders train, val and test hold no labels; are they where it says?")
        return found
    if not os.path.isdir(path) or exists(path / PREDICTIONS):
        return ()
    if parts := _of_folder(path, keypoints=keypoints, form=form):
        return parts
    entries = [f for f in sorted(path.iterdir()) if not f.name.startswith(".")]
    if any(f.suffix.lower() in (".txt", ".xml", ".json") for f in entries):
        return ()
    below = [(f, parts) for f in entries if f.is_dir() and (parts := _of_folder(f, keypoints=keypoints, form=form))]
    if len(below) > 1 and not any(exists(f / PREDICTIONS) for f, _ in below):
        raise DatasetError(
            f"{path}: this folder holds several data sets; give one of {first_few([f for f, _ in below])}."
        )
    return below[0][1] if len(below) == 1 else ()


def above(path: Path) -> Path | None:
    """The root of the data set that a folder is a part of, such as that of its pictures."""
    parents = Path(os.path.normpath(path)).parents or Path(os.path.abspath(path)).parents
    for folder in parents[:3]:
        with suppress(DatasetError, OSError):
            if not exists(folder / PREDICTIONS) and _of_folder(folder, keypoints=False, form=None):
                return folder
    return None


def _of_folder(path: Path, *, keypoints: bool, form: str | None) -> tuple[Part, ...]:
    finders: dict[str, Callable[[], tuple[Part, ...]]] = {
        yolo.NAME: lambda: _of_any_yaml(path) or _yolo_folders(path),
        voc.NAME: lambda: _voc(path),
        coco_json.NAME: lambda: _coco(path, keypoints=keypoints),
    }
    for name, finder in finders.items():
        if form in (None, name) and (parts := finder()):
            return parts
    return ()


def ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts, those that are meant for evaluation first."""

    def rank(part: Part) -> tuple[int, str]:
        known = [i for i, name in enumerate(SPLITS) if part.split.lower().startswith(name)]
        return (known[0] if known else len(SPLITS) - 1, part.split)

    return tuple(sorted(parts, key=rank))


def _of_any_yaml(folder: Path) -> tuple[Part, ...]:
    for file in sorted(f for f in folder.iterdir() if f.suffix.lower() in yaml_text.SUFFIXES and f.is_file()):
        with suppress(DatasetError):  # it may be about anything
            if parts := _of_yaml(file):
                return parts
    return ()


def _of_yaml(file: Path) -> tuple[Part, ...]:
    """What a data.yaml of ultralytics says; nothing where it says nothing, or needs a library that is not there."""
    body = yaml_text.parse(yaml_text.read(file), file)
    if body is None:
        return ()
    given = body.get("path")
    base = file.parent / given if isinstance(given, str) else file.parent
    if not base.is_dir():
        base = file.parent
    parts = []
    for split in SPLITS:
        entries = body.get(split)
        places = [p for e in (entries if isinstance(entries, list) else [entries]) if (p := _place(base, e))]
        files = tuple(sorted({label for place in places for label in _labels_of(place)}))
        if not files:
            continue
        images = places[0] if len(places) == 1 and places[0].is_dir() else None
        labels = _beside(images) if images else None
        if labels:
            parts.append(Part(split, yolo.NAME, labels, files, images))
        else:
            parts.append(Part(split, yolo.NAME, base, files))
    if len({p.files for p in parts}) == 1:  # train and val are the same pictures
        parts = [Part("", p.format, p.path, p.files, p.images) for p in parts[:1]]
    return ordered(parts)


def _place(base: Path, entry: Any) -> Path | None:
    if not isinstance(entry, str) or "\0" in entry or not entry.strip():
        return None
    for text in (entry, entry.removeprefix("../")):  # as ultralytics forgives it
        if exists(base / text):
            return Path(os.path.normpath(base / text))
    return None


def _beside(images: Path) -> Path | None:
    """The folder of labels for one of pictures: with `labels` for the last `images` in its path, else the same."""
    parts = list(images.parts)
    if "images" not in parts:
        return images if any(images.glob("*.txt")) else None
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    folder = Path(*parts)
    return folder if folder.is_dir() else None


def _labels_of(place: Path) -> Iterator[Path]:
    """The label files of a folder of pictures, or of a list of pictures."""
    if place.is_dir():
        labels = _beside(place)
        yield from yolo.label_files(labels) if labels else ()
    elif place.suffix.lower() == ".txt":
        for line in read_text(place, may_be_empty=True).splitlines():
            if name := line.strip():
                parts = list((place.parent / name).parts)
                if "images" in parts:
                    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
                label = Path(*parts).with_suffix(".txt")
                if exists(label):
                    yield label


def _pictures_folder(folder: Path) -> Path | None:
    return folder if folder.is_dir() and next(pictures_in(folder), None) is not None else None


def _yolo_folders(root: Path) -> tuple[Part, ...]:
    folders = sorted(f for f in root.iterdir() if f.is_dir())
    parts = []
    for folder in folders:  # Darknet, as datumaro and CVAT write it
        if match := re.fullmatch(r"obj_(.+)_data", folder.name):
            files = tuple(yolo.label_files(folder))
            parts.append(Part(match[1], yolo.NAME, folder, files, _pictures_folder(folder)))
    if not parts:  # Roboflow
        for folder in folders:
            if not folder.name.lower().startswith(SPLITS) or not (folder / "labels").is_dir():
                continue
            if files := tuple(yolo.label_files(folder / "labels")):
                images = _pictures_folder(folder / "images")
                parts.append(Part(folder.name, yolo.NAME, folder / "labels", files, images))
    labels = next((root / name for name in ("labels", "annotations") if (root / name).is_dir()), None)
    if labels is None and root.name == "labels":
        labels, root = root, root.parent
    if not parts and labels is not None:
        within = [f for f in sorted(labels.iterdir()) if f.is_dir() and f.name.lower().startswith(SPLITS)]
        for folder in within:
            if files := tuple(yolo.label_files(folder)):
                images = _pictures_folder(root / "images" / folder.name)
                parts.append(Part(folder.name, yolo.NAME, folder, files, images))
        files = tuple(yolo.label_files(labels))
        if files and len(files) != sum(len(p.files or ()) for p in parts):
            parts = [Part("", yolo.NAME, labels, files, _pictures_folder(root / "images"))]
    return ordered(p for p in parts if p.files)


def _voc(root: Path) -> tuple[Part, ...]:
    folder = root / "Annotations" if (root / "Annotations").is_dir() else root / "annotations"
    if not folder.is_dir() or not (every := tuple(voc.annotation_files(folder))):
        return ()
    parts = []
    lists = sorted((root / "ImageSets" / "Main").glob("*.txt"))
    for file in (f for f in lists if f.is_file() and not re.search(r"_(train|val|trainval|test)$", f.stem)):
        lines = read_text(file, may_be_empty=True).splitlines()
        named = {f"{words[0]}.xml" for line in lines if (words := line.split())}
        files = tuple(f for f in every if f.relative_to(folder).as_posix() in named)
        if files:
            parts.append(Part(file.stem, voc.NAME, folder, files))
    if len(parts) <= 1:
        return (Part("", voc.NAME, folder, None if not parts else parts[0].files),)
    return ordered(parts)


def _coco(root: Path, *, keypoints: bool) -> tuple[Part, ...]:
    parts = []
    folder = root / "annotations" if (root / "annotations").is_dir() else root
    if folder != root or any(root.glob("instances_*.json")):
        for file in sorted(folder.glob("*.json")):
            match = _COCO_NAME.fullmatch(file.name)
            wanted = file.name.startswith("person_keypoints_") if keypoints else not _NOT_OBJECTS.match(file.name)
            if match and wanted and file.is_file():
                parts.append(Part(match[2], coco_json.NAME, file))
        if keypoints and not parts:
            return _coco(root, keypoints=False)
        named = [p for p in parts if p.path.name.startswith(("instances_", "person_keypoints_"))]
        parts = named or parts
    else:
        parts = [
            Part(file.parent.name if file.parent != root else "", coco_json.NAME, file)
            for file in sorted([*root.glob("_annotations.coco.json"), *root.glob("*/_annotations.coco.json")])
        ]
        alone = [f for f in root.glob("*.json") if f.is_file()]
        if not parts and len(alone) == 1 and next(pictures_in(root), None) is not None:
            parts = [Part("", coco_json.NAME, alone[0])]
    if len(parts) == 1:
        parts = [Part("", coco_json.NAME, parts[0].path)]
    return ordered(parts)


def names_file(part: Part, root: Path) -> Path | None:
    """The class names that a root holds for labels that may lie deep below it."""
    for name in class_names.FILES:
        if (root / name).is_file():
            return root / name
    for file in sorted(root.glob("*.y*ml")):
        with suppress(DatasetError):  # it may be about anything
            if class_names.read(file):
                return file
    return class_names.find(part.path)
