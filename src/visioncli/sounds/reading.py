"""A recording in a file or in memory -> one channel of samples, block by block, or an InputError that says what is
wrong. However long it is, only a block of it is in memory.

Channels are mixed by their mean. Whole numbers become fractions of the largest one; floats stay as they are, also
beyond 1. Of streams without a stated length (MP3 and Ogg, as radio stations send them) what is there counts.
"""

import io
import os
import struct
import time
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from visioncli.errors import ErrorKind, InputError
from visioncli.models.sound import LEAST_RATE, MOST_RATE
from visioncli.pictures import file_kinds
from visioncli.pictures.patience import Patience
from visioncli.sounds.kinds import HEAD, is_named_as_sound, is_picture, is_sound

BLOCK = 1 << 17
"""Numbers that are decoded at one time, those of all channels together."""
_SMALL_BLOCK = 1 << 12
"""The same for a file that may be cut off: of a block with an error in it nothing is to be had."""
_UNKNOWN_BYTES = 0x7FFF_F000
"""From here on, sizes in headers stand for "not known": programs that write to a pipe cannot come back to fill them
in."""
_PLAIN = (1, 3)
"""Numbers of WAV's formats whose samples lie one after the other: whole ones and floats."""
_FOUR_BYTES = 0xFFFF_FFFF
_CONVERT = "Convert it, for instance with ffmpeg -i FILE recording.wav."


class Recording:
    """An open recording that is read once, from its beginning to its end.

    `rate` is its own, in samples a second; `decode_ms` is what reading took so far.
    """

    def __init__(self, file: Any, stream: IO[bytes], *, allow_truncated: bool, patience: Patience) -> None:
        self.rate, self.channels = int(file.samplerate), int(file.channels)
        self.decode_ms = 0.0
        self._file, self._stream, self._patience = file, stream, patience
        self._allow_truncated = allow_truncated
        self._promised = int(file.frames) if 0 <= file.frames < 1 << 56 else None
        self._samples = 0
        self._shares = np.full(self.channels, 1 / self.channels, np.float32)

    @property
    def seconds(self) -> float:
        """How long it is, as far as it was read."""
        return self._samples / self.rate

    def blocks(self, rate: int) -> Iterator[np.ndarray]:
        """`(N,) float32` at `rate` samples a second, one after the other. Raises InputError.

        Resampled by soxr (linear phase, -125 dB): what lies at a time in the file lies there in the blocks.
        """
        import soxr

        block = _SMALL_BLOCK if self._allow_truncated else BLOCK
        size = max(1, int(block * min(1.0, self.rate / rate)) // self.channels)
        resampler = soxr.ResampleStream(self.rate, rate, 1, dtype="float32") if rate != self.rate else None
        try:
            while True:
                start = time.perf_counter()
                self._patience.start()  # it is for a hanging file or decoder, not for a long recording
                mixed = self._mixed(size)
                last = not len(mixed)
                if resampler is not None:
                    mixed = resampler.resample_chunk(mixed, last=last)
                self.decode_ms += (time.perf_counter() - start) * 1000
                if len(mixed):
                    yield mixed
                if last:
                    return
        finally:
            self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()
        self._stream.close()

    def _mixed(self, size: int) -> np.ndarray:
        """The next `size` samples, the channels' mean; none at the end. Raises InputError."""
        try:
            block = self._file.read(size, dtype="float32", always_2d=True)
        except RuntimeError as problem:  # of libsndfile
            if not (self._allow_truncated and self._samples):
                raise self._damaged(_words(problem)) from problem
            block = np.zeros((0, self.channels), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(block.sum()) and not (fine := np.isfinite(block)).all():
                at = self._samples + int(np.argmin(fine.all(axis=1)))
                raise InputError(
                    ErrorKind.UNREADABLE_RECORDING,
                    f"Sample {at}, at {at / self.rate:.2f} s, is no finite number, so nothing can be told of the "
                    "recording. Write it again from its source.",
                )
        self._samples += len(block)
        if not len(block):
            self._check_end()
        # Ten times as fast as the mean over so short an axis.
        mixed: np.ndarray = block[:, 0] if self.channels == 1 else block @ self._shares
        return np.ascontiguousarray(mixed)

    def _check_end(self) -> None:
        if not self._samples:
            raise InputError(ErrorKind.EMPTY_FILE, "The recording holds no sound: it has 0 samples.")
        if self._promised is not None and self._samples < self._promised and not self._allow_truncated:
            raise _truncated(self._promised / self.rate, self.seconds)

    def _damaged(self, words: str) -> InputError:
        return InputError(
            ErrorKind.UNREADABLE_RECORDING,
            f"The recording is damaged or cut off, soon after {self.seconds:.2f} s ({words}). Copy it again, or take "
            "what can be read of it with --allow-truncated.",
        )


def is_recording(source: str | bytes, name: str) -> bool:
    """Whether a file, or the bytes of one, that is called `name` is to be read as a recording: by what it begins
    with, or where that tells nothing, by its name: a recording may be damaged there, and MP3 begins in many ways."""
    if isinstance(source, bytes):
        head = source[:HEAD]
    else:
        try:
            with open(source, "rb") as file:
                head = file.read(HEAD)
        except OSError:
            return False  # whoever reads it as a picture says what is wrong
    return is_sound(head) or (is_named_as_sound(name) and not is_picture(head))


def open_recording(
    source: str | bytes, *, allow_truncated: bool = False, patience: Patience | None = None
) -> Recording:
    """The recording at a path, or of the bytes of a file. Raises InputError, OSError."""
    try:
        import soundfile
        import soxr  # noqa: F401 - both are of one extra, and half of it is of no use
    except ImportError:
        raise InputError(
            ErrorKind.UNREADABLE_RECORDING,
            "Recordings are read with soundfile and soxr, which are not installed. Install them: pip install "
            "'visioncli[sound]'",
        ) from None
    except OSError as problem:  # the library beside it
        words = f"libsndfile, which reads recordings, cannot be loaded ({problem}). Install it: pip install soundfile"
        raise InputError(ErrorKind.UNREADABLE_RECORDING, words) from None
    stream: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")  # noqa: SIM115
    try:
        if not allow_truncated:
            _check_length(stream)
        if isinstance(source, bytes):
            file = soundfile.SoundFile(stream)
        else:
            # By a descriptor: its name may be no UTF-8, and libsndfile reads files faster than we do.
            file = soundfile.SoundFile(os.open(source, os.O_RDONLY), closefd=True)
    except InputError:
        stream.close()
        raise
    except (RuntimeError, TypeError) as problem:
        with stream:
            raise _cannot_be_opened(stream, problem) from problem
    if not LEAST_RATE <= file.samplerate <= MOST_RATE:
        rate = file.samplerate
        file.close()
        stream.close()
        raise InputError(
            ErrorKind.UNREADABLE_RECORDING,
            f"Its header says {rate:,} samples a second; recordings have {LEAST_RATE:,} to {MOST_RATE:,}. {_CONVERT}",
        )
    return Recording(file, stream, allow_truncated=allow_truncated, patience=patience or Patience())


def _cannot_be_opened(stream: IO[bytes], problem: Exception) -> InputError:
    stream.seek(0)
    head = stream.read(file_kinds.HEAD)
    if not head:
        return InputError(ErrorKind.EMPTY_FILE, "The file is empty (0 bytes). Copy or download it again.")
    words = f"This is not a recording that can be read ({_words(problem)}). {_CONVERT}"
    # What begins as a recording does is none that is left for another command.
    kind = None if is_sound(head) or head[:4] == b"OggS" else file_kinds.describe(head)
    return InputError(ErrorKind.UNREADABLE_RECORDING, kind or words)


def _words(problem: Exception) -> str:
    """libsndfile's own words, without the name of what was opened."""
    return str(getattr(problem, "error_string", problem)).strip().rstrip(".") or "no reason given"


def _truncated(promised: float, there: float) -> InputError:
    return InputError(
        ErrorKind.TRUNCATED_RECORDING,
        f"The file ends too early: {there:.2f} s of {promised:.2f} s are there. Copy it again, or take what is there "
        "with --allow-truncated.",
    )


def _check_length(stream: IO[bytes]) -> None:
    """Raises InputError where a WAV or AIFF file is shorter than its header says: libsndfile would not tell."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(12)
    big = head[:4] in (b"RIFX", b"FORM")
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"FORM") and head[8:12] in (b"WAVE", b"AIFF", b"AIFC"):
        bytes_a_second = longer = 0
        while len(chunk := stream.read(8)) == 8:
            name, (size,) = chunk[:4], struct.unpack(">I" if big else "<I", chunk[4:])
            start = stream.tell()
            if name == b"fmt ":
                fields = stream.read(16)
                if len(fields) == 16:
                    order = ">" if big else "<"
                    kind, channels, _, bytes_a_second, frame, bits = struct.unpack(f"{order}HHIIHH", fields)
                    _check_frame(kind, channels, frame, bits)
            elif name == b"ds64":  # in which RF64 tells what four bytes cannot hold
                fields = stream.read(16)
                longer = struct.unpack("<Q", fields[8:])[0] if len(fields) == 16 else 0
            elif name in (b"data", b"SSND"):
                promised = longer if size == _FOUR_BYTES and longer else size
                known = size < _UNKNOWN_BYTES or promised == longer
                if known and start + promised > end:
                    raise _cut_off(end - start, promised, bytes_a_second)
                break
            stream.seek(start + size + (size & 1))
    stream.seek(0)


def _check_frame(kind: int, channels: int, frame: int, bits: int) -> None:
    """Raises InputError where a WAV header says two things of how its samples lie: libsndfile would read noise."""
    size = -(-bits // 8)
    # 24 bits in four bytes are common.
    if kind in _PLAIN and channels and frame not in (channels * size, channels * 4 if size == 3 else 0):
        counted = "1 channel" if channels == 1 else f"{channels:,} channels"
        raise InputError(
            ErrorKind.UNREADABLE_RECORDING,
            f"Its header contradicts itself: {counted} of {bits} bits, and {frame} bytes for a sample of "
            "all of them. Write it again from its source.",
        )


def _cut_off(there: int, promised: int, bytes_a_second: int) -> InputError:
    if bytes_a_second:
        return _truncated(promised / bytes_a_second, there / bytes_a_second)
    return InputError(
        ErrorKind.TRUNCATED_RECORDING,
        f"The file ends too early: {there:,} bytes of {promised:,} are there. Copy it again, or take what is there "
        "with --allow-truncated.",
    )
