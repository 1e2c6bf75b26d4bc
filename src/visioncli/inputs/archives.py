"""Members of zip and tar archives as inputs, `photos.zip!/a/b.jpg`: streamed, never unpacked to the disk."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache

from visioncli.errors import InputError
from visioncli.inputs import tars, zips
from visioncli.inputs.archive_names import ZIPS, is_archive
from visioncli.inputs.item import INSIDE, Held, Item, facts_of, failed, is_hidden, mirrored
from visioncli.inputs.limits import MOST_MEMBER
from visioncli.inputs.read_ahead import Piece, ReadAhead

ENDINGS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"),
        *(".avif", ".heic", ".heif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
        *(".icns", ".psd", ".pcx", ".dds", ".sgi", ".qoi"),
    }
)
"""Of members that are pictures. What else is beside them, such as the labels of WebDataset, is none."""
MOST_MEMBERS = 10_000_000
_NESTED = "This is an archive within an archive, which is not opened. Unpack the outer one, and give this one."
_AGAIN = "Copy or download it again."
_NUMBERED = re.compile(r"(.*)#([0-9]{1,9})", re.DOTALL)

Counts = Callable[[str], bool]
"""Whether a member of this name is an input."""


def members(archive: Item, counts: Counts) -> Iterator[Held]:
    """The members of an archive that are inputs, in its order, each as it comes by; hidden ones are none.

    What cannot be read is an input too, which fails with a sentence: the whole archive, or the rest of it.
    """
    seen: dict[int, int] = {}
    listed = found = 0
    try:
        each = _of_zip(archive) if archive.path.lower().endswith(ZIPS) else _of_tar(archive)
        for name, made in each:
            listed += 1
            if listed > MOST_MEMBERS:
                yield failed(
                    archive,
                    "too_large",
                    f"The archive has more than {MOST_MEMBERS:,} members; the others are not read. Divide it.",
                    archive.path,
                )
                return
            if is_hidden(name):
                continue
            nested = is_archive(name)
            if not nested and not counts(mirrored(name)):
                continue
            found += 1
            key = hash(name)
            number = seen[key] = seen.get(key, 0) + 1
            shown = name if number == 1 else f"{name}#{number}"
            path, relative = f"{archive.path}{INSIDE}{shown}", f"{archive.relative}/{mirrored(shown)}"
            member = made(path, relative)
            yield failed(member, "unreadable_picture", _NESTED, archive.path) if nested else member
    except (zips.DamagedZip, tars.DamagedTar) as problem:
        rest = "The archive" if not listed else f"What follows after {listed:,} members cannot be read: the archive"
        yield failed(archive, "read_failed", f"{rest} is damaged ({problem}). {_AGAIN}", archive.path)
    except (tars.TooMuch, _TooMuch):
        yield failed(archive, "too_large", _too_much(listed), archive.path)
    except OSError as problem:
        words = f"The archive could not be read: {problem.strerror or problem}."
        kind = {FileNotFoundError: "not_found", PermissionError: "permission_denied"}.get(
            type(problem), "read_failed"
        )
        yield failed(archive, kind, words, archive.path)
    else:
        if not found:
            what = "It is empty" if not listed else f"None of its {listed:,} members is called like one"
            yield failed(archive, "unreadable_picture", f"There is no picture in this archive. {what}.", archive.path)


class _TooMuch(Exception):
    """The members of an archive would be larger than it may be."""


def _too_much(listed: int) -> str:
    return (
        f"What is in this archive is more than {zips.MOST_RATIO} times its own size, and more than "
        f"{zips.MOST_TOTAL >> 30} GiB: after {listed:,} members no more is read. Unpack it if you trust it."
    )


_Made = Callable[[str, str], Held]
"""From a path and a name in the mirrored tree to the input."""


def _of_zip(archive: Item) -> Iterator[tuple[str, _Made]]:
    total, facts = 0, facts_of(archive.path)
    most = zips.most_of(int(facts.partition("|")[0]))
    for entry in zips.entries(archive.path):
        total += entry.size
        if total > most:
            raise _TooMuch
        if not entry.is_folder:
            yield (
                entry.name,
                lambda path, relative, entry=entry: Held(  # type: ignore[misc]
                    path,
                    relative,
                    archive.root,
                    lambda: zips.read(archive.path, entry),
                    f"{facts}|{entry.stamp}",
                    archive.path,
                ),
            )


def _of_tar(archive: Item) -> Iterator[tuple[str, _Made]]:
    facts = facts_of(archive.path)
    reader, ahead = tars.Reader(archive.path), ReadAhead()
    try:
        for entry in reader.entries():
            stamp = f"{facts}|{entry.stamp}"
            piece: Piece | None = None

            def made(path: str, relative: str, entry: tars.Entry = entry, stamp: str = stamp) -> Held:
                nonlocal piece
                if not reader.packed:
                    content = lambda: tars.read(archive.path, entry)  # noqa: E731
                    return Held(path, relative, archive.root, content, stamp, archive.path)
                size = entry.size if entry.size <= MOST_MEMBER else 0
                piece = Piece(size, ahead, lambda: of_path(path))
                return Held(
                    path, relative, archive.root, piece.content, stamp, archive.path, True, piece.ask, piece.done
                )

            yield entry.name, made
            if piece is not None:
                # Whoever took the input has asked by now for its content, or does not want it.
                _fill(piece, reader, entry)
    finally:
        reader.close()


def _fill(piece: Piece, reader: tars.Reader, entry: tars.Entry) -> None:
    try:
        piece.fill(lambda: reader.read(entry))
    except tars.DAMAGE as problem:
        raise tars.DamagedTar(tars.words(problem)) from None


def of_path(path: str) -> bytes:
    """The bytes of the member that a path such as `photos.zip!/a/b.jpg` names. Raises InputError.

    `#2` behind the name is the second member that is called so. Of an archive that is packed as a whole the members
    before it are read too; who asks for members in their order has each read once.
    """
    outer, _, name = path.partition(INSIDE)
    try:
        facts = facts_of(outer)
        if outer.lower().endswith(ZIPS):
            if (entry := _zip_index(outer, facts).get(name)) is not None:
                return zips.read(outer, entry)
        elif tars.is_packed(outer):
            if (data := _cursor(outer, facts).find(name.removeprefix("./"))) is not None:
                return data
        elif (member := _tar_index(outer, facts).get(name.removeprefix("./"))) is not None:
            return tars.read(outer, member)
    except (zips.DamagedZip, tars.DamagedTar) as problem:
        raise InputError("read_failed", f"The archive is damaged ({problem}). {_AGAIN}") from None
    except tars.TooMuch:
        raise InputError("too_large", _too_much(0)) from None
    except FileNotFoundError:
        raise InputError("not_found", f"There is no such archive: {outer}. Check the path.") from None
    except OSError as problem:
        raise InputError("read_failed", f"The archive could not be read: {problem.strerror or problem}.") from None
    raise InputError("not_found", "There is no such file in this archive. Check the name.")


def named(item: Item) -> Held:
    """The input that the path of an item names within an archive."""
    outer, _, name = item.path.partition(INSIDE)
    stamp = None
    with suppress(OSError):
        stamp = facts_of(outer)
    relative = f"{item.relative.partition(INSIDE)[0]}/{mirrored(name)}"
    return Held(item.path, relative, item.root, lambda: of_path(item.path), stamp, outer)


def _numbered(name: str, seen: dict[str, int]) -> str:
    number = seen[name] = seen.get(name, 0) + 1
    return name if number == 1 else f"{name}#{number}"


@lru_cache(maxsize=2)
def _zip_index(path: str, facts: str) -> dict[str, zips.Entry]:
    seen: dict[str, int] = {}
    return {_numbered(e.name, seen): e for e in zips.entries(path) if not e.is_folder}


@lru_cache(maxsize=2)
def _tar_index(path: str, facts: str) -> dict[str, tars.Entry]:
    reader, seen = tars.Reader(path), dict[str, int]()
    try:
        return {_numbered(e.name, seen): e for e in reader.entries()}
    finally:
        reader.close()


@lru_cache(maxsize=2)
def _cursor(path: str, facts: str) -> "_Cursor":
    return _Cursor(path)


class _Cursor:
    """A place in a packed archive, which moves on to members that are asked for, and begins anew for earlier ones."""

    def __init__(self, path: str) -> None:
        self._path, self._lock = path, threading.Lock()
        self._reader: tars.Reader | None = None

    def find(self, name: str) -> bytes | None:
        """The bytes of a member; None where there is none of that name. Raises as `tars.Reader`, and InputError."""
        with self._lock:
            fresh = self._reader is None
            data = self._forward(name)
            if data is None and not fresh:
                data = self._forward(name)
            return data

    def _forward(self, name: str) -> bytes | None:
        if self._reader is None:
            self._reader, self._seen = tars.Reader(self._path), dict[str, int]()
            self._entries = self._reader.entries()
        try:
            for entry in self._entries:
                if _numbered(entry.name, self._seen) == name:
                    return self._reader.read(entry)
        except tars.DAMAGE as problem:
            self._end()
            raise tars.DamagedTar(tars.words(problem)) from None
        except BaseException:
            self._end()
            raise
        self._end()
        return None

    def _end(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
