"""The log-mel spectrogram of samples, as a `SoundSpec` describes it.

Mel scales: S. Young et al., The HTK Book (2006), section 5.4; M. Slaney, Auditory Toolbox (1998).
"""

from functools import lru_cache

import numpy as np

from visioncli.models.sound import Scale, SoundSpec

_SLANEY_HZ, _SLANEY_MEL, _SLANEY_STEP = 1000.0, 15.0, np.log(6.4) / 27
"""Slaney's scale: 200/3 Hz a mel up to 1 kHz, from there 27 mels for each 6.4 times the frequency."""


def log_mel(samples: np.ndarray, spec: SoundSpec, bands: np.ndarray | None = None) -> np.ndarray:
    """`(N,)` samples at the recipe's rate -> `(T, mels)` of the same dtype, T = 1 + (N - window) // hop; the lowest
    pitch first. Frame t begins at sample t * hop. `bands` are other filters than the recipe's own, as `filters` has
    them, of the samples' dtype."""
    window = _window(spec.window, samples.dtype.char)
    bands = _bands(spec, samples.dtype.char) if bands is None else bands
    frames = np.lib.stride_tricks.sliding_window_view(samples, spec.window)[:: spec.hop] * window
    x = np.abs(np.fft.rfft(frames, spec.fft))
    x = (np.square(x) if spec.power == 2 else x) @ bands
    if spec.log == "ln":
        found: np.ndarray = np.log(x + samples.dtype.type(spec.offset))
        return found
    decibels: np.ndarray = np.log10(np.maximum(x, samples.dtype.type(spec.offset))) * (20 // spec.power)
    return decibels


def filters(spec: SoundSpec) -> np.ndarray:
    """`(fft // 2 + 1, mels) float64`: how much of each frequency belongs to each band."""
    edges = _edges(spec)
    hertz, frequencies = to_hertz(edges, spec.scale), np.arange(spec.fft // 2 + 1) * spec.rate / spec.fft
    straight = spec.slopes == "hertz"
    at, corner = (frequencies, hertz) if straight else (to_mel(frequencies, spec.scale), edges)
    rise = (at[:, None] - corner[:-2]) / np.diff(corner)[:-1]
    fall = (corner[2:] - at[:, None]) / np.diff(corner)[1:]
    bands: np.ndarray = np.maximum(0, np.minimum(rise, fall))
    return bands * (2 / (hertz[2:] - hertz[:-2])) if spec.norm else bands


def to_mel(hertz: np.ndarray, scale: Scale) -> np.ndarray:
    """Hz -> mel."""
    if scale == "htk":
        found: np.ndarray = 2595 * np.log10(1 + hertz / 700)
        return found
    above = _SLANEY_MEL + np.log(np.maximum(hertz, _SLANEY_HZ) / _SLANEY_HZ) / _SLANEY_STEP
    return np.where(hertz < _SLANEY_HZ, hertz * _SLANEY_MEL / _SLANEY_HZ, above)


def to_hertz(mel: np.ndarray, scale: Scale) -> np.ndarray:
    """Mel -> Hz."""
    if scale == "htk":
        found: np.ndarray = 700 * (10 ** (mel / 2595) - 1)
        return found
    above = _SLANEY_HZ * np.exp(_SLANEY_STEP * (np.maximum(mel, _SLANEY_MEL) - _SLANEY_MEL))
    return np.where(mel < _SLANEY_MEL, mel * _SLANEY_HZ / _SLANEY_MEL, above)


def centres(spec: SoundSpec) -> np.ndarray:
    """`(mels,)` Hz: where each band weighs most."""
    return to_hertz(_edges(spec)[1:-1], spec.scale)


def _edges(spec: SoundSpec) -> np.ndarray:
    """`(mels + 2,)` mel: the corners of the triangles."""
    lowest, highest = to_mel(np.array([spec.lowest, spec.highest]), spec.scale).tolist()
    return np.linspace(lowest, highest, spec.mels + 2)


def levels(values: np.ndarray, spec: SoundSpec) -> np.ndarray:
    """Values of `log_mel` as the 8-bit numbers that the network takes, same shape."""
    found: np.ndarray = np.rint(values / spec.levels.step) + spec.levels.zero
    return found.clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=8)
def _bands(spec: SoundSpec, dtype: str) -> np.ndarray:
    return filters(spec).astype(dtype)


@lru_cache(maxsize=8)
def _window(size: int, dtype: str) -> np.ndarray:
    """The periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(dtype)
