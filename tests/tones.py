"""Recordings of tones, written by the standard library, with answers that a test chooses."""

import wave
from pathlib import Path

import numpy as np

RATE = 8000


def tone(hertz: float, seconds: float = 0.4, *, seed: int = 0, noise: float = 0.01) -> np.ndarray:
    """`(N,) float32`: a tone in a little noise."""
    rng = np.random.default_rng(seed)
    at = np.arange(round(RATE * seconds)) / RATE
    found: np.ndarray = 0.3 * np.sin(2 * np.pi * hertz * at) + noise * rng.standard_normal(len(at))
    return found.astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    """A WAV file of 16 bits and one channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def folders(root: Path, count: int = 12) -> Path:
    """Two classes, `low` and `high`, of so many tones each by two speakers: `low/a_0.wav`, `low/b_1.wav` …"""
    for name, hertz in (("low", 300.0), ("high", 1800.0)):
        for n in range(count):
            seconds = 0.25 + 0.01 * (n % 7)
            samples = tone(hertz * (1 + 0.01 * n), seconds, seed=n)
            write(root / name / f"{'ab'[n % 2]}_{n}.wav", samples)
    return root
