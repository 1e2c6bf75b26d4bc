import numpy as np
import pytest
from PIL import Image

from visioncli.predictions import Classification
from visioncli.render.canvas import ACCENT, STRIP
from visioncli.render.classify import draw
from visioncli.results import ModelInfo, Record


def record(*predictions: Classification) -> Record:
    return Record("classify", "a.png", 2, 2, ModelInfo("m", None), predictions)


FIVE = record(*(Classification(f"label number {n}", n, s) for n, s in enumerate((0.9, 0.5, 0.1, 0.01, 0.0))))


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (2000, 3), (640, 480), (3000, 2000)])
@pytest.mark.parametrize("colour", ["black", "white"])
def test_the_picture_stays_whole_and_the_strip_is_readable(size: tuple[int, int], colour: str) -> None:
    image = Image.new("RGB", size, colour)
    drawn = draw(image, FIVE, {})
    left = (drawn.width - size[0]) // 2
    assert drawn.crop((left, 0, left + size[0], size[1])).tobytes() == image.tobytes()
    strip = np.asarray(drawn)[size[1] :].astype(int)
    assert strip.shape[0] >= 5 * 12
    assert drawn.width >= 320
    assert strip.max() > 200  # letters
    assert (strip.reshape(-1, 3) == STRIP).all(1).mean() > 0.3


def test_bars_are_as_long_as_the_scores() -> None:
    pixels = np.asarray(draw(Image.new("RGB", (640, 480)), FIVE, {})).astype(int)
    accent = (pixels == ACCENT).all(2)
    lengths = np.unique(accent.sum(1))
    longest, second = lengths[-1], lengths[-2]
    assert second / longest == pytest.approx(0.5 / 0.9, abs=0.05)


def test_nothing_found_is_said() -> None:
    drawn = np.asarray(draw(Image.new("RGB", (400, 300)), record(), {}))
    assert drawn.shape[0] > 300
    assert drawn[300:].max() > 200


@pytest.mark.parametrize("label", ["", "x" * 500, "Ünïcödé 猫", "two\nlines"])
def test_any_label_can_be_drawn(label: str) -> None:
    assert draw(Image.new("RGB", (100, 100)), record(Classification(label, 1, 0.5)), {}).width == 320
