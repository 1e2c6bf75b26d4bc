"""Recordings as they could have been as well: another voice, another room, another moment.

Speed and pitch together (T. Ko et al., "Audio augmentation for speech recognition", 2015), the length of the
vocal tract (N. Jaitly and G. Hinton, "Vocal tract length perturbation", 2013), noise, the colour of microphone and
room, loudness, a shift in time, and masks over times and pitches (SpecAugment, https://arxiv.org/abs/1904.08779).
Nothing is ever mirrored: time runs one way, and pitches have an order.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from visioncli.models.sound import SoundSpec
from visioncli.sounds.log_mel import filters, levels, log_mel
from visioncli.training.recipe import Augment

_SPEEDS = {Augment.STANDARD: 0.2, Augment.STRONG: 0.25}
_STRETCHES = {Augment.STANDARD: 0.3, Augment.STRONG: 0.35}
_COLOURS = {Augment.STANDARD: 6.0, Augment.STRONG: 9.0}
_GAIN = 6.0
_QUIETEST, _LOUDEST = 40.0, 12.0
"""Noise, in decibels below the recording."""
_NOISY = 0.5
_MASKS = {Augment.STANDARD: 2, Augment.STRONG: 3}
_LONGEST_MASK, _WIDEST_MASK = 0.15, 0.15
"""Parts of a window that one mask may take."""
_KNOTS = 5
_STEPS = 24
"""Filter banks are kept for so many lengths of the vocal tract, in each direction."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """How a recording is to be changed.

    `speed` is how many times faster it is played, `stretch` by how much frequencies are multiplied beyond that;
    `place` from 0 to 1 says where in the window it stands, or the window in it. `noise` is in decibels below its own
    power, None for none, `seed` that of the noise. `gain` is in decibels, `colour` `(K,)` too, at pitches evenly
    apart. `times` and `pitches` are masks: beginnings and ends as parts of the window.
    """

    speed: float = 1.0
    stretch: float = 1.0
    place: float = 0.0
    noise: float | None = None
    seed: int = 0
    gain: float = 0.0
    colour: np.ndarray | None = None
    times: tuple[tuple[float, float], ...] = ()
    pitches: tuple[tuple[float, float], ...] = ()


def draw(rng: np.random.Generator, strength: Augment) -> Heard:
    """Changes of that strength, the same for the same generator."""
    if strength is Augment.NONE:
        return Heard(place=0.0)
    chance = rng.random(6)
    colour = rng.normal(size=_KNOTS)
    spans = rng.random((2, _MASKS[strength], 2))
    seed = int(rng.integers(1 << 31))
    return Heard(
        speed=float(np.exp((2 * chance[0] - 1) * np.log1p(_SPEEDS[strength]))),
        stretch=float(np.exp((2 * chance[1] - 1) * np.log1p(_STRETCHES[strength]))),
        place=float(chance[2]),
        noise=_LOUDEST + (_QUIETEST - _LOUDEST) * float(chance[3]) if chance[4] < _NOISY else None,
        seed=seed,
        gain=_GAIN * float(2 * chance[5] - 1),
        colour=colour * _COLOURS[strength] / 2,
        times=tuple(_span(a, b, _LONGEST_MASK) for a, b in spans[0].tolist()),
        pitches=tuple(_span(a, b, _WIDEST_MASK) for a, b in spans[1].tolist()),
    )


def _span(where: float, how_long: float, longest: float) -> tuple[float, float]:
    start = where * (1 - how_long * longest)
    return start, start + how_long * longest


def apply(samples: np.ndarray, heard: Heard, spec: SoundSpec) -> np.ndarray:
    """`(N,) float32` at the recipe's rate -> one window of its spectrogram, `(frames, mels) uint8`."""
    if heard.speed != 1.0:
        samples = faster(samples, heard.speed)
    power = float(np.mean(np.square(samples))) if len(samples) else 0.0
    samples = placed(samples, heard.place, spec.least_samples)
    if heard.noise is not None:
        noise = np.random.default_rng(heard.seed).standard_normal(len(samples), np.float32)
        samples = samples + noise * np.float32(np.sqrt(power * 10 ** (-heard.noise / 10)))
    values = log_mel(samples, spec, stretched(spec, heard.stretch))
    if heard.colour is not None:
        values = values + (_curve(heard.colour, spec.mels) + heard.gain) * _decibel(spec)
    found = levels(values, spec)
    if heard.times or heard.pitches:
        middle = int(found.mean())
        for start, end in heard.times:
            found[round(start * spec.frames) : round(end * spec.frames)] = middle
        for start, end in heard.pitches:
            found[:, round(start * spec.mels) : round(end * spec.mels)] = middle
    return found


def faster(samples: np.ndarray, speed: float) -> np.ndarray:
    """Samples of a recording played so many times as fast: shorter and higher."""
    import soxr

    found: np.ndarray = soxr.resample(samples, round(1000 * speed), 1000, quality="LQ")
    return found


def placed(samples: np.ndarray, place: float, length: int) -> np.ndarray:
    """`(length,)`: the recording with silence around it, or, of a longer one, a part of it."""
    room = length - len(samples)
    if room <= 0:
        start = round(place * -room)
        return samples[start : start + length]
    before = round(place * room)
    return np.pad(samples, (before, room - before))


def stretched(spec: SoundSpec, stretch: float) -> np.ndarray:
    """`(fft // 2 + 1, mels) float32` filters that find at each pitch what lay at a `stretch` times lower one."""
    return _filters(spec, round(_STEPS * np.log(stretch) / np.log(1.25)))


@lru_cache(maxsize=4 * _STEPS)
def _filters(spec: SoundSpec, step: int) -> np.ndarray:
    bands = filters(spec)
    if step:
        ratio = 1.25 ** (step / _STEPS)
        bins = np.arange(len(bands))
        # The filter of each band is read at the frequency that its content is moved to.
        at = bins * ratio
        bands = np.stack([np.interp(at, bins, band, right=0.0) for band in bands.T], 1) * ratio
    return bands.astype(np.float32)


def _curve(knots: np.ndarray, mels: int) -> np.ndarray:
    found: np.ndarray = np.interp(np.linspace(0, len(knots) - 1, mels), np.arange(len(knots)), knots)
    return found.astype(np.float32)


def _decibel(spec: SoundSpec) -> float:
    """What a decibel is in the values of the recipe's logarithm."""
    return 1.0 if spec.log == "db" else float(np.log(10) * spec.power / 20)
