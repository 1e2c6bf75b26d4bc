"""Class folders: `cat/1.jpg`, and `train/cat/1.jpg`, `val/cat/2.jpg` where a set says its splits.

Whatever lies below the folder of a class, at any depth, is of that class. Classes of splits are matched by name.
"""

import re

from visioncli.labelled.classes import Places, alike, split_named
from visioncli.labelled.interface import TRAIN, PictureSet, SetError
from visioncli.labelled.masks import MASKS, PICTURES
from visioncli.labelled.trees import Below, Tree, example, folders_of, is_picture, legible, wanted_of

NAME = "class folders"


def read(tree: Tree) -> PictureSet:
    """The set in a tree. Raises SetError where there are no folders of classes."""
    tree, inside = _innermost(tree)
    by_split, warnings = _splits(tree, inside)
    names = {legible(folder): None for found in by_split.values() for folder in found}
    classes = tuple(sorted(names))
    _refuse_maps(tree, classes)
    places = Places(classes)
    examples = tuple(
        example(tree, name, places[legible(folder)], split)
        for split, found in by_split.items()
        for folder, files in found.items()
        for name in files
    )
    if len(classes) == 1:
        warnings.append(f"There is only one class, {classes[0]}.")
    warnings += alike(classes)
    wanted = wanted_of(tree.files)
    others = [name for name in tree.files if not wanted(name)]
    if others:
        noun = "picture" if wanted is is_picture else "recording"
        count = f"{len(others):,} files whose names do not end like a {noun}'s are"
        if len(others) == 1:
            count = f"A file whose name does not end like a {noun}'s is"
        warnings.append(f"{count} left out: {', '.join(others[:3])}{' …' if len(others) > 3 else ''}")
    by_name = {split: tuple(sorted(map(legible, found))) for split, found in by_split.items() if split}
    return PictureSet(
        tree.source,
        NAME,
        classes,
        examples,
        warnings=(*tree.warnings, *warnings),
        classes_by_split=by_name,
    )


def _refuse_maps(tree: Tree, classes: tuple[str, ...]) -> None:
    """Raises SetError where folders are pictures and their label maps: a classifier would learn to tell these two."""
    plain = {name: re.sub("[^a-z0-9]", "", name.lower()) for name in classes}
    pictures = next((name for name, letters in plain.items() if letters in PICTURES), None)
    maps = next((name for name, letters in plain.items() if letters in MASKS | {"segmentationobject"}), None)
    if pictures and maps:
        raise SetError(
            f"{tree.source}: {pictures}/ and {maps}/ look like pictures and their masks, not like two "
            "classes. To learn the masks, say vision train DATA --task segment; if these are classes, give a table "
            "with the columns path and label."
        )


def _innermost(tree: Tree) -> tuple[Tree, dict[str, list[str]]]:
    """The tree below folders that only hold one other folder, and its pictures by their first folder."""
    wanted = wanted_of(tree.files)
    while True:
        inside = folders_of(filter(wanted, tree.files))
        if len(inside) != 1 or "" in inside:
            return tree, inside
        ((folder, names),) = inside.items()
        deeper = folders_of(name[len(folder) + 1 :] for name in names)
        if split_named(folder) or "" in deeper:
            return tree, inside
        tree = Below(tree, folder)


def _splits(tree: Tree, inside: dict[str, list[str]]) -> tuple[dict[str, dict[str, list[str]]], list[str]]:
    """The pictures by split and folder of the class, and warnings; the split is "" where the set says none."""
    warnings: list[str] = []
    alone = inside.pop("", [])
    if not inside:
        if alone:
            raise SetError(
                f"{tree.source}: the {len(alone):,} pictures lie side by side, without folders of classes. Put those "
                "of each class into a folder of its own (photos/cat/1.jpg), or give a table with the columns path "
                "and label."
            )
        others = tree.files[0] if tree.files else ""
        told = f" None of its {len(tree.files):,} files is called like one; the first is {others}." if others else ""
        raise SetError(f"{tree.source}: there are no pictures here.{told}", "not_found")
    if alone:
        warnings.append(f"{len(alone):,} pictures outside of folders of classes are left out: {alone[0]}")
    parts = {folder: split for folder in inside if (split := split_named(folder))}
    # A class may be called "test"; a set that has splits has one to learn from, or nothing but splits.
    if not (TRAIN in parts.values() or len(parts) == len(inside)) or _are_classes(parts, inside):
        return {"": inside}, warnings
    by_split: dict[str, dict[str, list[str]]] = {}
    for folder, names in inside.items():
        split = parts.get(folder)
        if split is None:
            warnings.append(f"{folder}/ stands beside the folders of splits, so its pictures are left out.")
            continue
        cut = len(folder) + 1
        for name in names:
            first, slash, _ = name[cut:].partition("/")
            by_split.setdefault(split, {}).setdefault(first if slash else "", []).append(name)
    for split, found in list(by_split.items()):
        if plain := found.pop("", []):
            warnings.append(
                f"{len(plain):,} pictures of the split {split} lie in no folder of a class and are left out: "
                f"{plain[0]}"
            )
        if not found:
            del by_split[split]
    if not by_split:
        raise SetError(
            f"{tree.source}: the folders {', '.join(parts)} hold pictures, but no folders of classes. Put those of "
            "each class into a folder of its own (train/cat/1.jpg)."
        )
    return by_split, warnings


def _are_classes(parts: dict[str, str], inside: dict[str, list[str]]) -> bool:
    """Whether folders that are called like splits hold pictures as the other folders do: then they are classes."""
    others = [folder for folder in inside if folder not in parts]

    def is_flat(folder: str) -> bool:
        return all("/" not in name[len(folder) + 1 :] for name in inside[folder])

    return bool(others) and all(map(is_flat, inside))
