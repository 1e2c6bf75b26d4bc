"""Logits that are moved to where masks lie."""

import numpy as np

from visioncli.tasks.segment.offset import moved


def logits(height: int = 7, width: int = 9) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, height, width)).astype(np.float32)


def test_whole_pixels_are_moved_down_and_to_the_right_and_the_edge_goes_on() -> None:
    x = logits()
    answer = moved(x, (2.0, -1.0))
    assert answer.dtype == np.float32
    np.testing.assert_array_equal(answer[:, 2:, :-1], x[:, :-2, 1:])
    np.testing.assert_array_equal(answer[:, 0, :-1], x[:, 0, 1:])
    np.testing.assert_array_equal(answer[:, 2:, -1], x[:, :-2, -1])


def test_between_pixels_values_are_interpolated() -> None:
    x = logits()
    np.testing.assert_allclose(moved(x, (0.25, 0.0))[:, 1:], 0.75 * x[:, 1:] + 0.25 * x[:, :-1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(moved(x, (0.0, -0.5))[..., :-1], (x[..., 1:] + x[..., :-1]) / 2, rtol=1e-5, atol=1e-6)


def test_a_picture_smaller_than_the_offset_is_its_edge() -> None:
    x = logits(1, 2)
    np.testing.assert_array_equal(moved(x, (5.0, -9.0)), np.repeat(x[..., -1:], 2, 2))
