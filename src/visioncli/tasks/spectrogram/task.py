"""The spectrogram of a recording, as any recipe wants it; no network."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from visioncli.errors import InputError, UsageError
from visioncli.models.sound import Quantum, Scale, SoundSpec
from visioncli.pictures import Picture
from visioncli.results import ModelInfo, Spectrogram
from visioncli.sounds import Recording
from visioncli.sounds.spectrogram import Pool, drawing, pieces
from visioncli.tasks.interface import Answer, Task

PIECES_AHEAD = 48
"""So many pieces are computed while other recordings are answered."""
_LEVELS = Quantum(0.5, 180)
"""Decibels from -90 to 37.5: silence, and more than a tone as loud as it can be gives."""


@dataclass(slots=True, eq=False)
class Listening:
    """A recording on its way. It can be read once only, so what came of that is kept."""

    recording: Recording
    pieces: Iterator[np.ndarray]
    answer: Answer | InputError | None = None


class DrawSpectrogram(Task):
    """The spectrogram by a recipe, in at most `most_columns` columns: of a longer recording each stands for 2, 4, 8 …
    frames and shows the loudest of them. `name` is what records call the recipe."""

    name = "spectrogram"
    takes = frozenset({"sound"})

    def __init__(self, spec: SoundSpec, name: str = "log-mel", most_columns: int = 4096) -> None:
        self.spec, self._most = spec, most_columns
        self.model = ModelInfo(name, None)
        self.labels = {}
        self.settings = dataclasses.asdict(spec) | {"most_columns": most_columns}

    def prepare(self, picture: Picture) -> Listening:
        """No picture is taken."""
        raise NotImplementedError

    def prepare_sound(self, recording: Recording) -> Listening:
        """Its beginning, and the way to the rest."""
        left = pieces(recording, self.spec, whole_windows=False)
        return Listening(recording, itertools.chain(list(itertools.islice(left, PIECES_AHEAD)), left))

    def predict(self, batch: Sequence[Listening]) -> list[Answer]:
        """Each recording to its end. Raises InputError where one cannot be read on."""
        for one in batch:
            if one.answer is None:
                try:
                    one.answer = self._drawn(one)
                except InputError as problem:
                    one.answer = problem
        if problems := [one.answer for one in batch if isinstance(one.answer, InputError)]:
            raise problems[0]
        return [one.answer for one in batch if isinstance(one.answer, Answer)]

    def _drawn(self, one: Listening) -> Answer:
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
