import numpy as np
import pytest

from visioncli.weights.quantised import Quantisation


def kept(scales: list[float], zero_points: list[int], dtype: str = "i1", axis: int = 0) -> Quantisation:
    return Quantisation(np.array(scales, np.float32), np.array(zero_points, np.int64), np.dtype(dtype), axis)


def test_one_scale_holds_for_the_whole_tensor() -> None:
    found = kept([0.5], [3]).dequantised(np.array([[-128, 3], [5, 127]], np.int8))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[-65.5, 0], [1, 62]])


def test_unsigned_numbers_below_the_zero_point_are_negative() -> None:
    np.testing.assert_array_equal(
        kept([0.25], [130], "u1").dequantised(np.array([0, 130, 255], np.uint8)), [-32.5, 0, 31.25]
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_place_along_the_axis_has_its_own_scale_and_zero_point(axis: int) -> None:
    stored = np.arange(27, dtype=np.int8).reshape(3, 3, 3)
    found = kept([1, 2, 0.5], [0, 1, -4], axis=axis).dequantised(stored)
    for n, (scale, zero_point) in enumerate(((1, 0), (2, 1), (0.5, -4))):
        expected = (stored.take(n, axis).astype(np.float32) - zero_point) * scale
        np.testing.assert_array_equal(found.take(n, axis), expected)


def test_a_32_bit_bias_loses_no_more_than_float32_must() -> None:
    stored = np.array([2**31 - 1, -(2**31)], np.int32)
    found = kept([1.0], [-1], "i4").dequantised(stored)
    np.testing.assert_array_equal(found, np.array([2**31, -(2**31) + 1], np.float64).astype(np.float32))


def test_scales_that_do_not_fit_the_axis_are_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        kept([1, 2], [0, 0]).dequantised(np.zeros((3, 2), np.int8))


def test_the_range_is_what_eight_bits_reach() -> None:
    assert kept([0.5], [-28]).range == (-50, 77.5)
    assert kept([0.5], [28], "u1").range == (-14, 113.5)
    with pytest.raises(ValueError, match="size 1"):
        _ = kept([1, 2], [0, 0]).range
