"""Copies of recordings are told from recordings that only sound alike."""

import io
from collections.abc import Callable

import numpy as np
import pytest

from visioncli.models.sound import SoundSpec
from visioncli.sounds.likeness import DESCRIBED, HEARD, SAME, SECONDS, beginning, description, likeness
from visioncli.sounds.log_mel import levels, log_mel

RATE = HEARD.rate


def voice(seed: int, seconds: float = 0.6) -> np.ndarray:
    """`(N,) float32`: overtones of a pitch that glides and trembles as a voice does, with breath in it."""
    rng = np.random.default_rng(seed)
    at = np.arange(round(RATE * seconds)) / RATE
    pitch = 120 + 20 * np.interp(at, np.linspace(0, seconds, 8), rng.standard_normal(8))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tones = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 20))
    loud = np.interp(at, np.linspace(0, seconds, 8), [0, *rng.uniform(0.2, 1, 6), 0])
    found: np.ndarray = 0.1 * loud * (tones + 0.1 * rng.standard_normal(len(at)))
    return found.astype(np.float32)


def alike(a: np.ndarray, b: np.ndarray) -> float:
    return likeness(beginning([a.astype(np.float32)]), beginning([b.astype(np.float32)]))


def described(samples: np.ndarray, spec: SoundSpec = HEARD) -> np.ndarray:
    return description(levels(log_mel(samples.astype(np.float32), spec), spec))


def stored(samples: np.ndarray, **how: str) -> np.ndarray:
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, **how)
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0])


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "quieter": lambda x: 0.2 * x,
    "louder, and clipped at its peaks": lambda x: np.clip(x * 0.9 / np.abs(x).max(), -0.6, 0.6),
    "turned over": lambda x: -x,
    "shorter": lambda x: x[len(x) // 20 : -len(x) // 20],
    "between silences": lambda x: np.concatenate([np.zeros(700), x, np.zeros(3000)]),
    "over noise": lambda x: x + 0.03 * x.std() * np.random.default_rng(9).standard_normal(len(x)),
    "µ-law": lambda x: stored(x, format="WAV", subtype="ULAW"),
    "Vorbis": lambda x: stored(x, format="OGG", subtype="VORBIS"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_the_same_recording(change: str, seed: int) -> None:
    assert alike(voice(seed), CHANGES[change](voice(seed))) >= SAME


def test_resampled_copies_are_the_same_recording() -> None:
    soxr = pytest.importorskip("soxr")
    there_and_back = soxr.resample(soxr.resample(voice(1), RATE, 44_100), 44_100, RATE)
    assert alike(voice(1), there_and_back) >= SAME


def test_voices_that_only_sound_alike_are_not_the_same() -> None:
    assert max(alike(voice(a), voice(b)) for a in range(6) for b in range(a)) < SAME - 0.1


def test_of_tones_and_silence_nothing_is_told() -> None:
    at = np.arange(4000) / RATE
    assert alike(np.sin(2000 * at), np.sin(2000 * at + 1)) == 0
    assert alike(np.zeros(400), np.zeros(900)) == 0
    assert alike(np.zeros(1), voice(0)) == 0


def test_order_makes_no_difference() -> None:
    assert alike(voice(1), voice(1)[1000:]) == alike(voice(1)[1000:], voice(1))


def test_only_the_beginning_of_long_recordings_is_taken() -> None:
    blocks = (np.full(RATE, n, np.float32) for n in range(10_000))
    assert len(beginning(blocks)) == SECONDS * RATE
    assert next(blocks)[0] == SECONDS


def test_a_description_hardly_hears_loudness_and_silence_around() -> None:
    plain = described(voice(2))
    assert plain.shape == (DESCRIBED,)
    assert np.isfinite(described(np.zeros(300))).all()
    quiet = described(np.concatenate([np.zeros(900), 0.3 * voice(2), np.zeros(500)]))
    assert np.linalg.norm(quiet - plain) < 0.5 * np.linalg.norm(described(voice(3)) - plain)
