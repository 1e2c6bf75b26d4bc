from pathlib import Path

import numpy as np
import pytest

from recordings import tone, write
from visioncli.errors import UsageError
from visioncli.models.registry import find
from visioncli.predictions import Spectrogram
from visioncli.sounds import open_recording
from visioncli.tasks.spectrogram.task import DrawSpectrogram, decibels, recipe


def drawn(path: Path, most: int = 4096) -> tuple[Spectrogram, np.ndarray]:
    task = DrawSpectrogram(recipe(rate=16_000), most_columns=most)
    (answer,) = task.predict([task.prepare_sound(open_recording(str(path)))])
    (found,) = answer.predictions
    return found, answer.arrays["spectrogram"]


def test_the_loudest_sound_is_found(tmp_path: Path) -> None:
    sound = np.concatenate([0.1 * tone(300, 1), tone(2000, 0.2), 0.1 * tone(300, 1)])
    found, levels = drawn(write(tmp_path / "a.wav", sound))
    assert 0.98 < found.peak_s < 1.2
    assert found.peak_hz == pytest.approx(2000, rel=0.03)
    assert levels.shape == (found.frames, found.bands)
    assert found.frames * found.hop_s == pytest.approx(2.2, abs=1024 / 16_000)


def test_twenty_decibels_are_ten_times_the_amplitude(tmp_path: Path) -> None:
    loud, _ = drawn(write(tmp_path / "a.wav", tone(1000, 1), subtype="FLOAT"))
    quiet, _ = drawn(write(tmp_path / "b.wav", tone(1000, 1) / 10, subtype="FLOAT"))
    assert loud.highest_db - quiet.highest_db == pytest.approx(20, abs=0.5)


def test_columns_of_a_long_recording_show_its_loudest_frames(tmp_path: Path) -> None:
    sound = np.zeros(160_000)
    sound[80_000] = 1
    found, levels = drawn(write(tmp_path / "a.wav", sound), most=20)
    assert found.frames <= 21
    assert found.hop_s == pytest.approx(32 * 256 / 16_000)
    assert levels[int(5 / found.hop_s)].min() > 50


def test_natural_logarithms_are_told_in_decibels() -> None:
    spec = find("yamnet").sound
    assert spec is not None
    ten_times = np.log(10) / spec.levels.step
    assert decibels(spec.levels.zero, spec) == 0
    assert decibels(spec.levels.zero + round(ten_times), spec) == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize("own", [{"fft": 1}, {"window": 2000}, {"hop": 0}, {"mels": 0}, {"highest": 99_999.0}])
def test_impossible_recipes_are_wrong_usage(own: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="No spectrogram can be made so"):
        recipe(**own)
