import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.errors import UsageError
from visioncli.tasks.detect.detectors import Boxes, Limits
from visioncli.tasks.detect.tiles import Tiling, merge


def boxes(*rows: tuple[float, float, float, float, float, int]) -> Boxes:
    """Rows of x1, y1, x2, y2, score, category id."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


NOTHING = boxes()


@pytest.mark.parametrize(
    ("text", "size", "overlap"),
    [("640", 640, 0.2), ("640:0.3", 640, 0.3), ("640:30%", 640, 0.3), ("640:64", 640, 0.1), ("32:0", 32, 0.0)],
)
def test_overlap_is_a_share_a_percentage_or_pixels(text: str, size: int, overlap: float) -> None:
    tiling = Tiling.parse(text)
    assert (tiling.size, tiling.overlap) == (size, pytest.approx(overlap))


@pytest.mark.parametrize(
    "text", ["3", "31", "0", "-640", "640:0.95", "640:640", "640:-0.1", "640:nan", "x", "64:y", ":"]
)
def test_impossible_tiles_are_wrong_usage_that_shows_the_form(text: str) -> None:
    with pytest.raises(UsageError, match=r"--tile takes SIZE or SIZE:OVERLAP"):
        Tiling.parse(text)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(32, 200), st.floats(0, 0.9))
def test_windows_cover_every_pixel_and_stay_inside(width: int, height: int, size: int, overlap: float) -> None:
    windows = Tiling(size, overlap).windows(width, height)
    assert windows[0] == (0, 0, width, height)
    covered = np.zeros((height, width), bool)
    for x1, y1, x2, y2 in windows[1:]:
        assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
        assert (x2 - x1, y2 - y1) == (min(size, width), min(size, height))
        covered[y1:y2, x1:x2] = True
    assert len(windows) == 1 or covered.all()
    assert len(set(windows)) == len(windows)


@given(st.integers(33, 3000), st.integers(32, 400), st.floats(0, 0.9))
def test_neighbours_share_at_least_the_overlap(width: int, size: int, overlap: float) -> None:
    starts = [w[0] for w in Tiling(size, overlap).windows(width, 10)[1:]]
    assert all(b - a <= round(size * (1 - overlap)) + 1 for a, b in itertools.pairwise(starts))


def test_a_picture_that_one_tile_covers_is_not_tiled() -> None:
    assert Tiling(640).windows(640, 480) == [(0, 0, 640, 480)]


WINDOWS = [(0, 0, 300, 100), (0, 0, 100, 100), (100, 0, 200, 100), (200, 0, 300, 100)]


def test_objects_of_tiles_come_back_in_the_pictures_pixels() -> None:
    found = merge(WINDOWS, [NOTHING, NOTHING, boxes((20, 20, 40, 40, 0.9, 1)), NOTHING], Limits())
    assert found.boxes.tolist() == [[120, 20, 140, 40]]
    assert found.label_ids.tolist() == [1]


def test_an_object_that_two_windows_see_is_one_and_the_best_score_stays() -> None:
    whole, tile = boxes((119, 20, 141, 41, 0.6, 1)), boxes((20, 20, 40, 40, 0.9, 1))
    found = merge(WINDOWS, [whole, NOTHING, tile, NOTHING], Limits())
    assert found.scores.tolist() == pytest.approx([0.9])


def test_two_classes_in_one_place_stay_unless_agnostic() -> None:
    both = [boxes((119, 20, 141, 41, 0.6, 2)), NOTHING, boxes((20, 20, 40, 40, 0.9, 1)), NOTHING]
    assert merge(WINDOWS, both, Limits()).label_ids.tolist() == [1, 2]
    assert merge(WINDOWS, both, Limits(agnostic=True)).label_ids.tolist() == [1]


def test_an_object_that_an_inner_border_cuts_is_left_to_a_window_that_sees_it_whole() -> None:
    whole = boxes((80, 20, 160, 80, 0.5, 1))
    left, right = boxes((80, 20, 100, 80, 0.9, 1)), boxes((0, 20, 60, 80, 0.95, 1))
    found = merge(WINDOWS, [whole, left, right, NOTHING], Limits())
    assert found.boxes.tolist() == [[80, 20, 160, 80]]


def test_an_object_at_the_pictures_own_border_is_not_cut() -> None:
    found = merge(
        WINDOWS, [NOTHING, boxes((0, 0, 30, 100, 0.9, 1)), NOTHING, boxes((60, 0, 100, 100, 0.8, 1))], Limits()
    )
    assert len(found) == 2


def test_a_part_of_a_better_larger_object_of_its_class_is_no_object() -> None:
    whole = boxes((100, 0, 200, 100, 0.9, 1))
    head, other = boxes((40, 10, 60, 30, 0.5, 1)), boxes((40, 10, 60, 30, 0.5, 2))
    assert len(merge(WINDOWS, [whole, NOTHING, head, NOTHING], Limits())) == 1
    assert len(merge(WINDOWS, [whole, NOTHING, other, NOTHING], Limits())) == 2


def test_a_part_with_a_better_score_stays() -> None:
    found = merge(
        WINDOWS, [boxes((100, 0, 200, 100, 0.5, 1)), NOTHING, boxes((40, 10, 60, 30, 0.9, 1)), NOTHING], Limits()
    )
    assert len(found) == 2


def test_the_most_counts_after_merging() -> None:
    many = boxes(*((20 * n + 2, 20, 20 * n + 15, 40, 0.9 - n / 10, 1) for n in range(4)))
    found = merge(WINDOWS, [NOTHING, many, many, NOTHING], Limits(most=3))
    assert found.scores.tolist() == pytest.approx([0.9, 0.9, 0.8])


def test_windows_without_objects_merge_to_none() -> None:
    assert len(merge(WINDOWS, [NOTHING] * 4, Limits())) == 0
