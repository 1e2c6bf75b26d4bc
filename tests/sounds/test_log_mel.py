import dataclasses

import librosa
import numpy as np
import pytest

from visioncli.models.sound import Quantum, SoundSpec
from visioncli.sounds.log_mel import centres, filters, levels, log_mel, to_hertz, to_mel

SPEC = SoundSpec(
    rate=16_000,
    window=512,
    hop=160,
    fft=512,
    mels=64,
    lowest=125.0,
    highest=7500.0,
    frames=96,
    step=48,
    levels=Quantum(0.5, 180),
    offset=1e-10,
    log="db",
)
SOUND = np.random.default_rng(0).standard_normal(16_000) * np.linspace(0, 1, 16_000) ** 4
"""From nearly nothing to loud."""


def by_librosa(samples: np.ndarray, spec: SoundSpec) -> np.ndarray:
    x = librosa.feature.melspectrogram(
        y=samples,
        sr=spec.rate,
        n_fft=spec.fft,
        hop_length=spec.hop,
        win_length=spec.window,
        window="hann",
        center=False,
        power=spec.power,
        n_mels=spec.mels,
        fmin=spec.lowest,
        fmax=spec.highest,
        htk=spec.scale == "htk",
        norm="slaney" if spec.norm else None,
        dtype=np.float64,
    )
    to_db = librosa.power_to_db if spec.power == 2 else librosa.amplitude_to_db
    found: np.ndarray = to_db(x, ref=1.0, amin=spec.offset, top_db=None).T
    return found


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("power", [1, 2])
def test_decibels_are_those_of_librosa(scale: str, norm: bool, power: int) -> None:
    spec = dataclasses.replace(SPEC, scale=scale, norm=norm, power=power)
    ours, theirs = log_mel(SOUND, spec), by_librosa(SOUND, spec)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_a_window_shorter_than_the_transform_is_librosas_that_begins_earlier(scale: str) -> None:
    spec = dataclasses.replace(SPEC, window=400, scale=scale)
    # Librosa puts it into the middle of the zeros, we to their beginning: the magnitudes are the same.
    theirs = by_librosa(np.concatenate([np.zeros(56), SOUND, np.zeros(56)]), spec)
    assert np.abs(log_mel(SOUND, spec) - theirs).max() < 1e-4


def test_single_precision_is_near_enough() -> None:
    spec = dataclasses.replace(SPEC, offset=1e-3)
    assert np.abs(log_mel(SOUND.astype(np.float32), spec) - log_mel(SOUND, spec)).max() < 0.01


def test_scales_go_there_and_back() -> None:
    hertz = np.array([0.0, 50, 440, 999, 1000, 1001, 8000])
    for scale in ("htk", "slaney"):
        assert np.allclose(to_hertz(to_mel(hertz, scale), scale), hertz)  # type: ignore[arg-type]
    assert to_mel(np.array([1000.0]), "htk") == pytest.approx(1000, abs=0.02)


def test_triangles_straight_in_mel_are_those_of_tensorflow() -> None:
    """`tf.signal.linear_to_mel_weight_matrix`: distances in mel over the distance of the corners, in mel."""
    spec = dataclasses.replace(SPEC, slopes="mel")
    edges = np.linspace(*to_mel(np.array([125.0, 7500.0]), "htk"), 66)
    bins = to_mel(np.arange(257) * 16_000 / 512, "htk")
    for band, (low, middle, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        expected = [max(0.0, min((b - low) / (middle - low), (high - b) / (high - middle))) for b in bins]
        assert np.allclose(filters(spec)[:, band], expected)


def test_normed_triangles_have_an_area_of_one_hertz() -> None:
    fine = dataclasses.replace(SPEC, fft=65_536, norm=True)
    assert np.allclose(filters(fine).sum(axis=0) * fine.rate / fine.fft, 1, rtol=1e-3)


def test_a_tone_is_strongest_in_the_band_of_its_pitch() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert abs(centres(SPEC)[log_mel(tone, SPEC)[10].argmax()] - 1000) < 40


def test_levels_are_rounded_and_cut_off() -> None:
    assert levels(np.array([-500.0, -90, 0.3, 37.5, 900]), SPEC).tolist() == [0, 0, 181, 255, 255]


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate", 10), ("window", 600), ("highest", 9000.0), ("lowest", 7500.0), ("offset", 0.0), ("step", 97)],
)
def test_impossible_recipes_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"not|above"):
        dataclasses.replace(SPEC, **{field: value})
