"""Recordings on a page: the spectrogram as their picture, and the file itself, which the page plays."""

import base64
import dataclasses
import os
from pathlib import Path

import numpy as np
from PIL import Image

from visioncli.errors import InputError
from visioncli.labelled.interface import Example
from visioncli.labelled.recordings import source_of
from visioncli.models.sound import Quantum, SoundSpec
from visioncli.pictures.patience import Patience
from visioncli.predictions import Explanation
from visioncli.render.spectrogram import coloured
from visioncli.results import Record
from visioncli.sounds import is_recording, open_recording
from visioncli.sounds.kinds import is_named_as_sound
from visioncli.sounds.log_mel import centres, to_mel
from visioncli.sounds.pictures import as_picture
from visioncli.sounds.spectrogram import Pool, drawing, pieces

SOUNDS = "sounds"
"""The folder of copies, with --full."""
COLUMNS, BANDS = 384, 128
MOST_BYTES = 16 << 20
"""Of a recording that is copied."""
TYPES = {
    ".wav": "audio/wav", ".wave": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".oga": "audio/ogg",
    ".opus": "audio/ogg", ".mp3": "audio/mpeg",
}  # fmt: skip
"""What browsers play, by the end of a name."""
LOOK = SoundSpec(
    rate=16_000, window=512, hop=160, fft=1024, mels=BANDS, lowest=40.0, highest=8000.0, frames=1, step=1,
    levels=Quantum(0.5, 180), offset=1e-9, power=2, log="db",
)  # fmt: skip
"""How every recording is drawn, whatever a network hears of it."""
_RANGE = 140
"""Levels below the loudest that are told apart: 70 dB."""


def is_heard(path: str | None, example: Example | None, name: str) -> bool:
    """Whether what is to be shown is a recording."""
    if example is not None and example.content is not None:
        return is_named_as_sound(example.path)
    return path is not None and is_recording(path, name)


def spectrogram(path: str | None, example: Example | None, patience: Patience) -> Image.Image:
    """A recording's picture: pitch over time, in colours, at most COLUMNS wide. Raises InputError."""
    source = source_of(example) if example is not None else path or ""
    recording = open_recording(source, allow_truncated=True, patience=patience)
    pool = Pool(COLUMNS)
    for piece in pieces(recording, LOOK, whole_windows=False):
        pool.add(piece)
    levels = drawing(pool, LOOK, recording.seconds)["spectrogram"]
    loudest = int(levels.max())
    image = coloured(as_picture(levels), limits=(max(loudest - _RANGE, 0), max(loudest, 1)))
    return image.resize((COLUMNS, BANDS), Image.Resampling.BILINEAR)


def on_page(record: Record) -> tuple[Explanation, ...]:
    """The explanations of a recording with peak and box in pixels of its picture on the page, where the record tells
    the time and pitch of each; else as they are."""
    found: tuple[Explanation, ...] = record.predictions or ()
    evidence = record.extra.get("evidence")
    if not record.seconds or not isinstance(evidence, list) or len(evidence) != len(found):
        return found

    def across(at: float) -> float:
        return at / float(record.seconds or 1) * COLUMNS

    def down(hertz: float) -> float:
        bands = to_mel(centres(LOOK), LOOK.scale)
        return BANDS - 0.5 - float(np.interp(to_mel(np.array(hertz), LOOK.scale), bands, np.arange(BANDS)))

    placed = []
    for one, told in zip(found, evidence, strict=True):
        peak = across(told["peak_s"]), down(told["peak_hz"])
        left, right = across(told["from_s"]), min(across(told["to_s"]), float(COLUMNS))
        box = (left, down(told["highest_hz"]) - 0.5, right, down(told["lowest_hz"]) + 0.5)
        placed.append(dataclasses.replace(one, peak=peak, box=box))
    return tuple(placed)


def ending(name: str) -> str:
    """What the name of a recording ends in, where browsers play such files; else empty."""
    found = os.path.splitext(name)[1].lower()
    return found if found in TYPES else ""


def content_of(path: str | None, example: Example | None) -> bytes | None:
    """A recording's file, where it is no larger than MOST_BYTES; None where it is, or cannot be read."""
    try:
        if example is not None:
            source = source_of(example)
            if isinstance(source, bytes):
                return source if len(source) <= MOST_BYTES else None
            path = source
        if path is None or os.path.getsize(path) > MOST_BYTES:
            return None
        return Path(path).read_bytes()
    except (OSError, InputError):
        return None


def as_address(data: bytes, name: str) -> str:
    """A recording as an address that holds it."""
    return f"data:{TYPES[ending(name)]};base64,{base64.b64encode(data).decode()}"
