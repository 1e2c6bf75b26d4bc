"""Vectors of recordings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tones
from visioncli.engines.interface import Engine
from visioncli.inputs.sources import Item
from visioncli.models import registry
from visioncli.runner import RunOptions, run
from visioncli.tasks.embed.sound import EmbedSound
from visioncli.training.classes.sounds.prepare import recipe_for

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


class Levels(Engine):
    """A network whose features are the mean and the highest level of what it sees."""

    name = "levels"
    precision = "fp32"
    parallel = 1

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.stack([batch.mean(axis=(1, 2, 3)), batch.max(axis=(1, 2, 3))], 1),)


@pytest.mark.parametrize("normalise", [False, True])
def test_the_vector_of_a_recording_is_the_mean_of_its_windows(tmp_path: Path, *, normalise: bool) -> None:
    row = replace(registry.find("log_mel_cnn", "classify"), sound=recipe_for([8000], np.array([0.5])))
    loud, quiet = tones.tone(700, 0.512), 0.1 * tones.tone(700, 0.512)
    vectors = []
    for name, samples in (("loud", loud), ("long", np.concatenate([loud, loud, quiet, quiet]))):
        path = tones.write(tmp_path / f"{name}.wav", samples)
        task = EmbedSound(row, Levels(), normalise=normalise)
        (outcome,) = run([Item(str(path), path.name)], task, RunOptions(workers=1))
        assert outcome.record.error is None
        (found,) = outcome.record.predictions or ()
        assert found.dimensions == 2
        vectors.append(found.vector)
    if normalise:
        assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])
    else:
        assert vectors[1][0] < vectors[0][0]
        assert vectors[1][1] < vectors[0][1]
