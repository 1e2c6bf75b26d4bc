"""Two folders of pictures without pairs, as sets for CycleGAN have them (https://arxiv.org/abs/1703.10593):
`trainA`, `trainB` and perhaps `testA`, `testB`, or any two folders, such as `horses` and `zebras`."""

import os
import re
from collections.abc import Iterator

from visioncli.labelled.classes import split_named
from visioncli.labelled.interface import TEST, VAL, PictureSet, SetError
from visioncli.labelled.plain import tree_of
from visioncli.labelled.trees import Below, Tree, example, folders_of, is_picture, legible
from visioncli.names import did_you_mean

_SIDE = re.compile(r"(train|training|val|valid|validation|test|testing)?[ _-]?([ab])", re.IGNORECASE)
_HOW = "A translation is learned from two folders, such as trainA/ and trainB/, or photos/ and paintings/"


def read_two_kinds(name: str) -> PictureSet:
    """The pictures of a folder, or a zip, with two folders in it: those of the first kind have class 0.

    Kinds are called as their folders, `A` and `B` for `trainA` and `trainB`; the first one by name is what is
    translated from. Pictures of test folders are for validation where there are none for it. No picture is decoded.
    Raises SetError.
    """
    tree = _innermost(_tree(name))
    found: dict[tuple[str, str], list[str]] = {}
    alone: list[str] = []
    for file in filter(is_picture, tree.files):
        if (where := _placed(file)) is None:
            alone.append(file)
        else:
            found.setdefault(where, []).append(file)
    kinds = tuple(sorted({legible(kind) for _, kind in found}))
    if len(kinds) != 2:
        raise SetError(_not_two(name, kinds, alone))
    warnings = [*tree.warnings]
    if alone:
        words = (
            "1 picture outside of the two folders is"
            if len(alone) == 1
            else (f"{len(alone):,} pictures outside of the two folders are")
        )
        warnings.append(f"{words} left out: {alone[0]}")
    splits = {split for split, _ in found}
    found_test_only = TEST in splits and VAL not in splits
    examples = tuple(
        example(tree, file, (kinds.index(legible(kind)),), VAL if split == TEST and found_test_only else split)
        for (split, kind), files in found.items()
        for file in files
    )
    return PictureSet(name, "two folders", kinds, examples, warnings=tuple(warnings))


def _tree(name: str) -> Tree:
    try:
        if (tree := tree_of(name)) is not None:
            return tree
        if os.path.exists(name):
            raise SetError(f"{name} is one file. {_HOW}: give the folder, or a zip, that holds both.")
    except (OSError, ValueError) as problem:
        raise SetError(f"{name} cannot be read: {problem}.", "read_failed") from None
    folder, last = os.path.split(name.rstrip("/"))
    near = did_you_mean(last, _entries(folder or "."))
    raise SetError(f"{name} does not exist.{near} {_HOW}: give the folder that holds both.", "not_found")


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:1000]
    except OSError:
        return []


def _innermost(tree: Tree) -> Tree:
    """The tree below folders that only hold one other folder, as archives often have it."""
    while True:
        inside = folders_of(filter(is_picture, tree.files))
        if len(inside) != 1 or "" in inside:
            return tree
        ((folder, names),) = inside.items()
        deeper: dict[str, list[str]] = folders_of(name[len(folder) + 1 :] for name in names)
        if split_named(folder) or "" in deeper:
            return tree
        tree = Below(tree, folder)


def _placed(file: str) -> tuple[str, str] | None:
    """The split and the kind that a picture's folders say; None where it lies in none of either."""
    folders = list(_folders(file))
    if not folders:
        return None
    if side := _SIDE.fullmatch(folders[0]):
        return split_named(side[1]) or "" if side[1] else "", side[2].upper()
    if split := split_named(folders[0]):
        if len(folders) == 1:
            return None
        side = re.fullmatch("[ab]", folders[1], re.IGNORECASE)
        return split, folders[1].upper() if side else folders[1]
    return "", folders[0]


def _folders(file: str) -> Iterator[str]:
    yield from file.split("/")[:-1]


def _not_two(name: str, kinds: tuple[str, ...], alone: list[str]) -> str:
    if len(kinds) > 2:
        shown = ", ".join(kinds[:5]) + (" …" if len(kinds) > 5 else "")
        return f"{name} holds {len(kinds)} folders of pictures ({shown}). {_HOW}: move the others away."
    if kinds:
        return f"{name} holds pictures in one folder only, {kinds[0]}. {_HOW}: give the folder that holds both."
    if alone:
        there = "1 picture lies" if len(alone) == 1 else f"{len(alone):,} pictures lie"
        return f"{name}: {there} side by side, in no folder of a kind. {_HOW}."
    return f"{name}: there are no pictures here. {_HOW}."
