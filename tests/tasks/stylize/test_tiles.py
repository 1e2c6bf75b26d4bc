from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visioncli.results import ModelInfo
from visioncli.tasks.detect.tiles import Tiling
from visioncli.tasks.stylize import tiles
from visioncli.tasks.stylize.interface import Painter


class Local(Painter):
    """The mean over 2 x 2 cells that begin at even places, then over 3 x 3 cells; spoilt at the borders, as networks
    are whose layers pad. It looks at nothing but what is near."""

    info = ModelInfo("local", None)
    method = "local"
    step = 2
    least = 4
    reach = 6

    def __init__(self) -> None:
        self.parts = 0
        self.seen: tuple[int, ...] = ()

    def look(self, whole: np.ndarray) -> tuple[np.ndarray, Any]:
        self.seen = whole.shape
        return self._run(whole), "seen"

    def paint(self, part: np.ndarray, seen: Any) -> np.ndarray:
        assert seen == "seen"
        self.parts += 1
        return self._run(part)

    def _run(self, x: np.ndarray) -> np.ndarray:
        height, width, _ = x.shape
        assert height % 2 == width % 2 == 0
        assert min(height, width) >= self.least
        cells = x.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
        padded = np.pad(cells, ((1, 1), (1, 1), (0, 0)))  # with black: a border that shows
        mean = sum(padded[i : i + height // 2, j : j + width // 2] for i in range(3) for j in range(3)) / 9
        return np.repeat(np.repeat(mean, 2, 0), 2, 1)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


@settings(max_examples=40)
@given(st.integers(1, 150), st.integers(1, 150), st.sampled_from([32, 40, 51, 64]), st.sampled_from([0.4, 0.5, 0.7]))
def test_tiles_of_a_local_network_are_the_whole_picture(width: int, height: int, size: int, overlap: float) -> None:
    image = picture(width, height)
    whole = tiles.painted(Local(), image)
    tiled = tiles.painted(Local(), image, Tiling(size, overlap))
    assert whole.shape == tiled.shape == (height, width, 3)
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_large_pictures_are_painted_in_tiles_after_a_look_at_them_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "WHOLE", 100 * 100)
    monkeypatch.setattr(tiles, "AUTO", Tiling(64, 0.4))
    painter = Local()
    answer = tiles.painted(painter, picture(300, 200))
    assert answer.shape == (200, 300, 3)
    assert painter.parts > 10
    assert painter.seen == (82, 122, 3)  # 100 x 100 pixels of the same shape, as sides that the network takes
    once = Local()
    tiles.painted(once, picture(100, 100))
    assert once.parts == 0


def test_a_network_that_takes_more_memory_sees_less_at_once() -> None:
    painter = Local()
    painter.at_once = 100
    answer = tiles.painted(painter, picture(300, 200))
    assert answer.shape == (200, 300, 3)
    assert painter.parts > 6
    assert painter.seen == (82, 122, 3)
    once = Local()
    once.at_once = 100
    tiles.painted(once, picture(100, 100))
    assert once.parts == 0


def test_an_overlap_that_is_too_small_leaves_no_holes() -> None:
    class White(Local):
        def _run(self, x: np.ndarray) -> np.ndarray:
            return np.ones_like(x)

    for overlap in (0.0, 0.02, 0.1):
        assert (tiles.painted(White(), picture(150, 90), Tiling(32, overlap)) == 255).all()


def test_what_leaves_the_range_is_clipped() -> None:
    class Wild(Local):
        def _run(self, x: np.ndarray) -> np.ndarray:
            return np.where(x > 0.5, 7.0, -7.0).astype(np.float32)

    for tiling in (None, Tiling(32, 0.5)):
        answer = tiles.painted(Wild(), picture(70, 40), tiling)
        assert set(np.unique(answer)) == {0, 255}


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 2)])
def test_tiny_pictures_keep_their_size(size: tuple[int, int]) -> None:
    width, height = size
    for tiling in (None, Tiling(32, 0.5)):
        assert tiles.painted(Local(), picture(width, height), tiling).shape == (height, width, 3)
