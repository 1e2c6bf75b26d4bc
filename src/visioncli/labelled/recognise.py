"""From what the user named to its pictures and classes: which kind of set it is, and the reader for it."""

import os
import posixpath
import zipfile
from pathlib import Path

from visioncli.datasets.file_bytes import unreadable
from visioncli.labelled import folders, idx, tables
from visioncli.labelled.archives import Zip
from visioncli.labelled.interface import PictureSet, SetError
from visioncli.labelled.trees import Folder, Tree, is_picture
from visioncli.weights.downloads import Access


def read_set(
    name: str,
    *,
    crops: bool = False,
    images: str | None = None,
    access: Access = Access(),  # noqa: B008 - frozen
) -> PictureSet:
    """The pictures and classes of a folder, table, archive or standard set.

    With `crops` each box of annotations is a picture; `images` is the folder of theirs where it is not found beside
    them. No picture is decoded. Raises SetError, and ModelUnavailable where a standard set cannot be fetched.
    """
    try:
        mode = os.stat(name)
        del mode
    except (OSError, ValueError) as problem:
        raise SetError(str(unreadable(Path(name), problem)), "not_found") from None
    if os.path.isdir(name):
        return _of_tree(Folder(name), images)
    if zipfile.is_zipfile(name):
        return _of_tree(Zip(name), images)
    return _of_file(name, images)


def _of_tree(tree: Tree, images: str | None) -> PictureSet:
    if idx.image_files(tree) and not any(map(is_picture, tree.files)):
        return idx.read(tree)
    if (metadata := tables.metadata_in(tree)) and (found := tables.read_metadata(tree, metadata)):
        return found
    if table := tables.table_at_root(tree):
        return tables.read(tree, table, images=images)
    return folders.read(tree)


def _of_file(name: str, images: str | None) -> PictureSet:
    folder, last = posixpath.split(name)
    tree = Folder(folder or ".")
    return tables.read(tree, last, name, images)
