"""Pages of a TIFF, each as a file of its own: the same bytes behind a header that leads to another page.

TIFF 6.0 and BigTIFF: directories of tags in a chain, of which a reader takes the first one. So any of 10,000 pages is
reached at once, and of a file of many gigabytes only what a page needs is read.
"""

import io
import struct
from collections.abc import Iterator
from typing import IO


class DamagedTiff(Exception):
    """Not a TIFF, or not a whole one. Its text is a clause."""


def places(file: IO[bytes]) -> Iterator[int]:
    """Where the directories of the pages stand, in their order. Raises DamagedTiff behind those that are there."""
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    kind = struct.unpack(f"{order}H", head[2:4])[0] if order and len(head) >= 8 else 0
    if kind not in (42, 43) or (kind == 43 and len(head) < 16):
        raise DamagedTiff("it does not begin as a TIFF does")
    big = kind == 43
    place = struct.unpack(f"{order}Q", head[8:16])[0] if big else struct.unpack(f"{order}L", head[4:8])[0]
    count_size, entry_size, next_size = (8, 20, 8) if big else (2, 12, 4)
    seen: set[int] = set()
    while place:
        if place in seen:
            raise DamagedTiff("its pages lead back to themselves")
        seen.add(place)
        yield place
        file.seek(place)
        count = file.read(count_size)
        if len(count) < count_size:
            raise DamagedTiff("it is cut off")
        entries = int.from_bytes(count, "little" if order == "<" else "big")
        file.seek(min(place + count_size + entries * entry_size, 1 << 62))
        after = file.read(next_size)
        if len(after) < next_size:
            raise DamagedTiff("it is cut off")
        place = int.from_bytes(after, "little" if order == "<" else "big")


class PageFile(io.RawIOBase):
    """An open TIFF that begins with the page whose directory stands at `place`."""

    def __init__(self, path: str, place: int) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed by `close`
        head = self._file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = struct.unpack(f"{order}H", head[2:4])[0] == 43
        self._head = head[:8] + struct.pack(f"{order}Q", place) if big else head[:4] + struct.pack(f"{order}L", place)
        self._file.seek(0)

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        at = self._file.tell()
        data = self._file.read(size)
        if at < len(self._head) and data:
            own = self._head[at : at + len(data)]
            data = own + data[len(own) :]
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As of the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of the file."""
        return self._file.tell()

    def fileno(self) -> int:
        """The file's own: libtiff reads by it, and is told the place of the directory."""
        return self._file.fileno()

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()
