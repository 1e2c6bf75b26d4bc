import numpy as np
import pytest

from visioncli.render.tags import MOST_HIDDEN, Tags


def test_a_tag_goes_above_its_box_and_below_where_above_is_no_room() -> None:
    boxes = np.array([(100, 100, 300, 300), (400, 5, 500, 200)])
    tags = Tags(boxes, 640, 480, 20)
    assert tags.place((100, 100, 300, 300), [80]) == (0, (100, 80, 180, 100))
    assert tags.place((400, 5, 500, 200), [80]) == (0, (400, 200, 480, 220))


def test_a_box_over_the_whole_picture_has_its_tag_inside() -> None:
    tags = Tags(np.array([(0, 0, 640, 480)]), 640, 480, 20)
    assert tags.place((0, 0, 640, 480), [80]) == (0, (0, 0, 80, 20))


def test_a_tag_that_would_hide_the_picture_is_left_out_or_shortened() -> None:
    assert Tags(np.array([(0, 0, 50, 50)]), 50, 50, 20).place((0, 0, 50, 50), [45]) is None
    assert Tags(np.array([(0, 0, 50, 50)]), 50, 50, 20).place((0, 0, 50, 50), [45, 20]) == (1, (0, 0, 20, 20))
    assert Tags(np.array([(0, 0, 50, 9)]), 50, 9, 20).place((0, 0, 50, 9), [45]) is None


def test_tags_together_hide_a_limited_share_of_a_box() -> None:
    inner = [(110 + 40 * n, 130, 130 + 40 * n, 150) for n in range(4)]
    boxes = np.array([*inner, (100, 100, 300, 200)])
    tags = Tags(boxes, 640, 480, 25)
    hidden = 0
    for box in inner:
        placed = tags.place(box, [60, 30])
        if placed:
            x1, y1, x2, y2 = placed[1]
            hidden += max(min(x2, 300) - max(x1, 100), 0) * max(min(y2, 200) - max(y1, 100), 0)
    assert 0 < hidden <= MOST_HIDDEN * 200 * 100


@pytest.mark.parametrize("points", [np.array([(110.0, 90.0)]), np.array([(110.0, 90.0), (250.0, 90.0)])])
def test_a_tag_keeps_off_points(points: np.ndarray) -> None:
    placed = Tags(np.array([(100, 100, 300, 300)]), 640, 480, 20, points).place((100, 100, 300, 300), [80])
    assert placed is not None
    x1, y1, x2, y2 = placed[1]
    assert not ((points >= (x1, y1)) & (points < (x2, y2))).all(axis=1).any()


def test_no_boxes_are_no_trouble() -> None:
    Tags(np.zeros((0, 4)), 10, 10, 20)
