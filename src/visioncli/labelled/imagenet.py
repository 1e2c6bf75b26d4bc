"""ImageNet as it is published: folders that are called by wnid, and pictures for validation that lie side by side.

What these are of stands in `LOC_val_solution.csv` beside `ILSVRC/`, or, beside flat `ILSVRC2012_val_*.JPEG`, in the
development kit's `ILSVRC2012_validation_ground_truth.txt` with its `meta.mat`, or in a list of wnids or of classes.
Classes get the names and the order of our table `imagenet1k`, whose networks count them so.
"""

import csv
import dataclasses
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache

from visioncli.errors import missing_extra
from visioncli.labelled.as_files import in_folder
from visioncli.labelled.classes import split_named
from visioncli.labelled.interface import TRAIN, VAL, Example, PictureSet, SetError
from visioncli.labelled.trees import Folder, Tree, example
from visioncli.models.labels import imagenet_wnids, load_labels

NAME = "imagenet"
_WNID = re.compile(r"n\d{8}")
_VAL = re.compile(r"(?:.*/)?(ILSVRC2012_val_(\d{8}))\.(?:jpe?g|png)", re.IGNORECASE)
_KAGGLE = "LOC_val_solution.csv"
_GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_LISTS = (_GROUND_TRUTH, "imagenet_2012_validation_synset_labels.txt", "val.txt", "val_map.txt", "synset_labels.txt")
_META, _MAP = "meta.mat", "map_clsloc.txt"
_META_SECONDS = 60.0
_READ_META = """
import json, sys, scipy.io
rows = scipy.io.loadmat(sys.argv[1], squeeze_me=True)["synsets"]
print(json.dumps([[int(row[0]), str(row[1])] for row in rows]))
"""
_MOST_BYTES = 64 << 20


@cache
def _numbers() -> Mapping[str, int]:
    """The place of each wnid among the thousand classes."""
    return {wnid: place for place, wnid in enumerate(imagenet_wnids())}


def named(found: PictureSet) -> PictureSet:
    """A set of class folders with the names of ImageNet's classes, where its folders are called by their wnids."""
    numbers = _numbers()
    if not found.classes or not all(name in numbers for name in found.classes):
        return found
    # Sorted wnids are in the order of the table already.
    labels = load_labels("imagenet1k")
    names = {wnid: labels[numbers[wnid]] for wnid in found.classes}
    by_split = {split: tuple(names[w] for w in wnids) for split, wnids in found.classes_by_split.items()}
    return dataclasses.replace(found, format=NAME, classes=tuple(names.values()), classes_by_split=by_split)


def flat_val(tree: Tree) -> list[str]:
    """The pictures for validation that lie side by side, not in folders of their classes."""
    return [
        n for n in tree.files if _VAL.fullmatch(n) and not _WNID.fullmatch(n.rpartition("/")[0].rpartition("/")[2])
    ]


def read(tree: Tree, flat: list[str]) -> PictureSet:
    """The set of `flat` pictures for validation, and of folders for training where they are there.

    Raises SetError where nothing says what the pictures are of.
    """
    answers = _answers(tree)
    labels = load_labels("imagenet1k")
    val: list[Example] = []
    missing = 0
    for name in flat:
        match = _VAL.fullmatch(name)
        assert match is not None
        place = answers.get(match[1])
        if place is None:
            missing += 1
        else:
            val.append(example(tree, name, (place,), VAL))
    if not val:
        raise SetError(f"{tree.source}: the list of classes has none of these pictures, such as {flat[0]}.")
    train: list[Example] = []
    left_out = frozenset(flat)
    for name in tree.files:
        parts = name.split("/")
        if name not in left_out and len(parts) > 2 and (place := _numbers().get(parts[-2])) is not None:
            split = next((s for p in reversed(parts[:-2]) if (s := split_named(p))), TRAIN)
            train.append(example(tree, name, (place,), split))
    warnings = [f"{missing:,} pictures are not in the list of classes, and are left out."] if missing else []
    return PictureSet(
        tree.source,
        NAME,
        tuple(labels[place] for place in range(len(labels))),
        (*train, *val),
        warnings=(*tree.warnings, *warnings),
        published=True,
    )


def _answers(tree: Tree) -> dict[str, int]:
    """The class of each picture for validation, by its name without suffix."""
    for place in (tree, *_above(tree)):
        for name in place.files:
            last = name.rpartition("/")[2]
            if last == _KAGGLE:
                return _of_kaggle(place, name)
            if last in _LISTS and (answers := _of_list(place, name)):
                return answers
    raise SetError(
        f"{tree.source}: ImageNet's pictures for validation lie side by side, and nothing says what they are of. Put "
        f"the development kit's {_GROUND_TRUTH} and {_META} beside them, or {_KAGGLE}.",
        "not_found",
    )


class _Beside(Folder):
    """The files of one folder, without those of the folders in it, which may be a whole data set."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files."""
        try:
            return tuple(sorted(e.name for e in os.scandir(self.source) if e.is_file()))
        except OSError:
            return ()


def _above(tree: Tree) -> list[Tree]:
    """The three folders above a folder."""
    if tree.content("") is not None:
        return []
    folder, found = os.path.abspath(tree.source), []
    for _ in range(3):
        folder = os.path.dirname(folder)
        found.append(_Beside(folder))
    return list(found)


def _of_kaggle(tree: Tree, name: str) -> dict[str, int]:
    text = _text(tree, name)
    rows = csv.reader(io.StringIO(text, newline=""))
    answers: dict[str, int] = {}
    try:
        for row in list(rows)[1:]:
            wnid = row[1].split()[0] if len(row) > 1 and row[1].split() else ""
            if wnid not in _numbers():
                raise SetError(f"{tree.path(name)}: a row does not name one of ImageNet's classes: {row}"[:200])
            answers[row[0].strip()] = _numbers()[wnid]
    except csv.Error:
        raise SetError(f"{tree.path(name)}: this is no CSV with ImageId and PredictionString.") from None
    return answers


def _of_list(tree: Tree, name: str) -> dict[str, int]:
    """A line a picture: a wnid, the development kit's number, or `FILE CLASS` with a wnid or a place from 0."""
    lines = [line.split() for line in _text(tree, name).splitlines() if line.strip()]
    if not lines:
        return {}
    where = tree.path(name)
    if {len(words) for words in lines} == {1}:
        by_number = {} if lines[0][0] in _numbers() else _kit_numbers(tree, name)
        found = [by_number.get(word, _numbers().get(word)) for (word,) in lines]
        keys = [f"ILSVRC2012_val_{n:08d}" for n in range(1, len(lines) + 1)]
    elif {len(words) for words in lines} == {2}:
        places = {str(place): place for place in range(len(_numbers()))}
        found = [_numbers().get(word, places.get(word)) for _, word in lines]
        keys = [os.path.splitext(os.path.basename(words[0]))[0] for words in lines]
    else:
        raise SetError(f"{where}: each line must hold a class, or a picture and a class.")
    for number, place in enumerate(found, start=1):
        if place is None:
            raise SetError(f"{where}: line {number} names no class of ImageNet: {' '.join(lines[number - 1])[:60]}")
    return {key: place for key, place in zip(keys, found, strict=True) if place is not None}


def _kit_numbers(tree: Tree, name: str) -> dict[str, int]:
    """The development kit counts classes in an order of its own, which stands in its meta.mat and map_clsloc.txt."""
    by_last = {n.rpartition("/")[2]: n for n in tree.files if n.endswith((_META, _MAP))}
    if _MAP in by_last:
        lines = [line.split() for line in _text(tree, by_last[_MAP]).splitlines()]
        pairs = [(words[1], words[0]) for words in lines if len(words) > 1]
    elif _META in by_last:
        pairs = _of_meta(tree, by_last[_META])
    else:
        raise SetError(
            f"{tree.path(name)}: these numbers are the development kit's own; put its {_META} or {_MAP} beside them.",
            "not_found",
        )
    return {number: _numbers()[wnid] for number, wnid in pairs if wnid in _numbers()}


def _of_meta(tree: Tree, name: str) -> list[tuple[str, str]]:
    """Numbers and wnids of a meta.mat, read by a process of its own: a damaged one may end whatever reads it."""
    if importlib.util.find_spec("scipy") is None:
        raise missing_extra("scipy", "datasets")
    with in_folder(tree, [name]) as folder:
        command = [sys.executable, "-c", _READ_META, str(folder / _META)]
        try:
            answer = subprocess.run(command, capture_output=True, timeout=_META_SECONDS, check=True).stdout
            return [(str(number), wnid) for number, wnid in json.loads(answer)]
        except (subprocess.SubprocessError, OSError, ValueError, TypeError):
            raise SetError(f"{tree.path(name)}: this is not the development kit's {_META}.") from None


def _text(tree: Tree, name: str) -> str:
    return tree.read(name, _MOST_BYTES).decode("utf-8-sig", "replace")
