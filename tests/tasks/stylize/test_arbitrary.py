from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import painters
from conftest import make_picture
from visioncli.errors import UsageError
from visioncli.results import ModelInfo
from visioncli.tasks.detect.tiles import Tiling
from visioncli.tasks.stylize.arbitrary import Arbitrary, StyleVectors, read_painting
from visioncli.tasks.stylize.tiles import painted


@pytest.fixture
def vectors(tmp_path: Path) -> StyleVectors:
    return StyleVectors(painters.style_vector(tmp_path / "v.onnx"), 1, 60.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return painters.any_style(tmp_path / "a.onnx")


def painter(
    path: Path, vectors: StyleVectors, styles: list[tuple[Image.Image, float]], own: float = 0.0
) -> Arbitrary:
    seen = [(vectors.of(image), share) for image, share in styles]
    return Arbitrary(ModelInfo("a", None), path, seen, own, vectors, 1, 60.0)


def test_a_style_is_100_numbers_of_the_square_in_the_middle(vectors: StyleVectors) -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste((0, 0, 255), (100, 0, 200, 100))
    vector = vectors.of(wide)
    assert vector.shape == (1, 1, 1, 100)
    blue, red = (vectors.of(Image.new("RGB", (40, 40), colour)) for colour in ("blue", "red"))
    assert np.abs(vector - blue).max() < 0.05 * np.abs(red - blue).max()


def test_tiles_are_the_whole_picture(path: Path, vectors: StyleVectors) -> None:
    image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (203, 310, 3), np.uint8))
    one = painter(path, vectors, [(make_picture(2), 0.6)], 0.4)
    whole, tiled = painted(one, image), painted(one, image, Tiling(192, 0.8))
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_vectors_are_mixed_by_their_shares(path: Path, vectors: StyleVectors) -> None:
    red, blue = Image.new("RGB", (30, 30), "red"), Image.new("RGB", (30, 30), "blue")
    purple = Image.new("RGB", (30, 30), (191, 0, 64))
    photo = make_picture(1, (64, 48))
    mixed = painted(painter(path, vectors, [(red, 0.75), (blue, 0.25)]), photo)
    assert np.abs(mixed.astype(int) - painted(painter(path, vectors, [(purple, 1.0)]), photo)).max() <= 2
    assert np.abs(mixed.astype(int) - painted(painter(path, vectors, [(red, 1.0)]), photo)).max() > 3


def test_what_shares_leave_is_the_photos_own_style(path: Path, vectors: StyleVectors) -> None:
    photo, other = make_picture(1, (64, 64)), Image.new("RGB", (30, 30), "red")
    own = painted(painter(path, vectors, [(other, 1e-9)], 1 - 1e-9), photo)
    same = painted(painter(path, vectors, [(photo, 1.0)]), photo)
    assert np.abs(own.astype(int) - same).max() <= 1
    assert np.abs(own.astype(int) - painted(painter(path, vectors, [(other, 1.0)]), photo)).max() > 3


def test_a_painting_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("no picture")
    with pytest.raises(UsageError, match=r"--style .*notes\.jpg: This is text"):
        read_painting(str(path))
