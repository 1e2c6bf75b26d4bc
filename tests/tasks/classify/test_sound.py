import dataclasses
from pathlib import Path

import numpy as np
import pytest

from recordings import RATE, ROW, Ears, tone, write
from visioncli.errors import InputError
from visioncli.models.row import InputSpec
from visioncli.models.sound import Quantum
from visioncli.results import Record
from visioncli.sounds import open_recording
from visioncli.tasks.classify.sound import ClassifySound, network_input
from visioncli.tasks.interface import Answer


def heard(path: Path, **settings: bool) -> Answer:
    task = ClassifySound(ROW, Ears(), **settings)  # type: ignore[arg-type]
    (answer,) = task.predict([task.prepare_sound(open_recording(str(path)))])
    return answer


def low_then_high(tmp_path: Path) -> Path:
    """Five seconds each."""
    return write(tmp_path / "a.wav", np.concatenate([tone(250, 5), tone(6000, 5)]))


def test_scores_are_the_mean_of_those_of_the_windows(tmp_path: Path) -> None:
    answer = heard(low_then_high(tmp_path), each_window=True)
    assert answer.windows is not None
    for name in ("low", "high"):
        each = [p.score for w in answer.windows for p in w.predictions if p.label == name]
        assert len(each) == len(answer.windows) == 20
        (whole,) = [p.score for p in answer.predictions if p.label == name]
        assert whole == pytest.approx(np.mean(each), abs=1e-6)


def test_windows_say_what_is_heard_when(tmp_path: Path) -> None:
    windows = heard(low_then_high(tmp_path), each_window=True).windows
    assert windows is not None
    assert [w.start_s for w in windows[:3]] == pytest.approx([0, 0.48, 0.96])
    assert windows[0].end_s == pytest.approx(0.96)
    assert windows[-1].end_s == pytest.approx(10)
    assert all(w.predictions[0].label == "low" for w in windows if w.end_s < 5)
    assert all(w.predictions[0].label == "high" for w in windows if w.start_s > 5)


def test_windows_are_left_out_unless_they_are_wanted(tmp_path: Path) -> None:
    assert heard(low_then_high(tmp_path)).windows is None


def test_one_sample_is_answered(tmp_path: Path) -> None:
    answer = heard(write(tmp_path / "a.wav", np.array([0.5])), each_window=True)
    assert answer.windows is not None
    assert [(w.start_s, w.end_s) for w in answer.windows] == [(0, 1 / RATE)]


def test_a_long_recording_is_drawn_in_few_columns(tmp_path: Path) -> None:
    arrays = heard(write(tmp_path / "a.wav", np.tile(tone(250, 1), 90))).arrays
    columns, each = len(arrays["spectrogram"]), float(arrays["spectrogram_seconds"])
    assert columns <= 2049
    assert each == pytest.approx(0.08)
    assert columns * each == pytest.approx(90, abs=each)
    assert arrays["hertz"].shape == (64,)
    assert arrays["course"].shape[1] == 2


def test_the_end_is_read_when_the_network_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = low_then_high(tmp_path)
    whole = heard(path)
    monkeypatch.setattr("visioncli.tasks.listening.ListeningTask.ahead", 1)
    assert heard(path).predictions == whole.predictions


def test_one_that_breaks_off_does_not_cost_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncli.tasks.listening.ListeningTask.ahead", 0)
    bad = tone(440, 20)
    bad[-5] = np.nan
    paths = [low_then_high(tmp_path), write(tmp_path / "b.wav", bad, subtype="FLOAT")]
    task = ClassifySound(ROW, Ears())
    batch = [task.prepare_sound(open_recording(str(path))) for path in paths]
    with pytest.raises(InputError, match="is no finite number"):
        task.predict(batch)
    # As the runner does: each alone, though they can be read only once.
    assert task.predict(batch[:1])[0].predictions == heard(paths[0]).predictions
    with pytest.raises(InputError, match="is no finite number"):
        task.predict(batch[1:])


def test_answers_in_eight_bits_are_numbers_again() -> None:
    class Eight(Ears):
        def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
            return (np.array([[190, 193]], np.uint8).repeat(len(batch), 0),)

    row = dataclasses.replace(ROW, answer=Quantum(0.5, 190))
    scores = ClassifySound(row, Eight()).scores(np.zeros((3, 96, 64), np.uint8))
    assert np.allclose(scores, [[0.5, 1 / (1 + np.exp(-1.5))]] * 3)


def test_a_network_of_pictures_sees_time_from_left_to_right_and_high_pitches_on_top() -> None:
    window = np.zeros((96, 64), np.uint8)
    window[:10, 60:] = 255  # early and high
    row = dataclasses.replace(ROW, form="", input=InputSpec(64, 0, "bilinear", (0.0,) * 3, (1.0,) * 3))
    (x,) = network_input(window[None], row)
    assert x.shape == (3, 64, 64)
    assert x[:, :2, :4].min() > 0.9 and x[:, 10:, :].max() == x[:, :, 20:].max() == 0


def test_a_record_of_a_recording_comes_back_as_it_was(tmp_path: Path) -> None:
    answer = heard(low_then_high(tmp_path), each_window=True)
    model = ClassifySound(ROW, Ears()).model
    record = Record(
        "classify", "a.wav", None, None, model, answer.predictions, seconds=10.0, rate=RATE, windows=answer.windows
    )
    body = record.to_json()
    assert "width" not in body
    again = Record.from_json(body)
    assert again.to_json() == body
    with pytest.raises(ValueError, match="without samples"):
        Record.from_json(body | {"seconds": 0.0})
    with pytest.raises(ValueError, match="no seconds"):
        Record.from_json({name: value for name, value in body.items() if name != "seconds"})
