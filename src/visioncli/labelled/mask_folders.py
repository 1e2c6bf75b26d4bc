"""Masks that are files: two folders that mirror each other, `images/` and `masks/`, or Pascal VOC's, or CamVid's.

Splits may stand above them (`train/images/1.jpg`) or below (`images/train/1.jpg`), or be the folders' names
(`train/1.jpg`, `train_labels/1.png`). A mask holds one number a pixel, or one colour a class.
"""

import dataclasses
import os
import re
from collections.abc import Iterable
from pathlib import Path

from visioncli.datasets.label_maps import SUFFIXES, picture_name
from visioncli.labelled import palettes
from visioncli.labelled.classes import split_named
from visioncli.labelled.interface import TRAIN, VAL, SetError
from visioncli.labelled.mask_files import MaskFile
from visioncli.labelled.masks import MASKS, PICTURES, MaskSet
from visioncli.labelled.palettes import Palette
from visioncli.labelled.trees import Tree, example, is_picture

_OF_SPLIT = re.compile(r"(.+?)[ _-]?(?:labels?|masks?|annot|annotations?|gt)", re.IGNORECASE)
"""Folders of masks that are called after the split of their pictures: `train_labels`, `trainannot`."""
_CAMVID = "_L"
"""What CamVid's masks have at the end of their names, beside those of their pictures."""


def looks_like(name: str) -> bool:
    """Whether a folder looks like pictures with masks, two or three folders deep."""
    try:
        return os.path.isdir(name) and _has_both(Path(name), 2)
    except OSError:
        return False


def _has_both(folder: Path, deeper: int) -> bool:
    inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))[:64]
    kinds = _kinds(p.name for p in inside)
    if {"picture", "mask"} <= {kind for kind, _ in kinds.values()}:
        # Folders of classes may be called so too: masks are pictures without colours, which only these formats hold.
        masks = (p for p in inside if kinds.get(p.name, ("", ""))[0] == "mask")
        return any(_holds_maps(p) for p in masks)
    return deeper > 0 and any(_has_both(p, deeper - 1) for p in inside)


def _holds_maps(folder: Path) -> bool:
    for _, _, names in os.walk(folder):
        if any(os.path.splitext(name)[1].lower() in SUFFIXES for name in names):
            return True
    return False


def holds_both(tree: Tree) -> bool:
    """Whether there are folders of pictures and of masks in a folder or a zip."""
    pictures, masks = _sorted_out(tree)
    return bool(pictures and masks)


def _kinds(folders: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of folders beside each other: whether one holds a `picture` or a `mask`, and the split that its name says."""
    found: dict[str, tuple[str, str]] = {}
    names = list(folders)
    for name in names:
        plain = re.sub("[^a-z0-9]", "", name.lower())
        if plain in PICTURES or plain in MASKS:
            found[name] = ("picture" if plain in PICTURES else "mask", "")
        elif (match := _OF_SPLIT.fullmatch(name)) and match[1] in names and split_named(match[1]):
            found[name] = ("mask", match[1])
            found[match[1]] = ("picture", match[1])
    return found


def read(tree: Tree, palette: Palette | None = None, *, void: bool = True) -> MaskSet:
    """The pictures and masks in a folder or a zip; none is decoded.

    Colours are classes as `palette`, or a file at the root, says. `void` is as `palettes.parse` takes it. Raises
    SetError.
    """
    name = tree.source
    pictures, masks = _sorted_out(tree)
    if not pictures or not masks:
        missing = "images/" if not pictures else "masks/"
        raise SetError(
            f"{name}: there is no picture in a folder called {missing}. Pictures with masks lie in two folders, "
            "images/1.jpg and masks/1.png, with train/ and val/ above or below them where there are such parts.",
            "not_found",
        )
    voc = any("jpegimages" in file.lower() for file in pictures.values())
    splits = _voc_splits(tree) if voc else {}
    warnings = list(tree.warnings)
    if voc:
        every = len(pictures)
        pictures = {key: file for key, file in pictures.items() if key in masks}
        if every > len(pictures):
            warnings.append(f"{every - len(pictures):,} pictures without a mask are left out.")
    lonely = [file for key, file in masks.items() if key not in pictures]
    if lonely:
        shown = ", ".join(lonely[:3]) + (" …" if len(lonely) > 3 else "")
        warnings.append(f"{len(lonely):,} masks have no picture of their name and are left out: {shown}")
    examples = tuple(
        example(tree, file, (), splits.get(Path(file).stem) or _split_of(file)) for file in pictures.values()
    )
    files = [MaskFile(tree.path(masks[key]), tree.content(masks[key])) if key in masks else None for key in pictures]
    if (first := next(filter(None, files), None)) is None:
        raise SetError(f"{name}: no mask has the name of a picture: images/1.jpg belongs to masks/1.png.")
    if palette is None and (palette := _palette_in(tree, void)) is not None and not first.is_coloured():
        palette = None  # what holds numbers means them
    form = "VOC masks" if voc else "pictures and masks"
    if palette is not None:
        files = [file and dataclasses.replace(file, palette=palette) for file in files]
        warnings.append(f"Colours of masks are classes as {palette.source} says.")
    names = palette.names if palette is not None else None
    return MaskSet(name, form, examples, tuple(files), tuple(warnings), names=names)


def _palette_in(tree: Tree, void: bool) -> Palette | None:
    """What a file of the usual name at the root, or in its only folder, says of colours."""
    found = [file for file in tree.files if file.rpartition("/")[2].lower() in palettes.FILES and file.count("/") < 2]
    if not found:
        return None
    file = min(found, key=lambda name: (name.count("/"), name))
    return palettes.parse(tree.read(file, 1 << 24), tree.path(file), void=void)


def _sorted_out(tree: Tree) -> tuple[dict[str, str], dict[str, str]]:
    """Pictures and masks by what is equal in both names. Raises SetError where two pictures share it."""
    beside: dict[str, dict[str, None]] = {}
    for file in filter(is_picture, tree.files):
        parts = file.split("/")[:-1]
        for n, part in enumerate(parts):
            beside.setdefault("/".join(parts[:n]), {})[part] = None
    kinds = {above: _kinds(names) for above, names in beside.items()}
    found: dict[str, dict[str, str]] = {"picture": {}, "mask": {}}
    for file in filter(is_picture, tree.files):
        parts = file.split("/")
        told = (kinds.get("/".join(parts[:n]), {}).get(part) for n, part in enumerate(parts[:-1]))
        place, (kind, split) = next(((n, one) for n, one in enumerate(told) if one), (0, ("", "")))
        if not kind:
            continue
        last = parts[-1]
        if kind == "mask":
            if os.path.splitext(last)[1].lower() not in SUFFIXES:
                continue
            last = picture_name(Path(last), Path())
        else:
            last = os.path.splitext(last)[0]
        key = "/".join([*parts[:place], split, *parts[place + 1 : -1], last])
        if (other := found[kind].setdefault(key, file)) != file:
            raise SetError(f"{tree.source}: {other} and {file} would have the same mask. Give them different names.")
    masks = {_of_picture(key, found["picture"]): file for key, file in found["mask"].items()}
    return found["picture"], masks


def _of_picture(key: str, pictures: dict[str, str]) -> str:
    shorter = key.removesuffix(_CAMVID)
    return shorter if key not in pictures and shorter in pictures else key


def _split_of(file: str) -> str:
    return next((split for part in file.split("/")[:-1] if (split := split_named(part))), "")


def _voc_splits(tree: Tree) -> dict[str, str]:
    """What VOC's ImageSets/Segmentation/train.txt and val.txt say, by the stems of pictures."""
    splits: dict[str, str] = {}
    for split in (TRAIN, VAL):
        for file in tree.files:
            if file.lower().endswith(f"imagesets/segmentation/{split}.txt"):
                words = tree.read(file, 1 << 26).decode("utf-8", "replace").split()
                splits |= dict.fromkeys(words, split)
    return splits
