"""Tar archives, plain ones read in place by any number of threads, packed ones as a stream, once and in order.

What tells members apart from each other is left to Python's `tarfile` (ustar, GNU and PAX headers, sparse files); it
reads through `_Forward`, which bounds what a header may take. Nothing is unpacked to the disk.
"""

import bz2
import gzip
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from visioncli.errors import InputError
from visioncli.inputs import zips
from visioncli.inputs.limits import MOST_MEMBER
from visioncli.inputs.zips import most_of

_MOST_HEADER = 1 << 20
"""Bytes of one header; those of long names and of PAX have some hundreds."""
_CHUNK = 1 << 20
_MOST_SPARSE = 1 << 16
"""Pieces of a file with holes."""
_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_ZSTD = b"\x28\xb5\x2f\xfd"
DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError, RecursionError)
"""What `tarfile` and the decompressors raise about what they read."""


class DamagedTar(Exception):
    """Not a tar, or not a whole one. Its text is a clause."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as its header tells it: `size` in bytes, and the pieces (place in the archive, place in the member,
    bytes) that are there; what lies between them are zeros.

    `link` is where a link leads; a `device` is a device or a pipe.
    """

    name: str
    size: int
    pieces: tuple[tuple[int, int, int], ...]
    changed: int
    link: str | None = None
    device: bool = False

    @property
    def at(self) -> int:
        """Where its content begins in the unpacked archive."""
        return self.pieces[0][0] if self.pieces else 0

    @property
    def stamp(self) -> str:
        """What tells its content from others."""
        return f"{self.at}|{self.size}|{self.changed}"


def is_packed(path: str) -> bool:
    """Whether the archive is compressed as a whole. Raises DamagedTar for a way that is not read, OSError."""
    with open(path, "rb") as file:
        head = file.read(6)
    if head.startswith(_ZSTD):
        raise DamagedTar("it is packed with zstd; unpack it with zstd -d FILE")
    return any(head.startswith(magic) for magic in _MAGIC)


class Reader:
    """The members of an archive in its order. `read` gives those of a packed one while they come by."""

    def __init__(self, path: str) -> None:
        self.packed = is_packed(path)
        self._size = os.path.getsize(path)
        self._stream = _Forward(_opened(path), 0 if not self.packed else most_of(self._size))

    def entries(self) -> Iterator[Entry]:
        """All members but folders. Raises DamagedTar, OSError, and `TooMuch` where a packed one holds too much."""
        stream = self._stream
        try:
            with tarfile.TarFile(fileobj=stream, mode="r", errors="surrogateescape") as tar:  # type: ignore[arg-type]
                while (info := tar.next()) is not None:
                    # Which tarfile would keep, however many there are.
                    tar.members = []  # type: ignore[attr-defined]
                    tar.pax_headers = {}
                    if not info.isdir():
                        yield _entry(info)
        except DAMAGE as problem:
            raise DamagedTar(words(problem)) from None
        if stream.last.strip(b"\0"):
            raise DamagedTar(f"there is no header at byte {stream.tell() - len(stream.last):,}, where one should be")

    def read(self, entry: Entry) -> bytes:
        """The bytes of the entry that was given last. Raises InputError."""
        return _assembled(entry, self._stream.at)

    def close(self) -> None:
        """Closes the file."""
        self._stream.file.close()


class TooMuch(Exception):
    """A packed archive holds more than it may: so many bytes."""


class _Forward:
    """A file that is read forwards: what tarfile needs of one.

    `last` are the bytes that were read last: zeros, or none, at the end of a whole archive. With `most`, it is a
    stream, of which no more than so many bytes are read.
    """

    def __init__(self, file: IO[bytes], most: int) -> None:
        self.file, self.last = file, b""
        self._at, self._most = 0, most
        self._seekable = not most

    def tell(self) -> int:
        """Bytes until here."""
        return self._at

    def seek(self, place: int) -> int:
        """Goes on at a place that is not before this one."""
        if self._seekable:
            self._at = self.file.seek(place)
            return self._at
        if place < self._at:
            raise tarfile.ReadError("its headers lead back")
        while self._at < place and self._take(min(place - self._at, _CHUNK)):
            pass
        return self._at

    def read(self, size: int) -> bytes:
        """The next bytes, for a header."""
        if not 0 <= size <= _MOST_HEADER:
            raise tarfile.ReadError(f"a header has {size:,} bytes")
        self.last = self._take(size)
        return self.last

    def at(self, place: int, size: int) -> bytes:
        """`size` bytes of a member at `place`; fewer at the end."""
        self.seek(place)
        found = bytearray()
        while len(found) < size and (chunk := self._take(min(size - len(found), _CHUNK))):
            found += chunk
        return bytes(found)

    def close(self) -> None:
        """Leaves the file open."""

    def _take(self, size: int) -> bytes:
        found = self.file.read(size)
        self._at += len(found)
        if self._most and self._at > self._most:
            raise TooMuch(self._most)
        return found


def _opened(path: str) -> IO[bytes]:
    with open(path, "rb") as file:
        head = file.read(6)
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    if kind == "gzip":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if kind == "bzip2":
        return bz2.open(path, "rb")
    return lzma.open(path, "rb") if kind == "xz" else open(path, "rb")


def _entry(info: tarfile.TarInfo) -> Entry:
    link = info.linkname if info.islnk() or info.issym() else None
    device = not info.isreg() and link is None
    place, pieces = info.offset_data, []
    sparse: list[tuple[int, int]] | None = getattr(info, "sparse", None)
    for offset, size in [(0, info.size)] if sparse is None else sparse[:_MOST_SPARSE]:
        pieces.append((place, offset, size))
        place += size
    changed = int(info.mtime)
    name = info.name.partition("\0")[0]
    while name.startswith("./"):
        name = name[2:]
    return Entry(name, info.size, tuple(pieces), changed, link, device)


def read(path: str, entry: Entry) -> bytes:
    """The bytes of a member of an archive that is not packed. Raises InputError."""
    try:
        with open(path, "rb", buffering=0) as file:

            def at(place: int, size: int) -> bytes:
                file.seek(place)
                return zips.exactly(file, size)

            return _assembled(entry, at)
    except OSError as problem:
        raise InputError("read_failed", f"The archive could not be read: {problem.strerror or problem}.") from None


def check(entry: Entry) -> None:
    """Raises InputError for what has no content that may be read."""
    if entry.link is not None:
        raise InputError("not_a_file", f"It is a link to {_short(entry.link)} within the archive. Name that member.")
    if entry.device:
        raise InputError("not_a_file", "It is a device, a pipe or another entry without content, not a picture.")
    if entry.size > MOST_MEMBER:
        raise InputError(
            "too_large", f"It is {entry.size >> 20:,} MiB large; the limit is {MOST_MEMBER >> 20:,} MiB."
        )


def _short(text: str) -> str:
    shown = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return shown if len(shown) <= 100 else shown[:99] + "…"


def _assembled(entry: Entry, at: Callable[[int, int], bytes]) -> bytes:
    check(entry)
    cut_off = InputError("read_failed", "The archive ends before it does. Copy or download the archive again.")
    if len(entry.pieces) == 1 and entry.pieces[0][1] == 0 and entry.pieces[0][2] == entry.size:
        data = at(entry.pieces[0][0], entry.size)
        if len(data) < entry.size:
            raise cut_off
        return data
    there = sum(size for _, _, size in entry.pieces)
    if entry.size > max(zips.SMALL_MEMBER, zips.MOST_RATIO * there):
        raise InputError("too_large", f"It has {entry.size >> 20:,} MiB, of which all but {there:,} bytes are holes.")
    whole = bytearray(entry.size)
    for place, offset, size in entry.pieces:
        if offset < 0 or size < 0 or offset + size > entry.size:
            raise InputError("read_failed", "It is damaged inside the archive (its holes do not fit its size).")
        piece = at(place, size)
        if len(piece) < size:
            raise cut_off
        whole[offset : offset + size] = piece
    return bytes(whole)


def words(problem: Exception) -> str:
    """What was wrong, as a clause."""
    if isinstance(problem, EOFError):
        return "it is cut off"
    if isinstance(problem, RecursionError):
        return "its headers have no end"
    return " ".join(str(problem).split()) or type(problem).__name__
