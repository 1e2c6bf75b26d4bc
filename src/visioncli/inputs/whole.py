"""Whether a file that is being written has come to its end, as far as its own bytes tell."""

import os
import struct
from typing import BinaryIO

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_START_OF_SCAN = 0xDA
_MOST_SEGMENTS = 4096


def ends(path: str) -> bool:
    """True where the format says that nothing is missing: JPEG, PNG, WebP, WAV, BMP. False where nothing tells.

    A JPEG's end mark counts behind its first scan only: thumbnails have one too, and within a scan none can occur.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            size = file.seek(0, os.SEEK_END)
            if head.startswith(_PNG):
                return _last(file, size, len(_PNG_END)) == _PNG_END
            if head.startswith(_JPEG):
                return _last(file, size, 2) == _JPEG_END and _first_scan(file, size) < size - 2
            if head[:4] == b"RIFF":
                length = int.from_bytes(head[4:8], "little")
                return 4 < length < 0xFFFFFFFF and size >= 8 + length
            if head[:2] == b"BM":
                return 54 < int.from_bytes(head[2:6], "little") <= size
    except OSError:
        pass
    return False


def _last(file: BinaryIO, size: int, count: int) -> bytes:
    file.seek(max(0, size - count))
    return file.read(count)


def _first_scan(file: BinaryIO, size: int) -> int:
    """Where a JPEG's first scan begins; `size` where it has none yet."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        file.seek(at)
        segment = file.read(4)
        if len(segment) < 4 or segment[0] != 0xFF:
            break
        if segment[1] == _START_OF_SCAN:
            return at
        if segment[1] == 0xFF:  # a fill byte
            at += 1
            continue
        at += 2 + struct.unpack(">H", segment[2:])[0]
    return size
