from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import painters
from visioncli.results import ModelInfo
from visioncli.tasks.detect.tiles import Tiling
from visioncli.tasks.stylize.multistyle import MultiStyle
from visioncli.tasks.stylize.tiles import painted


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return painters.named_styles(tmp_path / "n.onnx")


@pytest.fixture
def image() -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (203, 310, 3), np.uint8))


def painter(path: Path, shares: dict[int, float]) -> MultiStyle:
    return MultiStyle(ModelInfo("n", None), path, shares, 26, 1, 60.0)


def test_tiles_are_the_whole_picture(path: Path, image: Image.Image) -> None:
    one = painter(path, {4: 1.0})
    whole, tiled = painted(one, image), painted(one, image, Tiling(192, 0.8))
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_without_the_averages_of_the_whole_tiles_do_not_fit(path: Path, image: Image.Image) -> None:
    """What the test above would show otherwise."""
    one = painter(path, {4: 1.0})
    one.paint = lambda part, seen: one.look(part)[0]  # type: ignore[method-assign]
    whole, tiled = painted(painter(path, {4: 1.0}), image), painted(one, image, Tiling(192, 0.8))
    assert np.abs(whole.astype(int) - tiled).max() > 1


def test_styles_differ_and_a_mixture_is_neither(path: Path, image: Image.Image) -> None:
    answers = [painted(painter(path, shares), image) for shares in ({1: 1.0}, {2: 1.0}, {1: 0.5, 2: 0.5})]
    for n, one in enumerate(answers):
        for other in answers[n + 1 :]:
            assert np.abs(one.astype(int) - other).max() > 3


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (90, 1), (5, 7)])
def test_tiny_pictures_are_painted(path: Path, size: tuple[int, int]) -> None:
    answer = painted(painter(path, {0: 1.0}), Image.new("RGB", size, (90, 120, 200)))
    assert answer.shape == (size[1], size[0], 3)
