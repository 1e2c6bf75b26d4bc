"""Nearly equal recordings in two parts of a set."""

from pathlib import Path

import numpy as np
import pytest

import tones
from visioncli.labelled.interface import Example
from visioncli.sounds.likeness import DESCRIBED, HEARD, description
from visioncli.sounds.log_mel import levels, log_mel
from visioncli.training.classes.sounds.near_equal import SoundPairs

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


def hiss(seed: int, seconds: float = 0.5) -> np.ndarray:
    """`(N,) float32`: noise whose loudness and colour change as it pleases."""
    rng = np.random.default_rng(seed)
    count = round(tones.RATE * seconds)
    colour = rng.uniform(-0.9, 0.9)
    noise = rng.standard_normal(count)
    noise[1:] += colour * noise[:-1]
    loud = np.interp(np.arange(count), np.linspace(0, count, 6), rng.uniform(0.02, 0.2, 6))
    found: np.ndarray = noise * loud
    return found.astype(np.float32)


def made(folder: Path, recordings: list[np.ndarray]) -> tuple[list[Example], np.ndarray]:
    examples, described = [], np.zeros((len(recordings), DESCRIBED), np.float32)
    for n, samples in enumerate(recordings):
        path = tones.write(folder / f"{n}.wav", samples.clip(-1, 1))
        examples.append(Example(str(path), (0,)))
        described[n] = description(levels(log_mel(samples, HEARD), HEARD))
    return examples, described


def test_a_changed_copy_in_another_part_is_found_and_strangers_are_not(tmp_path: Path) -> None:
    sounds = [hiss(n) for n in range(30)]
    sounds[25] = 0.4 * sounds[3][200:]
    sounds[4] = sounds[5]  # of one part
    find = SoundPairs(*made(tmp_path, sounds))
    parts = np.repeat([0, 1, 2], [15, 5, 10])
    (pair,) = find(parts)
    assert pair[:2] == (3, 25)
    assert 0.95 < pair[2] <= 1
    parts[3] = 2
    assert find(parts) == []


def test_what_was_left_out_or_cannot_be_read_has_no_pair(tmp_path: Path) -> None:
    sounds = [hiss(n) for n in range(8)]
    sounds[7] = sounds[0]
    examples, described = made(tmp_path, sounds)
    parts = np.repeat([0, 1], 4)
    assert [pair[:2] for pair in SoundPairs(examples, described)(parts)] == [(0, 7)]
    assert SoundPairs(examples, described)(np.where(np.arange(8) == 7, -1, parts)) == []
    Path(examples[7].path).unlink()
    assert SoundPairs(examples, described)(parts) == []
    described[7] = 0
    assert SoundPairs(examples, described)(parts) == []
