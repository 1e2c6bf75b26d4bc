"""Whole files or none: everything is written under a temporary name and then renamed."""

import errno
import io
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visioncli.errors import OutputError

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG_END = b"\xff\xd9"
"""What is missing where a limit on file sizes cut a picture off, which Pillow does not notice."""

unfinished: set[Path] = set()
"""Temporary files that are being written, for whoever must end the program at once."""


@contextmanager
def whole_file(target: Path, partial: Path | None = None) -> Iterator[Path]:
    """A temporary path to write to; it becomes `target` when the block ends, and vanishes when it raises.

    The temporary file lies in `partial`, which must be on the same file system, or else beside the target.
    Raises OutputError where the disk is full or may not be written.
    """
    temporary = (partial or target.parent) / f".vision-{secrets.token_hex(8)}{target.suffix}"
    unfinished.add(temporary)
    try:
        _with_folder(target, lambda: temporary.touch(exist_ok=False))
        try:
            yield temporary
            _with_folder(target, lambda: os.replace(temporary, target))
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as problem:
        raise explain(problem, target) from problem
    finally:
        unfinished.discard(temporary)


def _with_folder(target: Path, step: Callable[[], object]) -> None:
    """Does `step`, and where the target's folder is missing makes it first: it is there for all files but one."""
    try:
        step()
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        step()


def write_whole(target: Path, data: bytes, partial: Path | None = None) -> None:
    """Writes `data` to `target`, whole or not at all. Raises OutputError."""
    with whole_file(target, partial) as temporary:
        temporary.write_bytes(data)


def write_picture(target: Path, image: "Image", kind: str, partial: Path | None = None, **options: Any) -> None:
    """Writes a Pillow image as JPEG or PNG, whole or not at all. Raises OutputError."""
    # Not by Pillow itself: it does not notice where a nearly full disk takes only a part of a file.
    write_whole(target, _encoded(image, kind, options), partial)


def _encoded(image: "Image", kind: str, options: dict[str, Any]) -> bytes:
    """The picture as the bytes of a file."""
    if kind == "JPEG":
        # Other threads go on while Pillow compresses, but only where it writes to a file that has a descriptor.
        with suppress(AttributeError, OSError):  # only Linux has such files in memory
            with os.fdopen(os.memfd_create("picture"), "w+b") as file:
                image.save(file, kind, **options)
                file.seek(0)
                data = file.read()
            if data.endswith(JPEG_END):
                return data
    memory = io.BytesIO()
    image.save(memory, kind, **options)
    return memory.getvalue()


def explain(problem: OSError, target: Path) -> OutputError:
    """The sentence for a file that could not be written."""
    reasons: dict[int | None, Callable[[], str]] = {
        errno.ENOSPC: lambda: "the disk is full. Free some space",
        errno.EDQUOT: lambda: "your disk quota is used up. Free some space",
        errno.EROFS: lambda: "the disk is read-only. Choose another folder with -o",
        errno.EACCES: lambda: "you may not write there. Choose another folder with -o",
        errno.EPERM: lambda: "you may not write there. Choose another folder with -o",
        errno.ENOTDIR: lambda: "a file stands where a folder is needed. Choose another folder with -o",
        errno.EEXIST: lambda: "a file stands where a folder is needed. Choose another folder with -o",
        errno.EISDIR: lambda: "a folder stands where the file belongs. Choose another folder with -o",
        errno.ENAMETOOLONG: lambda: "the name is too long for this disk. Give the input a shorter name",
        errno.EFBIG: lambda: "the file would be larger than this system allows",
    }
    reason = reasons.get(problem.errno, lambda: problem.strerror or str(problem))()
    return OutputError(f"Cannot write {target}: {reason}.")
