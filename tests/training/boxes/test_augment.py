import numpy as np
import pytest

from visioncli.training.boxes.augment import GREY, KEPT, Params, apply, draw
from visioncli.training.data.augment import generator
from visioncli.training.recipe import Augment

SIZE = (80, 60)


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dark picture with two bright blocks of their own colours, their boxes and labels."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[10:20, 10:30] = (200, 40, 40)
    pixels[35:55, 50:62] = (40, 200, 40)
    return pixels, np.array([[10, 10, 30, 20], [50, 35, 62, 55]], np.float32), np.array([0, 1])


def bounds(pixels: np.ndarray, channel: int) -> list[float]:
    """The box around what has more of one colour than of another."""
    block = pixels[..., channel].astype(int) - pixels[..., 1 - channel] > 30
    y, x = np.nonzero(block)
    return [x.min(), y.min(), x.max() + 1, y.max() + 1]


@pytest.mark.parametrize("level", [Augment.FLIP, Augment.STANDARD, Augment.STRONG])
def test_boxes_stay_around_their_objects(level: Augment) -> None:
    pixels, boxes, labels = scene()
    seen = 0
    for n in range(60):
        params = draw(generator(0, 0, n), level, SIZE, boxes, mirror=True)
        moved, found, kept = apply(pixels, boxes, labels, params)
        for box, label in zip(found.tolist(), kept.tolist(), strict=True):
            assert box == pytest.approx(bounds(moved, label), abs=1)
            seen += 1
    assert seen > 60


def test_without_augmentation_the_picture_stays_as_it_is() -> None:
    pixels, boxes, labels = scene()
    params = draw(generator(0, 0, 0), Augment.NONE, SIZE, boxes, mirror=True)
    moved, found, kept = apply(pixels, boxes, labels, params)
    assert np.array_equal(moved, pixels)
    assert np.array_equal(found, boxes)
    assert np.array_equal(kept, labels)


def test_the_same_numbers_give_the_same_picture_and_others_another() -> None:
    _, boxes, _ = scene()
    same = [draw(generator(3, 1, 5), Augment.STRONG, SIZE, boxes, mirror=True) for _ in range(2)]
    assert same[0] == same[1]
    assert draw(generator(3, 2, 5), Augment.STRONG, SIZE, boxes, mirror=True) != same[0]


def test_a_mirror_image_is_drawn_only_where_it_may_be() -> None:
    _, boxes, _ = scene()
    drawn = [draw(generator(0, 0, n), Augment.FLIP, SIZE, boxes, mirror=True) for n in range(40)]
    assert {one.mirror for one in drawn} == {True, False}
    assert not any(draw(generator(0, 0, n), Augment.FLIP, SIZE, boxes, mirror=False).mirror for n in range(40))


def test_beyond_the_picture_it_is_grey() -> None:
    pixels, boxes, labels = scene()
    moved, found, _ = apply(pixels, boxes, labels, Params((-10, -6, 90, 66)))
    assert moved.shape == (72, 100, 3)
    assert (moved[:6] == GREY).all()
    assert found.tolist() == (boxes + np.array([10, 6, 10, 6])).tolist()


def test_objects_outside_and_slivers_are_no_objects_there() -> None:
    pixels, boxes, labels = scene()
    # Three quarters of the first are left, and nothing of the second.
    _, found, kept = apply(pixels, boxes, labels, Params((15, 5, 45, 30)))
    assert kept.tolist() == [0]
    assert found.tolist() == [[0, 5, 15, 15]]
    _, found, kept = apply(pixels, boxes, labels, Params((25, 5, 45, 30)))
    assert not len(found)
    assert found.shape == (0, 4)


def test_windows_cut_no_object_in_two_unseen_halves() -> None:
    _, boxes, _ = scene()
    for n in range(100):
        x1, y1, x2, y2 = draw(generator(1, 0, n), Augment.STRONG, SIZE, boxes, mirror=False).window
        inside = np.clip(boxes, (x1, y1, x1, y1), (x2, y2, x2, y2))
        shares = (inside[:, 2:] - inside[:, :2]).prod(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1)
        assert ((shares >= KEPT) | (shares <= 0.15)).all()
        assert (shares >= KEPT).any()


def test_a_picture_without_objects_is_changed_too() -> None:
    pixels, _, _ = scene()
    none = np.zeros((0, 4), np.float32)
    params = draw(generator(0, 0, 1), Augment.STANDARD, SIZE, none, mirror=True)
    moved, found, kept = apply(pixels, none, np.zeros(0, np.int64), params)
    assert params.window != (0, 0, *SIZE)
    assert found.shape == (0, 4)
    assert kept.shape == (0,)
    assert moved.dtype == np.uint8
