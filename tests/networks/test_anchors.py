import numpy as np

from visioncli.networks.anchors import decode_boxes, ssd_anchors


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
