from pathlib import Path

import numpy as np
import pytest

from recordings import RATE, ROW, tone, write
from visioncli.sounds import open_recording
from visioncli.sounds.log_mel import levels, log_mel
from visioncli.sounds.spectrogram import Pool, pieces, windows

SPEC = ROW.sound
assert SPEC is not None


def frames(path: Path, *, whole_windows: bool = True) -> np.ndarray:
    return np.concatenate(list(pieces(open_recording(str(path)), SPEC, whole_windows=whole_windows)))


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 1), (15_600, 1), (15_601, 2), (15_600 + 7680, 2), (15_600 + 7681, 3), (200_000, 26)]
)
def test_silence_fills_up_the_last_window(tmp_path: Path, count: int, expected: int) -> None:
    found = frames(write(tmp_path / "a.wav", np.full(count, 0.1)))
    assert len(found) == SPEC.frames + (expected - 1) * SPEC.step
    assert sum(map(len, windows(iter([found]), SPEC))) == expected


def test_pieces_are_the_spectrogram_of_the_whole(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).standard_normal(20 * RATE) * 0.1
    path = write(tmp_path / "a.wav", sound, subtype="FLOAT")
    whole = levels(log_mel(sound.astype(np.float32), SPEC), SPEC)
    found = frames(path, whole_windows=False)
    assert np.abs(found[: len(whole)].astype(int) - whole).max() <= 1  # a last digit may round otherwise
    assert (found[: len(whole)] == whole).mean() > 0.999
    assert len(found) - len(whole) == 1  # what was left of the last frame, filled up


def test_windows_come_in_order_with_their_step() -> None:
    rows = np.arange(96 * 4, dtype=np.uint8)[:, None].repeat(64, axis=1)
    found = np.concatenate(list(windows(iter(np.split(rows, [10, 97, 200])), SPEC)))
    assert found.shape == (7, 96, 64)
    for n, one in enumerate(found):
        assert (one == rows[48 * n : 48 * n + 96]).all()


@pytest.mark.parametrize("count", [1, 7, 8, 17, 100, 1000])
@pytest.mark.parametrize("step", [1, 3, 64])
def test_a_pool_holds_the_largest_of_neighbours(count: int, step: int) -> None:
    rows = np.random.default_rng(count).integers(0, 1000, (count, 2))
    pool = Pool(8)
    for start in range(0, count, step):
        pool.add(rows[start : start + step])
    found = pool.rows()
    assert pool.count == count
    assert len(found) == -(-count // pool.each) <= 9
    for n, row in enumerate(found):
        assert (row == rows[n * pool.each : (n + 1) * pool.each].max(axis=0)).all()


def test_a_tone_lies_where_it_sounds(tmp_path: Path) -> None:
    silence = np.zeros(2 * RATE)
    found = frames(write(tmp_path / "a.wav", np.concatenate([silence, tone(1000, 1), silence])))
    loud = np.flatnonzero(found.max(axis=1) > 150)
    assert 198 <= loud[0] <= 200 and 299 <= loud[-1] <= 301
