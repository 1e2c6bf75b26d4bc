import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visioncli.tasks.segment.deeplab import STRIDE, enlarge, input_size, preprocess, resize_logits


def plainly_resized(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The enlarged logits themselves, (classes, height, width), one axis after the other."""
    for axis, length in ((1, height), (2, width)):
        cells = logits.shape[axis]
        span = (cells - 1) * STRIDE + 1
        at = np.clip(((np.arange(length) + 0.5) * span / length - 0.5) / STRIDE, 0, cells - 1)
        lines = np.moveaxis(logits, axis, 0).astype(np.float64)
        before = np.floor(at).astype(int)
        after = np.minimum(before + 1, cells - 1)
        share = (at - before)[:, None, None]
        logits = np.moveaxis(lines[before] * (1 - share) + lines[after] * share, 0, axis)
    return logits


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_the_class_of_a_pixel_has_the_highest_enlarged_logit(
    h: int, w: int, height: int, width: int, seed: int
) -> None:
    logits = np.random.default_rng(seed).normal(size=(5, h, w)).astype(np.float32)
    found = resize_logits(logits, height, width)
    assert found.shape == (height, width) and found.dtype == np.uint8
    enlarged = plainly_resized(logits, height, width)
    chosen = np.take_along_axis(enlarged, found[None].astype(int), axis=0)[0]
    assert np.all(chosen >= enlarged.max(axis=0) - 1e-4)


def test_at_the_input_size_cells_lie_on_every_eighth_pixel() -> None:
    logits = np.random.default_rng(0).normal(size=(21, 5, 9)).astype(np.float32)
    found = resize_logits(logits, 33, 65)
    assert np.array_equal(found[::8, ::8], logits.argmax(axis=0))


def test_twelve_megapixels_need_little_memory() -> None:
    logits = np.random.default_rng(0).normal(size=(21, 65, 65)).astype(np.float32)
    logits[4:] -= 9
    tracemalloc.start()
    found = resize_logits(logits, 3000, 4000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (3000, 4000)
    assert peak < 100e6


@pytest.mark.parametrize(("height", "width"), [(480, 640), (640, 480), (100, 4000), (1, 1), (3000, 3000)])
def test_the_input_keeps_the_shape_and_about_the_area(height: int, width: int) -> None:
    h, w = input_size(height, width, 513)
    assert h % 8 == w % 8 == 1
    assert h * w == pytest.approx(513 * 513, rel=0.06)
    assert h / w == pytest.approx(height / width, rel=0.06)


def test_preprocess_scales_to_plus_minus_one() -> None:
    picture = Image.new("RGB", (30, 20), (255, 0, 0))
    x = preprocess(picture, (17, 25))
    assert x.shape == (3, 17, 25) and x.dtype == np.float32
    assert np.all(x[0] == 1) and np.all(x[1:] == -1)
    assert preprocess(picture, 33).shape == (3, 33, 33)


@pytest.mark.parametrize("stride", [1, 8])
def test_enlarged_logits_give_the_same_classes(stride: int) -> None:
    logits = np.random.default_rng(3).normal(size=(5, 7, 9)).astype(np.float32)
    large = enlarge(logits, 50, 61, stride)
    assert large.shape == (5, 50, 61)
    assert (large.argmax(axis=0) == resize_logits(logits, 50, 61, stride)).mean() > 0.999
    assert np.abs(large).max() <= np.abs(logits).max() + 1e-5
