"""Zip archives, read in place: their directory entry by entry, and single members, by any number of threads.

After PKWARE's APPNOTE 6.3.10, zip64 included. The directory is never held as a whole, so that a million members take
no more memory than one. Nothing is unpacked to the disk.
"""

import bz2
import lzma
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from visioncli.errors import InputError
from visioncli.inputs.limits import MOST_MEMBER

MOST_RATIO = 200
"""So many times its own size an archive may hold, and a member that is not small."""
SMALL_MEMBER = 64 << 20
"""Bytes up to which a member may be packed however well, as pictures of one colour are."""
MOST_TOTAL = 4 << 30
"""Bytes of all members that an archive may hold whatever its own size, beside `MOST_RATIO` times that."""

_END, _END64, _LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_ENCRYPTED, _UTF8 = 1, 1 << 11
_FULL = 0xFFFF_FFFF
_STORED, _DEFLATED, _BZIP2, _LZMA = 0, 8, 12, 14
_CHUNK = 1 << 20


class DamagedZip(Exception):
    """Not a zip, or not a whole one. Its text is a clause."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as the directory knows it; `at` is where its local header stands, sizes are bytes."""

    name: str
    at: int
    size: int
    packed: int
    crc: int
    method: int
    encrypted: bool

    @property
    def is_folder(self) -> bool:
        """Whether it only names a folder."""
        return self.name.endswith("/")

    @property
    def stamp(self) -> str:
        """What tells its content from others."""
        return f"{self.crc:08x}|{self.size}"


def entries(path: str) -> Iterator[Entry]:
    """All members in the order of the directory, folders among them. Raises DamagedZip, OSError."""
    with open(path, "rb") as file:
        start, size, count, shift = _directory(file)
        file.seek(start)
        for _ in range(count):
            if size < _ENTRY.size:
                raise DamagedZip("its directory is cut off")
            head = file.read(_ENTRY.size)
            if len(head) < _ENTRY.size or head[:4] != b"PK\1\2":
                raise DamagedZip("its directory is damaged")
            fields = _ENTRY.unpack(head)
            flags, method = fields[5], fields[6]
            crc, packed, unpacked, name_size, extra_size, comment_size = fields[9:15]
            rest = name_size + extra_size + comment_size
            body = file.read(rest)
            size -= _ENTRY.size + rest
            if len(body) < rest or size < 0:
                raise DamagedZip("its directory is cut off")
            at = fields[18]
            extra = body[name_size : name_size + extra_size]
            if _FULL in (packed, unpacked, at):
                unpacked, packed, at = _large(extra, unpacked, packed, at)
            yield Entry(
                _text(body[:name_size], flags), at + shift, unpacked, packed, crc, method, bool(flags & _ENCRYPTED)
            )


def _directory(file: IO[bytes]) -> tuple[int, int, int, int]:
    """Where the directory begins, its bytes, its entries, and what is to be added to the offsets in it."""
    end = file.seek(0, os.SEEK_END)
    tail_at = max(0, end - 22 - 0xFFFF)
    file.seek(tail_at)
    tail = file.read()
    found = tail.rfind(_END)
    if found < 0 or len(tail) - found < 22:
        raise DamagedZip("it has no directory at its end")
    disk, first_disk, _, count, size, offset = struct.unpack("<4H2L", tail[found + 4 : found + 20])
    directory_end = tail_at + found
    if 0xFFFF in (disk, count) or _FULL in (size, offset):
        file.seek(max(0, directory_end - 20))
        locator = file.read(20)
        if locator[:4] == _LOCATOR and directory_end >= 20:
            # The record stands right before its locator, also where something was put before the whole archive.
            for place in (directory_end - 76, struct.unpack("<Q", locator[8:16])[0]):
                file.seek(max(place, 0))
                record = file.read(56)
                if len(record) == 56 and record[:4] == _END64:
                    disk, first_disk, _, count, size, offset = struct.unpack("<2L4Q", record[16:56])
                    directory_end = max(place, 0)
                    break
    if disk or first_disk:
        raise DamagedZip("it is one part of several")
    start = directory_end - size
    if start < 0 or start < offset:
        raise DamagedZip("its directory is cut off")
    return start, size, count, start - offset


def _large(extra: bytes, unpacked: int, packed: int, at: int) -> tuple[int, int, int]:
    """Sizes and place as the extra field of zip64 has them."""
    values = [unpacked, packed, at]
    while len(extra) >= 4:
        kind, length = struct.unpack("<2H", extra[:4])
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind != 1:
            continue
        for n, value in enumerate(values):
            if value == _FULL:
                if len(body) < 8:
                    raise DamagedZip("its directory is damaged")
                values[n], body = struct.unpack("<Q", body[:8])[0], body[8:]
        break
    return values[0], values[1], values[2]


def _text(raw: bytes, flags: int) -> str:
    """A name; what is no UTF-8 although it should be keeps its bytes. `\\` is `/`, as Windows means it."""
    raw = raw.partition(b"\0")[0]
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode("utf-8", "surrogateescape") if flags & _UTF8 else raw.decode("cp437")
    return name.replace("\\", "/")


def read(path: str, entry: Entry, most: int = MOST_MEMBER) -> bytes:
    """The bytes of a member. Raises InputError, whose sentence does not name it."""
    if entry.size > most:
        raise InputError("too_large", f"It is {entry.size >> 20:,} MiB large; the limit is {most >> 20:,} MiB.")
    if entry.size > max(SMALL_MEMBER, MOST_RATIO * entry.packed):
        raise InputError(
            "too_large",
            f"It would be {entry.size // max(entry.packed, 1):,} times as large as it is packed; the limit is "
            f"{MOST_RATIO}. Unpack the archive if you trust it.",
        )
    if entry.encrypted:
        raise InputError("read_failed", "It is encrypted. Unpack the archive with its password.")
    if entry.packed > entry.size + entry.size // 64 + (1 << 16):
        raise _damaged("it is larger packed than it is")
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(entry.at)
            head = file.read(_LOCAL.size)
            if len(head) < _LOCAL.size or head[:4] != b"PK\3\4":
                raise _damaged("it is not where the directory says")
            name_size, extra_size = _LOCAL.unpack(head)[-2:]
            file.seek(name_size + extra_size, os.SEEK_CUR)
            packed = exactly(file, entry.packed)
            if len(packed) < entry.packed:
                raise _damaged("the archive ends before it does")
    except OSError as problem:
        raise InputError("read_failed", f"The archive could not be read: {problem.strerror or problem}.") from None
    data = _unpacked(packed, entry)
    if len(data) != entry.size:
        raise _damaged("it does not have the size that the directory says")
    if zlib.crc32(data) != entry.crc:
        raise _damaged("its check sum is wrong")
    return data


def exactly(file: IO[bytes], size: int) -> bytes:
    """The next `size` bytes of a file without a buffer; fewer at its end."""
    found = file.read(size)  # mostly all of it, and then it is not copied
    while len(found) < size and (chunk := file.read(size - len(found))):
        found += chunk
    return found


def _unpacked(packed: bytes, entry: Entry) -> bytes:
    """At most one byte more than the directory promises."""
    try:
        if entry.method == _STORED:
            return packed
        if entry.method == _DEFLATED:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entry.size + 1)
        if entry.method == _BZIP2:
            return bz2.BZ2Decompressor().decompress(packed, entry.size + 1)
        if entry.method == _LZMA:
            # Behind a version and a length stand the properties, to which the older format adds the size.
            alone = packed[4:9] + struct.pack("<Q", entry.size) + packed[9:]
            unpack = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MOST_MEMBER)
            return unpack.decompress(alone, entry.size + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as problem:
        raise _damaged(str(problem)) from None
    raise InputError(
        "read_failed", f"It is packed by a method that is not read (number {entry.method}). Unpack the archive."
    )


def _damaged(words: str) -> InputError:
    return InputError("read_failed", f"It is damaged inside the archive ({words}).")


def most_of(size: int) -> int:
    """How many bytes the members of an archive of `size` bytes may have together."""
    return max(MOST_TOTAL, MOST_RATIO * size)
