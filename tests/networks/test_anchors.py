import numpy as np
import pytest

from visioncli.networks.anchors import decode_boxes, efficientdet_anchors, ssd_anchors


def test_there_are_1917_anchors_and_nobody_can_change_them() -> None:
    anchors = ssd_anchors()
    assert anchors.shape == (1917, 4)
    assert anchors.dtype == np.float32
    assert not anchors.flags.writeable


def test_the_finest_level_has_three_small_anchors_a_cell() -> None:
    # Centre y, centre x, height, width of the first two cells of a 19 by 19 grid.
    half = 0.5**0.5
    first = [[0.5 / 19, 0.5 / 19, 0.1, 0.1], [0.5 / 19, 0.5 / 19, 0.2 * half, 0.2 / half]]
    np.testing.assert_allclose(ssd_anchors()[:2], first, rtol=1e-6)
    np.testing.assert_allclose(ssd_anchors()[2, 2:], [0.2 / half, 0.2 * half], rtol=1e-6)
    np.testing.assert_allclose(ssd_anchors()[3], [0.5 / 19, 1.5 / 19, 0.1, 0.1], rtol=1e-6)


def test_the_coarsest_level_is_one_cell_with_the_extra_square_last() -> None:
    last = ssd_anchors()[-6:]
    np.testing.assert_allclose(last[:, :2], 0.5)
    np.testing.assert_allclose(last[0, 2:], 0.95, rtol=1e-6)
    np.testing.assert_allclose(last[-1, 2:], 0.95**0.5, rtol=1e-6)


def test_a_code_of_zeros_is_the_anchor_itself() -> None:
    anchors = ssd_anchors()
    boxes = decode_boxes(np.zeros((1917, 4)), anchors)
    assert boxes.dtype == np.float32
    np.testing.assert_allclose((boxes[:, 0] + boxes[:, 2]) / 2, anchors[:, 1], atol=1e-6)
    np.testing.assert_allclose(boxes[:, 3] - boxes[:, 1], anchors[:, 2], atol=1e-6)


def test_codes_move_the_centre_by_tenths_and_scale_the_sides_by_exponents() -> None:
    anchors = np.array([[0.5, 0.5, 0.2, 0.4]], np.float32)
    box = decode_boxes(np.array([[1, -1, 5 * np.log(2), 0]]), anchors)
    # y: 0.5 + 0.1 * 0.2, twice as high; x: 0.5 - 0.1 * 0.4, as wide as before.
    np.testing.assert_allclose(box, [[0.26, 0.32, 0.66, 0.72]], atol=1e-6)


def test_batches_decode_as_their_members_do() -> None:
    codes = np.random.default_rng(0).normal(size=(2, 1917, 4))
    batch = decode_boxes(codes, ssd_anchors())
    assert batch.shape == (2, 1917, 4)
    np.testing.assert_array_equal(batch[1], decode_boxes(codes[1], ssd_anchors()))


def test_wild_codes_give_finite_boxes() -> None:
    assert np.isfinite(decode_boxes(np.full((1917, 4), 1e4), ssd_anchors())).all()


def test_efficientdet_has_nine_anchors_in_each_cell_of_five_levels() -> None:
    anchors = efficientdet_anchors(320)
    assert anchors.shape == (sum(9 * n**2 for n in (40, 20, 10, 5, 3)), 4)
    first, last = anchors[:9] * 320, anchors[-9:] * 320
    np.testing.assert_allclose(first[:, :2], 4)
    np.testing.assert_allclose(last[:, :2], 2.5 * 128)
    np.testing.assert_allclose(first[0, 2:], (24, 24), rtol=1e-6)
    # Second comes the wide one; then, an octave's third larger, the next square.
    np.testing.assert_allclose(first[1, 2:], (24 / 2**0.5, 24 * 2**0.5), rtol=1e-6)
    np.testing.assert_allclose(first[3, 2:], 24 * 2 ** (1 / 3), rtol=1e-6)
    np.testing.assert_allclose(last[:, 2] / first[:, 2], 16, rtol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        anchors[0] = 0


def test_codes_are_scaled_as_the_network_scales_them() -> None:
    anchors = np.array([[0.5, 0.5, 0.2, 0.4]], np.float32)
    code = np.array([[1.0, 0.5, np.log(2), 0.0]])
    np.testing.assert_allclose(decode_boxes(code, anchors, (1, 1)), [[0.5, 0.5, 0.9, 0.9]], rtol=1e-6)
    scaled = code * [[10, 10, 5, 5]]
    np.testing.assert_allclose(decode_boxes(scaled, anchors), [[0.5, 0.5, 0.9, 0.9]], rtol=1e-6)
