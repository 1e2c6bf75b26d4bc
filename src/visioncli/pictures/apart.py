"""Decoding in a process of its own, for the few files whose decoder may not come back: a process can be ended.

The process imports only what decoding needs, is started for the first such file, serves one after the other, and
ends with this program or by its own alarm clock. Each request and each answer is a line of JSON with bytes after it.
"""

import atexit
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
from typing import IO, Any

from PIL import Image

from visioncli.errors import InputError, UnreadablePicture
from visioncli.pictures.patience import Patience

POSSIBLE = hasattr(signal, "setitimer")
"""Elsewhere (Windows) everything is decoded by the threads of this program."""
_SERVE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from visioncli.pictures.decoder import serve; serve()"
)
_OLD_JPEG = 6
_STRIP_BYTES, _TILE_BYTES = 279, 325


def is_wise(image: Image.Image, patience: Patience) -> bool:
    """Whether an opened file should be decoded apart from this program.

    Those are JPEG 2000 and HEIC (whose decoders do not come back before they are done), and TIFF whose compressed
    pieces add up to more than the file, so that the same bytes would be decoded again and again.
    """
    if not POSSIBLE or math.isinf(patience.seconds):
        return False
    if image.format == "TIFF":
        return _is_odd_tiff(image)
    return image.format in ("JPEG2000", "ICNS", "HEIF")


def _is_odd_tiff(image: Any) -> bool:
    if not getattr(image, "use_load_libtiff", False):
        return False
    lengths = [n for tag in (_STRIP_BYTES, _TILE_BYTES) for n in _numbers(image.tag_v2.get(tag))]
    here = image.fp.tell()
    size = image.fp.seek(0, os.SEEK_END)
    image.fp.seek(here)
    return not lengths or sum(lengths) > size or image.tag_v2.get(259) == _OLD_JPEG


def _numbers(value: Any) -> list[int]:
    values = value if isinstance(value, tuple) else (value,)
    return [v for v in values if isinstance(v, int)]


def decode(stream: IO[bytes], max_pixels: int, *, allow_truncated: bool, patience: Patience) -> Image.Image:
    """The picture in an open file, upright, of mode RGB. Raises InputError, of kind `timed_out` for one."""
    name = getattr(stream, "name", None)
    path = os.path.abspath(name) if isinstance(name, str) else None
    stream.seek(0)
    data = b"" if path is not None else stream.read()
    with patience.paused():
        helper = _take()
    ask = {
        "path": path,
        "bytes": len(data),
        "max_pixels": max_pixels,
        "allow_truncated": allow_truncated,
        "seconds": max(patience.left, 0.01),
    }
    try:
        answer = helper.decode(ask, data)
    except BaseException:
        helper.end()
        raise
    if answer is None:
        if helper.end() == -signal.SIGALRM:
            raise patience.ended()
        raise UnreadablePicture(
            "The decoder broke down over this file: it is damaged, or made to do harm. Convert it to PNG."
        )
    _idle.append(helper)
    if isinstance(answer, InputError):
        raise answer
    return answer


class _Helper:
    """One such process."""

    def __init__(self) -> None:
        # Its own session: Ctrl-C is for this program, which ends it. Isolated: nothing from the current folder.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _SERVE, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        assert self._stdout is not None
        if not self._stdout.readline():  # which it writes when it has imported everything
            self.end()
            raise UnreadablePicture("The process that decodes such files does not start. Convert it to PNG.")

    def decode(self, ask: dict[str, Any], data: bytes) -> Image.Image | InputError | None:
        """Its answer; None where it ended."""
        assert self._stdin is not None
        assert self._stdout is not None
        try:
            self._stdin.write(json.dumps(ask).encode() + b"\n" + data)
            self._stdin.flush()
        except BrokenPipeError:
            return None
        line = self._stdout.readline()
        if not line.endswith(b"\n"):
            return None
        facts = json.loads(line)
        if "kind" in facts:
            return InputError(facts["kind"], facts["message"])
        return self._receive(facts["width"], facts["height"], facts["rows"])

    def _receive(self, width: int, height: int, rows: int) -> Image.Image | None:
        assert self._stdout is not None
        image = Image.new("RGB", (width, height), None)
        for top in range(0, height, rows):
            count = min(rows, height - top)
            band = self._stdout.read(count * width * 3)
            if len(band) < count * width * 3:
                return None
            image.paste(Image.frombytes("RGB", (width, count), band), (0, top))
        return image

    def end(self) -> int:
        """Ends the process; its exit status, negative for a signal."""
        with contextlib.suppress(OSError):
            assert self._stdin is not None
            self._stdin.close()  # which ends one that waits for work
        try:
            status = self._process.wait(1)  # mostly it has ended by itself, and how is worth knowing
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        assert self._stdout is not None
        self._stdout.close()
        return status


_idle: list[_Helper] = []


def _take() -> _Helper:
    try:
        return _idle.pop()
    except IndexError:
        return _Helper()


def dismiss() -> None:
    """Ends the processes that wait for work; they would end with this program anyway."""
    while _idle:
        _idle.pop().end()


atexit.register(dismiss)
