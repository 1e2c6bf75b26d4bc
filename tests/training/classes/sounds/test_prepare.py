"""Recipes of spectrograms by the recordings that are learned from."""

import numpy as np
import pytest

from visioncli.training.classes.sounds.prepare import recipe_for, visits_of_each


def test_a_window_is_as_long_as_short_recordings_are() -> None:
    spec = recipe_for([8000] * 10, np.linspace(0.3, 0.8, 100))
    assert spec.rate == 8000
    assert spec.seconds == pytest.approx(0.79, abs=0.02)
    assert (spec.frames, spec.mels, spec.highest) == (64, 64, 4000)


def test_a_window_of_long_recordings_is_a_second() -> None:
    assert recipe_for([16_000], np.array([5.0, 60.0])).seconds == pytest.approx(1.024)


def test_the_rate_is_the_usual_one_and_at_most_16_khz() -> None:
    assert recipe_for([44_100, 8000, 8000], np.array([1.0])).rate == 8000
    assert recipe_for([44_100, 44_100, 8000], np.array([1.0])).rate == 16_000


def test_every_band_hears_something() -> None:
    from visioncli.sounds.log_mel import filters

    for rate in (8000, 11_025, 16_000):
        assert (filters(recipe_for([rate], np.array([0.5]))).max(axis=0) > 0.1).all()


def test_long_recordings_are_visited_several_times_an_epoch() -> None:
    spec = recipe_for([16_000], np.array([5.0]))
    assert visits_of_each(np.array([0.4, 0.5]), spec) == 1
    assert visits_of_each(np.array([5.0]), spec) == 4
    assert visits_of_each(np.array([3600.0]), spec) == 8
