"""Recordings that are changed for training."""

import numpy as np
import pytest

import tones
from visioncli.models.sound import SoundSpec
from visioncli.sounds.log_mel import centres, filters, levels, log_mel
from visioncli.training.classes.sounds import augment as sound_augment
from visioncli.training.classes.sounds.augment import Heard, apply, draw, faster, placed, stretched
from visioncli.training.classes.sounds.prepare import recipe_for
from visioncli.training.data import augment
from visioncli.training.recipe import Augment

pytest.importorskip("soxr")


@pytest.fixture
def spec() -> SoundSpec:
    return recipe_for([8000], np.array([0.5]))


def pitch(window: np.ndarray, spec: SoundSpec) -> float:
    """Hz of the loudest point."""
    return float(centres(spec)[np.unravel_index(window.argmax(), window.shape)[1]])


def test_nothing_is_changed_without_augmentation(spec: SoundSpec) -> None:
    samples = tones.tone(700)
    whole = placed(samples, 0.0, spec.least_samples)
    found = apply(samples, draw(augment.generator(0, 0, 0), Augment.NONE), spec)
    np.testing.assert_array_equal(found, levels(log_mel(whole, spec), spec))


@pytest.mark.parametrize("strength", [Augment.STANDARD, Augment.STRONG])
def test_a_recording_is_changed_in_the_same_way_for_the_same_epoch_and_place(
    spec: SoundSpec, strength: Augment
) -> None:
    samples = tones.tone(700)

    def made(epoch: int, place: int) -> np.ndarray:
        return apply(samples, draw(augment.generator(3, epoch, place), strength), spec)

    assert made(0, 5).shape == (spec.frames, spec.mels)
    assert made(0, 5).dtype == np.uint8
    np.testing.assert_array_equal(made(0, 5), made(0, 5))
    assert (made(0, 5) != made(1, 5)).any()
    assert (made(0, 5) != made(0, 6)).any()


def test_faster_is_shorter_and_higher(spec: SoundSpec) -> None:
    samples = tones.tone(700, noise=0)
    quick = faster(samples, 1.25)
    assert len(quick) == pytest.approx(len(samples) / 1.25, abs=2)
    assert pitch(apply(quick, Heard(), spec), spec) == pytest.approx(875, rel=0.05)


@pytest.mark.parametrize("stretch", [0.8, 1.25])
def test_a_longer_or_shorter_vocal_tract_moves_pitches_and_leaves_times(spec: SoundSpec, stretch: float) -> None:
    found = apply(tones.tone(1000, noise=0), Heard(stretch=stretch), spec)
    plain = apply(tones.tone(1000, noise=0), Heard(), spec)
    assert pitch(found, spec) == pytest.approx(1000 * stretch, rel=0.05)
    assert abs(int((found.max(1) > 100).sum()) - int((plain.max(1) > 100).sum())) <= 1


def test_filters_that_stretch_nothing_are_those_of_the_recipe(spec: SoundSpec) -> None:
    np.testing.assert_array_equal(stretched(spec, 1.0), filters(spec).astype(np.float32))


def test_a_short_recording_stands_anywhere_in_its_window_and_a_long_one_is_cut(spec: SoundSpec) -> None:
    short, long = np.ones(100, np.float32), np.arange(1000, dtype=np.float32)
    assert np.flatnonzero(placed(short, 0.0, 300)).tolist() == list(range(100))
    assert np.flatnonzero(placed(short, 1.0, 300)).tolist() == list(range(200, 300))
    assert placed(long, 0.0, 300)[0] == 0
    assert placed(long, 1.0, 300)[-1] == 999


def test_noise_is_as_loud_as_it_says(spec: SoundSpec) -> None:
    samples = tones.tone(700, seconds=2.0, noise=0)
    noisy = apply(samples, Heard(noise=10.0, seed=1), spec).astype(float)
    clean = apply(samples, Heard(), spec).astype(float)
    far = np.abs(centres(spec) - 3000) < 500
    assert noisy[:, far].mean() - clean[:, far].mean() > 20
    assert abs(noisy.max() - clean.max()) < 4


def test_masks_are_flat_over_times_and_pitches(spec: SoundSpec) -> None:
    found = apply(tones.tone(700, noise=0.1), Heard(times=((0.25, 0.375),), pitches=((0.5, 0.5625),)), spec)
    assert len(np.unique(found[16:24])) == 1
    assert len(np.unique(found[:, 32:36])) == 1


def test_louder_is_louder_everywhere_by_its_decibels(spec: SoundSpec) -> None:
    colour = np.zeros(5)
    plain = apply(tones.tone(700, seconds=1), Heard(colour=colour), spec).astype(int)
    louder = apply(tones.tone(700, seconds=1), Heard(gain=6.0, colour=colour), spec).astype(int)
    np.testing.assert_array_equal(louder - plain, np.full(plain.shape, 12))  # half decibels


def test_no_strength_mirrors_time(spec: SoundSpec) -> None:
    rise = np.linspace(0, 1, 4000, dtype=np.float32) * tones.tone(700, seconds=0.5, noise=0)
    for n in range(20):
        heard = draw(augment.generator(0, n, 0), Augment.STRONG)
        found = sound_augment.apply(rise, Heard(heard.speed, heard.stretch, heard.place), spec).max(1).astype(float)
        loud = np.flatnonzero(found > found.max() - 40)
        first, last = np.array_split(found[loud], 2)
        assert last.mean() > first.mean()
