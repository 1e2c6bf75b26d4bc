"""Pictures kept in memory for training."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visioncli.labelled.interface import Example
from visioncli.models import registry
from visioncli.pictures import read
from visioncli.tasks.preprocess import preprocess
from visioncli.training.data import augment
from visioncli.training.data.store import PictureStore

SPEC = registry.find("efficientnet_lite0").input


@pytest.fixture
def example(tmp_path: Path) -> Example:
    pixels = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return Example(str(tmp_path / "a.png"), "a.png", labels=(0,))


def test_plain_pictures_are_what_the_network_sees_when_it_predicts(example: Example) -> None:
    store = PictureStore([example], SPEC)
    store.get(0)  # the other form of the same picture is not taken for it
    seen = augment.normalise(store.plain(0), SPEC)
    assert np.allclose(seen, preprocess(read(example.path, enough=2 * SPEC.resize).image, SPEC), atol=1e-6)


def test_pictures_are_shrunk_but_keep_their_shape(example: Example) -> None:
    pixels = PictureStore([example], SPEC).get(0)
    assert min(pixels.shape[:2]) == 384
    assert pixels.shape[1] / pixels.shape[0] == pytest.approx(900 / 700, rel=0.01)


def test_without_room_nothing_is_kept_and_the_answer_is_the_same(example: Example) -> None:
    kept, none = PictureStore([example], SPEC), PictureStore([example], SPEC, budget=0)
    assert kept.get(0) is kept.get(0)
    assert none.get(0) is not none.get(0)
    assert (kept.get(0) == none.get(0)).all()


def test_tiny_pictures_stay_as_they_are(tmp_path: Path) -> None:
    Image.new("RGB", (28, 28)).save(tmp_path / "t.png")
    small = dataclasses.replace(SPEC, size=16, resize=16)
    assert PictureStore([Example(str(tmp_path / "t.png"), "t.png")], small).get(0).shape == (28, 28, 3)
