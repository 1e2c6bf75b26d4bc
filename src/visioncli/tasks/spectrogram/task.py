"""The spectrogram of a recording, as any recipe wants it; no network."""

import dataclasses
import math

import numpy as np

from visioncli.errors import UsageError
from visioncli.models.sound import Quantum, Scale, SoundSpec
from visioncli.predictions import Spectrogram
from visioncli.results import ModelInfo
from visioncli.sounds.spectrogram import Pool, drawing
from visioncli.tasks.interface import Answer
from visioncli.tasks.listening import Listening, ListeningTask

_LEVELS = Quantum(0.5, 180)
"""Decibels from -90 to 37.5: silence, and more than a tone as loud as it can be gives."""


class DrawSpectrogram(ListeningTask):
    """The spectrogram by a recipe, in at most `most_columns` columns: of a longer recording each stands for 2, 4, 8 …
    frames and shows the loudest of them. `name` is what records call the recipe."""

    name = "spectrogram"
    whole_windows = False

    def __init__(self, spec: SoundSpec, name: str = "log-mel", most_columns: int = 4096) -> None:
        self.spec, self._most = spec, most_columns
        self.model = ModelInfo(name, None)
        self.labels = {}
        self.settings = dataclasses.asdict(spec) | {"most_columns": most_columns}

    def heard(self, one: Listening) -> Answer:
        """Its spectrogram, and where it is loudest."""
        spec, pool = self.spec, Pool(self._most)
        for piece in one.pieces:
            pool.add(piece)
        arrays = drawing(pool, spec, one.recording.seconds)
        levels, each = arrays["spectrogram"], float(arrays["spectrogram_seconds"])
        column, band = np.unravel_index(int(levels.argmax()), levels.shape)
        found = Spectrogram(
            frames=len(levels),
            bands=spec.mels,
            hop_s=each,
            lowest_hz=float(spec.lowest),
            highest_hz=float(spec.highest),
            lowest_db=decibels(int(levels.min()), spec),
            highest_db=decibels(int(levels.max()), spec),
            peak_s=min(int(column) * each, one.recording.seconds),
            peak_hz=float(arrays["hertz"][band]),
        )
        return Answer((found,), arrays=arrays)


def decibels(level: int, spec: SoundSpec) -> float:
    """What a level stands for. Natural logarithms are told in decibels too."""
    value = (level - spec.levels.zero) * spec.levels.step
    return value if spec.log == "db" else value * 20 / spec.power / math.log(10)


def recipe(
    rate: int = 22_050,
    fft: int = 1024,
    window: int | None = None,
    hop: int = 256,
    mels: int = 128,
    lowest: float = 0.0,
    highest: float | None = None,
    scale: Scale = "slaney",
) -> SoundSpec:
    """A recipe for looking at: power in decibels. Raises UsageError for impossible numbers."""
    try:
        return SoundSpec(
            rate=rate,
            window=fft if window is None else window,
            hop=hop,
            fft=fft,
            mels=mels,
            lowest=lowest,
            highest=rate / 2 if highest is None else highest,
            frames=1,
            step=1,
            levels=_LEVELS,
            offset=1e-9,
            scale=scale,
            norm=True,
            power=2,
            log="db",
        )
    except ValueError as problem:
        raise UsageError(f"No spectrogram can be made so: {problem}.") from None
