"""How a recording becomes the spectrogram that a network looks at: plain data, part of a network's row."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

Scale = Literal["htk", "slaney"]
LEAST_RATE, MOST_RATE = 1_000, 768_000
"""Samples a second that a recording may have."""
LARGEST_FFT = 65_536
MOST_BANDS = 1_024
MOST_FRAMES = 8_192


@dataclass(frozen=True, slots=True)
class Quantum:
    """What the 8-bit numbers of a network stand for: `(level - zero) * step` (Jacob et al., 2018,
    https://arxiv.org/abs/1712.05877)."""

    step: float
    zero: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and self.step > 0 and 0 <= self.zero <= 255):
            raise ValueError(f"a step is above zero, and its zero lies from 0 to 255, not {self.step}, {self.zero}")


@dataclass(frozen=True, slots=True)
class SoundSpec:
    """How a recording becomes a network's input: its log-mel spectrogram in 8 bits, cut into windows.

    The recording is mixed to one channel of `rate` samples a second. Each frame, `hop` samples after the one before,
    is a periodic Hann window of `window` samples, filled up with zeros to `fft`. The magnitudes of its transform,
    squared where `power` is 2, are summed in `mels` triangles whose corners lie equally far apart on the mel `scale`
    from `lowest` to `highest` Hz: HTK's, 2595 lg(1 + f / 700), or Slaney's, linear below 1 kHz. The triangles' sides
    are straight in `slopes`, hertz as in librosa or mel as in TensorFlow and HTK; with `norm` each has an area of 1
    in hertz (Slaney), without it a height of 1. `log` is "ln", of `x + offset`, or "db", decibels of the larger of
    `x` and `offset`. `levels` says what the 8 bits stand for; what lies beyond them is cut off.

    The network looks at `frames` of them at a time, and again `step` further on. Raises ValueError for numbers of
    which no spectrogram could be made.
    """

    rate: int
    window: int
    hop: int
    fft: int
    mels: int
    lowest: float
    highest: float
    frames: int
    step: int
    levels: Quantum
    offset: float
    scale: Scale = "htk"
    slopes: Literal["hertz", "mel"] = "hertz"
    norm: bool = False
    power: Literal[1, 2] = 1
    log: Literal["ln", "db"] = "ln"

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("rate", self.rate, LEAST_RATE, MOST_RATE),
            ("fft", self.fft, 2, LARGEST_FFT),
            ("window", self.window, 2, self.fft),
            ("hop", self.hop, 1, self.rate),
            ("mels", self.mels, 1, MOST_BANDS),
            ("frames", self.frames, 1, MOST_FRAMES),
            ("step", self.step, 1, self.frames),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} lies between {least} and {most}, not at {value}")
        if not 0 <= self.lowest < self.highest <= self.rate / 2:
            raise ValueError(
                f"the frequencies lie between 0 and half the rate, {self.rate / 2:g} Hz, not from {self.lowest:g} to "
                f"{self.highest:g}"
            )
        if not (math.isfinite(self.offset) and self.offset > 0):
            raise ValueError(f"offset, without which silence would have no logarithm, is above zero: {self.offset}")
        for name, word, known in (
            ("scale", self.scale, ("htk", "slaney")),
            ("slopes", self.slopes, ("hertz", "mel")),
            ("log", self.log, ("ln", "db")),
            ("power", self.power, (1, 2)),
        ):
            if word not in known:
                raise ValueError(f"{name} is one of {', '.join(map(str, known))}, not {word!r}")

    @property
    def seconds(self) -> float:
        """How long a window is, from the first frame's beginning to where the next window's would begin at the
        earliest."""
        return self.frames * self.hop / self.rate

    @property
    def least_samples(self) -> int:
        """The samples that one window needs; shorter recordings are filled up with silence."""
        return (self.frames - 1) * self.hop + self.window


def recipe_of(body: Any) -> SoundSpec:
    """The recipe that `dataclasses.asdict` made JSON values of. Raises ValueError for anything else."""
    spec: SoundSpec = _built(SoundSpec, body, "sound")
    return spec


def _built(kind: Any, body: Any, name: str) -> Any:
    fields = {field.name for field in dataclasses.fields(kind)}
    if not isinstance(body, dict) or body.keys() != fields:
        raise ValueError(f"{name} has the fields {', '.join(sorted(fields))}")
    values = {}
    for field, wanted in get_type_hints(kind).items():
        value = body[field]
        if wanted is Quantum:
            values[field] = _built(Quantum, value, f"{name}.{field}")
            continue
        if wanted is float and type(value) is int:
            value = float(value)
        # Words and powers are looked at by the recipe itself.
        if wanted in (int, float, bool) and (type(value) is not wanted or not math.isfinite(value)):
            raise ValueError(f"{name}.{field} is not as it should be: {str(value)[:40]}")
        values[field] = value
    return kind(**values)
