"""Pictures without classes: those of a folder or a zip, whichever way they lie in it; parts may have folders."""

import os
import zipfile
from collections.abc import Iterable

from visioncli.datasets.picture_names import PICTURE_SUFFIXES
from visioncli.labelled.archives import Zip
from visioncli.labelled.classes import split_named
from visioncli.labelled.interface import TRAIN, PictureSet, SetError
from visioncli.labelled.trees import Below, Folder, Tree, example, folders_of, is_picture

NAME = "pictures without classes"


def tree_of(name: str) -> Tree | None:
    """The folder or zip called `name`; None where it is neither. Raises SetError where it cannot be listed."""
    if os.path.isdir(name):
        return Folder(name)
    if os.path.isfile(name) and (name.lower().endswith(".zip") or zipfile.is_zipfile(name)):
        return Zip(name)
    return None


def has_no_classes(tree: Tree) -> bool:
    """Whether the pictures of a tree lie side by side, or in one folder of any name, or so in folders of splits."""
    _, inside = _innermost(tree)
    if set(inside) == {""}:
        return True
    flat = all(name.count("/") == 1 for names in inside.values() for name in names)
    return bool(inside) and flat and _are_splits(inside)


def read(tree: Tree) -> PictureSet:
    """All pictures of a tree, whatever folder they lie in. Raises SetError where there are none."""
    tree, inside = _innermost(tree)
    if not inside:
        endings = ", ".join(sorted(PICTURE_SUFFIXES)[:3])
        raise SetError(
            f"{tree.source}: there are no pictures here: no file's name ends like a picture's, such as {endings}.",
            "not_found",
        )
    parted = _are_splits(inside)
    examples = tuple(
        example(tree, name, (), (split_named(folder) or "") if parted else "")
        for folder, names in inside.items()
        for name in names
    )
    return PictureSet(tree.source, NAME, (), examples, warnings=tree.warnings)


def _are_splits(folders: Iterable[str]) -> bool:
    """Whether all folders are called like splits, that to learn from among them."""
    found = {split_named(folder) for folder in folders}
    return TRAIN in found and None not in found


def _innermost(tree: Tree) -> tuple[Tree, dict[str, list[str]]]:
    """The tree below folders that hold nothing but one other, and its pictures by their first folder."""
    while True:
        inside = folders_of(filter(is_picture, tree.files))
        if len(inside) != 1 or "" in inside:
            return tree, inside
        ((folder, _),) = inside.items()
        tree = Below(tree, folder)
