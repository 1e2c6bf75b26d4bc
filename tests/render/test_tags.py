import numpy as np
import pytest

from visioncli.render.tags import FAR_SURER, MOST_HIDDEN, MOST_HIDDEN_OF_UNSURE, SMALL, Rectangle, Tags


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


def crowd(seed: int, count: int, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """`(N, 4)` whole-numbered boxes in a picture of 640 x 480, and their scores, the best first."""
    random = np.random.default_rng(seed)
    start = np.floor(random.uniform(0, (630, 470), (count, 2)))
    end = np.minimum(start + np.ceil(random.uniform(3, largest, (count, 2))), (640, 480))
    return np.hstack([start, end]), -np.sort(-random.uniform(0.05, 1, count))


def placed(boxes: np.ndarray, scores: np.ndarray | None, line: int = 20) -> list[tuple[int, Rectangle] | None]:
    tags = Tags(boxes, 640, 480, line, scores=scores)
    return [tags.place((x1, y1, x2, y2), [90, 50, 30], 2) for x1, y1, x2, y2 in boxes.astype(int).tolist()]


def shared(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(np.prod(np.maximum(sides, 0)))


@pytest.mark.parametrize("with_scores", [False, True])
@pytest.mark.parametrize(("seed", "count", "largest"), [(0, 40, 400), (1, 150, 200), (2, 300, 60), (3, 200, 600)])
def test_in_any_crowd_tags_are_apart_and_hide_no_more_than_they_may(
    seed: int, count: int, largest: float, with_scores: bool
) -> None:
    boxes, scores = crowd(seed, count, largest)
    found = placed(boxes, scores if with_scores else None)
    tags = [(n, np.array(one[1], float)) for n, one in enumerate(found) if one]
    assert 10 < len(tags) < count
    for n, (_, a) in enumerate(tags):
        assert (a[:2] >= 0).all() and (a[2:] <= (640, 480)).all()
        # A line of the picture is between any two.
        assert not any(shared(a + np.array((-1, -1, 1, 1)), b) for _, b in tags[:n])
    for own, box in enumerate(boxes):
        area = np.prod(box[2:] - box[:2])
        small = (box[2:] - box[:2]).min() < SMALL * 20
        hidden = {n: shared(tag, box) for n, tag in tags}
        if not small:
            assert sum(hidden.values()) <= MOST_HIDDEN * area + 1e-6
        elif not with_scores:
            assert not any(hidden.values())
        else:
            assert sum(hidden.values()) <= MOST_HIDDEN_OF_UNSURE * area + 1e-6
            assert all(scores[n] > FAR_SURER * scores[own] for n, part in hidden.items() if part)


def test_the_same_boxes_have_the_same_tags() -> None:
    boxes, scores = crowd(5, 200, 150)
    assert placed(boxes, scores) == placed(boxes.copy(), scores.copy())


# A wide bus in the upper left corner; a row of small boxes leaves no place along its edges.
BUS = (0.0, 0.0, 120.0, 30.0)
ROW = [(x, 0.0, x + 8, 200.0) for x in range(120, 640, 16)] + [(x, 30.0, x + 8, 60.0) for x in range(0, 120, 16)]


@pytest.mark.parametrize(("unsure", "there"), [(0.1, True), (0.44, True), (0.46, False), (0.9, False)])
def test_small_boxes_give_way_to_the_tag_of_one_that_is_far_surer(unsure: float, there: bool) -> None:
    boxes = np.array([BUS, *ROW])
    scores = np.array([0.9] + [unsure] * len(ROW))
    assert (Tags(boxes, 640, 480, 20, scores=scores).place((0, 0, 120, 30), [90]) is not None) == there


def test_where_another_place_is_free_no_small_box_is_covered() -> None:
    boxes = np.array([(200, 200, 400, 400), (200, 185, 210, 195)])
    spot = Tags(boxes, 640, 480, 20, scores=np.array([0.9, 0.1])).place((200, 200, 400, 400), [80])
    assert spot == (0, (320, 180, 400, 200))


def test_an_abbreviation_is_taken_only_where_nothing_else_has_room() -> None:
    # Small boxes leave a gap of 50 pixels above the one in question.
    sides = [(x, 0, x + 8, 480) for x in (*range(4, 100, 8), *range(150, 640, 8))]
    rows = [(100, y, 150, y + 8) for y in range(60, 480, 8)]
    boxes = np.array([(100, 40, 150, 60), (100, 0, 150, 20), *sides, *rows])
    for short, want in ((None, 1), (2, 1), (1, 1)):
        spot = Tags(boxes, 640, 480, 20).place((100, 40, 150, 60), [90, 45, 20], short)
        assert spot is not None and spot[0] == want
    # On a joint, a shorter text that keeps off it is better; an abbreviation is not.
    joint = np.array([(105.0, 30.0)])
    for short, want in ((None, 1), (1, 0)):
        spot = Tags(boxes, 640, 480, 20, joint).place((100, 40, 150, 60), [48, 30], short)
        assert spot is not None and spot[0] == want


def test_a_tag_keeps_a_line_between_itself_and_the_next() -> None:
    boxes = np.array([(100, 100, 180, 300), (180, 100, 260, 300)])
    tags = Tags(boxes, 640, 480, 20)
    assert tags.place((100, 100, 180, 300), [80]) == (0, (100, 80, 180, 100))
    second = tags.place((180, 100, 260, 300), [80])
    assert second == (0, (180, 300, 260, 320))
