"""CIFAR-10 and CIFAR-100 as they are published (cs.toronto.edu/~kriz/cifar.html), unpacked or as their .tar.gz.

The Python version is a pickle, which could run any program: torchvision's data set opens it only after its MD5 was
found to be that of the published files. The binary version is plain bytes: one or two labels, then 32 x 32 pixels
of red, green and blue.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from visioncli.inputs.item import INSIDE
from visioncli.labelled.arrays import array_examples
from visioncli.labelled.as_files import in_folder, unpacked
from visioncli.labelled.interface import TEST, TRAIN, Example, PictureSet, SetError
from visioncli.labelled.trees import Folder, Tree

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SIDE, _PIXELS = 32, 3072
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the four ways in which the two sets are published."""

    name: str
    folder: str
    archive: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    classes: int

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.train, *self.test, self.names)


_BATCHES = tuple(f"data_batch_{n}" for n in range(1, 6))
_PYTHON = (
    _Form("CIFAR10", "cifar-10-batches-py", "cifar-10-python.tar.gz", _BATCHES, ("test_batch",), "batches.meta", 10),
    _Form("CIFAR100", "cifar-100-python", "cifar-100-python.tar.gz", ("train",), ("test",), "meta", 100),
)
_BINARY = (
    _Form(
        "CIFAR10",
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
        tuple(f"{name}.bin" for name in _BATCHES),
        ("test_batch.bin",),
        "batches.meta.txt",
        10,
    ),
    _Form(
        "CIFAR100",
        "cifar-100-binary",
        "cifar-100-binary.tar.gz",
        ("train.bin",),
        ("test.bin",),
        "fine_label_names.txt",
        100,
    ),
)
_ARCHIVE = re.compile(r"(?:.*/)?cifar-(?:10|100)-(?:python|binary)\.tar(?:\.gz)?")


def archive_in(tree: Tree) -> str | None:
    """The published archive at the root of a tree."""
    return next((name for name in tree.files if "/" not in name and _ARCHIVE.fullmatch(name)), None)


def is_archive(path: str) -> bool:
    """Whether a file is called as the published archives are."""
    return _ARCHIVE.fullmatch(os.path.basename(path)) is not None


def here(tree: Tree) -> tuple[_Form, dict[str, str]] | None:
    """Which published form lies in a tree, and its files by their last names; None where none does."""
    last: dict[str, str] = {}
    for name in tree.files:
        last.setdefault(name.rpartition("/")[2], name)
    for form in (*_BINARY, *_PYTHON):
        found = {name: last[name] for name in form.files if name in last}
        # A file called "train" or "meta" may be anything: CIFAR-100's three are wanted together.
        if found and (len(found) == 3 if form.train == ("train",) else set(found) != {form.names}):
            return form, found
    return None


def read(tree: Tree, form: _Form, files: dict[str, str]) -> PictureSet:
    """The set of these files. Raises SetError for what is missing or not as it was published."""
    if form in _PYTHON:
        return _read_python(tree, form, files)
    classes, warnings = _class_names(tree, form, files)
    examples: list[Example] = []
    for split, names in ((TRAIN, form.train), (TEST, form.test)):
        for name in names:
            if name in files:
                examples += _batch(tree, files[name], split, len(classes), form)
    missing = [name for name in form.files[:-1] if name not in files]
    if missing:
        warnings.append(f"Of {form.name}, {', '.join(missing)} is missing.")
    return PictureSet(
        tree.source, "cifar", classes, tuple(examples), warnings=(*tree.warnings, *warnings), published=True
    )


def read_archive(path: str) -> PictureSet:
    """The set in a published .tar.gz. Raises SetError."""
    wanted = frozenset(name for form in (*_PYTHON, *_BINARY) for name in form.files)
    with unpacked(path, wanted) as folder:
        tree = Folder(str(folder))
        found = here(tree)
        if found is None:
            raise SetError(f"{path}: none of the files of CIFAR-10 or CIFAR-100 is in this archive.")
        read_set = read(tree, *found)
    examples = tuple(
        replace(e, path=f"{path}{INSIDE}{e.relative}", root=os.path.basename(path)) for e in read_set.examples
    )
    return replace(read_set, source=path, examples=examples)


def _class_names(tree: Tree, form: _Form, files: dict[str, str]) -> tuple[tuple[str, ...], list[str]]:
    if form.names in files:
        text = tree.read(files[form.names], 1 << 16).decode("utf-8", "replace")
        names = tuple(line.strip() for line in text.splitlines() if line.strip())
        if len(names) == form.classes == len(set(names)):
            return names, []
    if form.classes == 10:
        return CIFAR10_CLASSES, []
    return tuple(map(str, range(form.classes))), [f"{form.names} is missing, so classes are called by their numbers."]


def _batch(tree: Tree, name: str, split: str, classes: int, form: _Form) -> Iterator[Example]:
    where = tree.path(name)
    data = np.frombuffer(tree.read(name, _MOST_BYTES), np.uint8)
    labels_each = 1 if form.classes == 10 else 2
    if not data.size or data.size % (_PIXELS + labels_each):
        raise SetError(
            f"{where}: {data.size:,} bytes are no whole number of pictures of {_PIXELS + labels_each:,} bytes. Copy "
            "or download it again."
        )
    rows = data.reshape(-1, _PIXELS + labels_each)
    labels = rows[:, labels_each - 1]
    if int(labels.max()) >= classes:
        place = int(labels.argmax())
        raise SetError(f"{where}: picture {place} is of class {int(labels[place])}, but there are {classes} classes.")
    pictures = rows[:, labels_each:].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)
    return array_examples(where, pictures, labels, split)


def _read_python(tree: Tree, form: _Form, files: dict[str, str]) -> PictureSet:
    """Through torchvision, which looks at the MD5 of each file before it opens any."""
    from torchvision import datasets

    kind: Any = getattr(datasets, form.name)
    published = {**dict(kind.train_list), **dict(kind.test_list), kind.meta["filename"]: kind.meta["md5"]}
    for name, md5 in published.items():
        if name not in files:
            raise SetError(f"{tree.source}: of {form.name}, the file {name} is missing.", "not_found")
        found = hashlib.md5(tree.read(files[name], _MOST_BYTES), usedforsecurity=False).hexdigest()
        if found != md5:
            raise SetError(
                f"{tree.path(files[name])}: this is not the published file: its MD5 is {found}, not {md5}. It is a "
                "pickle, which could run any program, so it is not opened. Download it again, or take the binary "
                "version."
            )
    with ExitStack() as stack:
        root = stack.enter_context(in_folder(tree, files.values(), form.folder))
        try:
            parts = [(split, kind(str(root), train=split == TRAIN)) for split in (TRAIN, TEST)]
        except RuntimeError:
            raise SetError(f"{tree.source}: the files changed while they were read. Run the command again.") from None
    prefix = tree.path(form.folder)
    examples = tuple(
        example
        for split, part in parts
        for example in array_examples(f"{prefix}/{split}", part.data, np.array(part.targets), split)
    )
    return PictureSet(
        tree.source, "cifar", tuple(parts[0][1].classes), examples, warnings=tree.warnings, published=True
    )
