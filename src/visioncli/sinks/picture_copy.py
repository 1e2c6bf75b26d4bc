"""The picture itself in an output folder, beside what is said about it: a data set that other tools load as it is."""

import errno
import io
import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

from visioncli.errors import InputError
from visioncli.files import whole_file, write_picture
from visioncli.inputs.item import Held, Item
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder

JPEG_QUALITY = 95
"""For pictures that others could not read as they are."""
KINDS = {
    b"\xff\xd8\xff": (".jpg", ".jpeg"),
    b"\x89PNG\r\n\x1a\n": (".png",),
    b"BM": (".bmp",),
}
"""How files begin that every tool of the field reads, and the suffixes by which these know them, ours first."""
_OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def copy_picture(outcome: Outcome, out: OutputFolder, stem: str) -> Path | None:
    """Writes the picture of an outcome as `stem` and a suffix: a copy of the file where it is JPEG, PNG or BMP, else
    (other kinds, addresses, streams) the decoded picture as JPEG. Returns where it is, None where there is none.

    It is a copy and never a link, for tools of training repair the JPEG files that they are given in their place; on
    file systems that can, it takes no room until then. Raises OutputError.
    """
    source = _open(outcome.item)
    if source is not None:
        with source:
            start = source.read(16)
            for mark, suffixes in KINDS.items():
                if start.startswith(mark):
                    suffix = Path(outcome.item.path).suffix.lower()
                    target = out.file(stem + (suffix if suffix in suffixes else suffixes[0]))
                    source.seek(0)
                    with whole_file(target, out.partial) as temporary:
                        _copy(source, temporary)
                    return target
    if outcome.picture is None:
        return None
    target = out.file(f"{stem}.jpg")
    write_picture(target, outcome.picture.image, "JPEG", out.partial, quality=JPEG_QUALITY)
    return target


def _open(item: Item) -> BinaryIO | None:
    """The file; None where it is none, or is there no more."""
    if isinstance(item, Held):
        try:
            return None if item.streamed or item.opened else io.BytesIO(item.content())
        except InputError:
            return None
    if (path := item.file) is None:
        return None
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        return open(path, "rb", buffering=0)
    except (OSError, ValueError):
        return None


def _copy(source: BinaryIO, target: Path) -> None:
    """Copies what follows in `source`: without room of its own where the file system can share it."""
    with target.open("wb", buffering=0) as file:
        try:
            while os.copy_file_range(source.fileno(), file.fileno(), 1 << 30):
                pass
        except (OSError, AttributeError) as problem:  # other file systems and other systems
            if isinstance(problem, OSError) and problem.errno in _OUT_OF_SPACE:
                raise
            shutil.copyfileobj(source, file)
