"""Whole files or none: everything is written under a temporary name and then renamed."""

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from visioncli.errors import OutputError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG_END = b"\xff\xd9"
"""What is missing where a limit on file sizes cut a picture off, which Pillow does not notice."""
ANNOTATIONS = (".txt", ".xml", ".json", ".csv")
"""What folders of annotations hold."""
MOST_LINKS = 40
"""Links to links that are followed, as Linux does it."""

TEMPORARY = ".vision-" + "[0-9a-f]" * 16 + "*"
"""What files are called while they are written: where nobody writes, such a one is of a program that was killed."""

unfinished: set[Path] = set()
"""Temporary files and folders that are being written, for whoever must end the program at once."""


@contextmanager
def whole_file(target: Path, partial: Path | None = None) -> Iterator[Path]:
    """A temporary path to write to; it becomes `target` when the block ends, and vanishes when it raises.

    The temporary file lies in `partial`, which must be on the same file system and is for targets that are no links,
    or else beside the target. Without `partial` the target may be anything that the user names: where it is a link,
    the file that it leads to is replaced and the link stays; a device, a pipe or /dev/stdout is written to.
    Raises OutputError where the disk is full or may not be written.
    """
    if partial is None:
        if is_stream(target):
            with _streamed(target) as temporary:
                yield temporary
            return
        target = _behind_links(target)
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


def is_stream(target: Path) -> bool:
    """Whether something stands there that is written to and never replaced: a device, a pipe, an open descriptor."""
    if _descriptor(target) is not None:
        return True
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def _streamed(target: Path) -> Iterator[Path]:
    """A temporary file that goes to the device or pipe `target` when it is whole: those who write it may seek."""
    try:
        with tempfile.TemporaryDirectory(prefix="vision-") as folder:
            temporary = Path(folder) / f"whole{target.suffix}"
            temporary.touch()
            yield temporary
            descriptor = _descriptor(target)
            if descriptor is not None:
                sys.stdout.flush()
            # A descriptor of its own would begin at the start of the file that standard output goes to.
            stream: Any = target if descriptor is None else os.dup(descriptor)
            with temporary.open("rb") as whole, open(stream, "wb", buffering=0) as out:
                shutil.copyfileobj(whole, out)
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise explain(problem, target) from problem


def _descriptor(target: Path) -> int | None:
    """The number of the open file that a path such as /dev/stdout or /dev/fd/63 names, also by links."""
    path = os.path.abspath(target)
    for _ in range(MOST_LINKS):
        found = re.fullmatch(r"/(?:dev/fd|proc/self/fd|proc/thread-self/fd)/(\d+)", path)
        if found or path in STANDARD:
            return int(found[1]) if found else STANDARD[path]
        try:
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        except OSError:
            return None
    return None


STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def _behind_links(target: Path) -> Path:
    """The file that a link leads to, there or not; other paths as they are."""
    return Path(os.path.realpath(target)) if os.path.islink(target) else target


def check_not_input(target: Path, inputs: Iterable[str | Path | None]) -> None:
    """Raises UsageError where writing to `target` would replace an input: a file, or one in a folder of them."""
    for path in inputs:
        with suppress(OSError):
            if path is None or not os.path.isfile(target):
                continue
            one_of_them = target.suffix in ANNOTATIONS or target.name == "predictions.jsonl"
            if os.path.samefile(target, path) or (one_of_them and Path(path).resolve() in target.resolve().parents):
                raise UsageError(
                    f"{target} is an input of this run, which a result would replace. Name another file."
                )


def irregular(path: Path) -> str | None:
    """What stands at `path` in place of a file, in words; None for a file and where nothing is."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    if stat.S_ISREG(mode):
        return None
    return "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "a pipe, device or socket"


def refuse_irregular(path: Path) -> None:
    """Raises OutputError where a link, a folder or a pipe stands in the place of a file of vision's own."""
    if kind := irregular(path):
        raise OutputError(f"Cannot write {path}: {kind} stands there. Remove it, or choose another folder with -o.")


def new_file(path: Path) -> IO[bytes]:
    """An empty file, open for writing, in the place of whatever stood there: nothing is written through a link."""
    path.unlink(missing_ok=True)
    return path.open("xb")


def name_part(label: str, room: int = 255) -> str:
    """A label as a part of a file's name: letters, digits, `_` and `-` only, and short enough for every disk."""
    return _cut(re.sub(r"[^\w-]+", "_", label)[:MOST_LETTERS], room)


MOST_LETTERS = 48
"""Up to four bytes each, of the 255 that a name may have."""
LONGEST_NAME = 255
"""Bytes that a file or folder may have as its name on most disks."""
LONGEST_ENDING = 15
"""Bytes that results put behind the name of their input at most: `.background.jpg`."""
LONGEST_SUFFIX = 16


def shortened(name: str) -> str:
    """A name of results, `/` between folders, each part short enough for the disk, endings of ours included.

    The parts that are too long end in a hash of the whole part: two of them never become one.
    """
    *folders, last = name.split("/")
    parts = [_short(part, LONGEST_NAME) for part in folders]
    return "/".join([*parts, _short(last, LONGEST_NAME - LONGEST_ENDING)])


def _short(part: str, room: int) -> str:
    raw = os.fsencode(part)
    if len(raw) <= room:
        return part
    suffix = os.path.splitext(part)[1]
    if len(os.fsencode(suffix)) > LONGEST_SUFFIX:
        suffix = ""
    ending = f"~{hashlib.sha256(raw).hexdigest()[:12]}{suffix}"
    return _cut(part, room - len(os.fsencode(ending))) + ending


def _cut(text: str, room: int) -> str:
    """As many of the first characters as `room` bytes hold."""
    while len(os.fsencode(text)) > room:
        text = text[:-1]
    return text


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
