"""From what the user named to pictures with masks, by what lies there."""

import os
import zipfile
from pathlib import Path

from visioncli.errors import UsageError
from visioncli.labelled import coco_masks, mask_folders
from visioncli.labelled.archives import Zip
from visioncli.labelled.crops import holds_annotations
from visioncli.labelled.interface import SetError
from visioncli.labelled.masks import MaskSet
from visioncli.labelled.palettes import read_palette
from visioncli.labelled.trees import Folder, Tree


def is_mask_set(name: str) -> bool:
    """Whether this looks like a folder, or a zip, of pictures with masks. Outlines of objects can be learned from in
    other ways too, and do not."""
    if mask_folders.looks_like(name):
        return True
    if not _is_zip(name):
        return False
    try:
        return mask_folders.holds_both(Zip(name))
    except SetError:
        return False


def read_masks(name: str, *, palette: str | None = None, images: str | None = None, ignoring: bool = True) -> MaskSet:
    """The pictures and masks of a folder, a zip or an annotation file; no picture is decoded.

    `palette` is a file with the colours of classes, `images` the folder of pictures that annotations lie apart from.
    With `ignoring` classes called void, and regions of many objects, do not count. Raises SetError, UsageError.
    """
    if images is not None and not os.path.isdir(images):
        raise UsageError(f"{images} is no folder of pictures.")
    colours = None if palette is None else read_palette(palette, void=ignoring)
    if not os.path.exists(name):
        raise SetError(
            f"{name} does not exist. Pictures with masks lie in two folders, images/ and masks/.", "not_found"
        )
    is_archive = not os.path.isdir(name) and _is_zip(name)
    if is_archive or os.path.isdir(name):
        tree = Zip(name) if is_archive else Folder(name)
        files = mask_folders.holds_both(tree)
        if files or not (_has_annotations(tree) if is_archive else holds_annotations(Path(name))):
            if images is not None:
                raise UsageError("--images is for annotations of objects, and these masks lie beside their pictures.")
            return mask_folders.read(tree, colours, void=ignoring)
    if colours is not None:
        raise UsageError("--palette is for masks in colours, and these are outlines of objects.")
    if is_archive:
        return coco_masks.read_tree(tree, images, crowds=not ignoring)
    if os.path.isdir(name) or name.lower().endswith((".json", ".jsonl")):
        return coco_masks.read(name, images, crowds=not ignoring)
    raise SetError(
        f"{name}: this is no set of pictures with masks. Give a folder or a zip with images/ and masks/, or a COCO "
        "file of objects with outlines."
    )


def _has_annotations(tree: Tree) -> bool:
    return any(file.lower().endswith((".json", ".jsonl")) for file in tree.files)


def _is_zip(name: str) -> bool:
    try:
        return os.path.isfile(name) and zipfile.is_zipfile(name)
    except OSError:
        return False
