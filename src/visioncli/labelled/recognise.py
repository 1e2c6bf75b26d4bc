"""From what the user named to its pictures and classes: which kind of set it is, and the reader for it."""

import os
import zipfile
from pathlib import Path

from visioncli.datasets.file_bytes import unreadable
from visioncli.errors import UsageError
from visioncli.inputs.addresses import is_url, path_of, without_credentials
from visioncli.labelled import cifar, crops, folders, idx, imagenet, standard, svhn, tables
from visioncli.labelled.archives import Zip
from visioncli.labelled.interface import PictureSet, SetError
from visioncli.labelled.trees import Folder, Tree, is_picture
from visioncli.names import did_you_mean
from visioncli.sounds.kinds import is_named_as_sound
from visioncli.weights.downloads import Access

_NO_CROPS = (
    "boxes of these annotations can be learned: say --task detect; or each be a picture with a class: say --crops"
)


def read_set(
    name: str | os.PathLike[str],
    *,
    crops: bool = False,
    images: str | os.PathLike[str] | None = None,
    access: Access = Access(),  # noqa: B008 - frozen
) -> PictureSet:
    """The pictures and classes of a folder, table, archive, or of a standard set by its name.

    With `crops` each box of annotations is a picture; `images` is the folder of the pictures where they are not found
    beside the annotations or the table. No picture is decoded. A standard set that is not in the cache is fetched.
    Raises SetError, UsageError, and ModelUnavailable where a set cannot be fetched or needs a missing library.
    """
    name, images = path_of(os.fspath(name)), None if images is None else os.fspath(images)
    if is_url(name):
        raise SetError(
            f"{without_credentials(name)}: a set is read from this machine. Download it, and give the file."
        )
    if images is not None and not os.path.isdir(images):
        raise UsageError(f"{images} is no folder of pictures.")
    try:
        found = _read_set(name, crops, images, access)
    except RecursionError:
        raise SetError(f"{name}: its folders are nested too deeply.") from None
    if not found.examples:
        raise SetError(f"{name}: there are no pictures with a class here.", "not_found")
    return found


def _read_set(name: str, with_crops: bool, images: str | None, access: Access) -> PictureSet:
    if not _exists(name):
        if (known := standard.lookup(name)) is not None:
            if known.name == "svhn":
                svhn.check_reader()  # before a quarter of a gigabyte is fetched
            return _of_tree(Folder(str(standard.fetch_set(known, access))), images, name)
        raise _nothing_there(name)
    if os.path.isdir(name):
        return crops.read(name, images) if with_crops else _of_tree(Folder(name), images, name)
    if _is_zip(name):
        archive = Zip(name)
        return crops.read_tree(archive, images) if with_crops else _of_tree(archive, images, name)
    if with_crops:
        return crops.read(name, images)
    return _of_file(name, images)


def _of_tree(tree: Tree, images: str | None, name: str) -> PictureSet:
    """The set in a folder or a zip, by what lies in it."""
    has_pictures = any(is_picture(name) or is_named_as_sound(name) for name in tree.files)
    if not has_pictures:
        if idx.image_files(tree):
            return idx.read(tree)
        if published := cifar.here(tree):
            return cifar.read(tree, *published)
        if svhn.files_in(tree):
            return svhn.read(tree)
        if (archive := cifar.archive_in(tree)) and tree.content(archive) is None:
            return cifar.read_archive(tree.path(archive))
    if (metadata := tables.metadata_in(tree)) and (told := tables.read_metadata(tree, metadata)):
        return told
    if table := tables.table_at_root(tree):
        return tables.read(tree, table, images=images)
    if flat := imagenet.flat_val(tree):
        return imagenet.read(tree, flat)
    try:
        found = folders.read(tree)
    except SetError:
        _advise_crops(name)
        raise
    if len(found.classes) == 1:
        _advise_crops(name)
    return imagenet.named(found)


def _advise_crops(name: str) -> None:
    """Raises SetError where a folder without classes holds annotations of objects."""
    if os.path.isdir(name) and crops.holds_annotations(Path(name)):
        raise SetError(f"{name}: there are no folders of classes, but {_NO_CROPS}.")


def _of_file(name: str, images: str | None) -> PictureSet:
    """The set that a single file is or tells of."""
    folder, last = os.path.split(name)
    lower = last.lower()
    tree = Folder(folder or ".")
    if cifar.is_archive(name):
        return cifar.read_archive(name)
    if lower.endswith(tables.SUFFIXES):
        return tables.read(tree, last, name, images)
    if lower.endswith((".jsonl", ".ndjson")):
        return tables.read_lines(tree, last, name, images)
    if idx.is_part(last):
        return idx.read(tree)
    if last in svhn.FILES:
        return svhn.read(tree)
    if crops.holds_annotations(Path(name)):
        raise SetError(f"{name}: {_NO_CROPS}.")
    if lower.endswith((".tar", ".tgz", ".tar.gz", ".tar.xz", ".7z", ".rar")):
        raise SetError(f"{name}: of archives, zip is read in place. Unpack this one, and give the folder.")
    if is_picture(last) or is_named_as_sound(last):
        noun = "picture" if is_picture(last) else "recording"
        raise SetError(f"{name}: this is one {noun}; give a folder with a folder for each class, or a table.")
    head = tree.read(last, 1 << 30)[:65536] if os.path.getsize(name) < 1 << 30 else b""
    if tables.is_table(head, last):
        return tables.read(tree, last, name, images)
    raise SetError(
        f"{name}: this is no set of pictures with classes: no zip, and no table with the columns path and label."
    )


def _exists(name: str) -> bool:
    try:
        os.stat(name)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as problem:
        raise SetError(str(unreadable(Path(name), problem)), "read_failed") from None
    return True


def _is_zip(name: str) -> bool:
    """Whether a file is a zip by its name or its content; never a device or a pipe."""
    if not os.path.isfile(name):
        raise SetError(f"{name}: this is neither a file nor a folder.", "not_a_file")
    return name.lower().endswith(".zip") or zipfile.is_zipfile(name)


def _nothing_there(name: str) -> SetError:
    near = did_you_mean(name, standard.SETS) if "/" not in name else ""
    known = f" A standard set is one of {', '.join(standard.SETS)}." if "/" not in name and not near else ""
    return SetError(f"{name}: there is no such file or folder.{near}{known}", "not_found")
