import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visioncli.errors import ModelUnavailable
from visioncli.geometry.centre_lines import centre_lines


def drawn(*roads: tuple[tuple[float, float], ...], width: int = 11, size: tuple[int, int] = (200, 160)) -> np.ndarray:
    image = Image.new("1", size)
    pen = ImageDraw.Draw(image)
    for road in roads:
        pen.line(road, fill=1, width=width, joint="curve")
    return np.asarray(image).copy()


def length(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def ends(lines: list[np.ndarray]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for line in lines for x, y in (line[0], line[-1])]


def test_a_straight_road_is_one_line_along_its_middle_from_end_to_end() -> None:
    mask = np.zeros((40, 100), bool)
    mask[10:21, 5:95] = True
    (line,) = centre_lines(mask)
    np.testing.assert_allclose(line[:, 1], 15.5, atol=0.6)
    assert sorted(line[[0, -1], 0]) == pytest.approx([5, 95], abs=1.5)


def test_a_road_that_leaves_the_picture_ends_at_its_border() -> None:
    (line,) = centre_lines(drawn(((-20, 50), (220, 90))))
    x = np.sort(line[[0, -1], 0])
    assert x[0] < 1 and x[1] > 199
    wanted = 50 + (line[:, 0] + 20) * 40 / 240
    assert np.abs(line[:, 1] - wanted).max() < 2


def test_a_crossing_is_one_point_that_four_lines_share() -> None:
    lines = centre_lines(drawn(((0, 80), (199, 80)), ((100, 0), (100, 159))))
    assert len(lines) == 4
    places = ends(lines)
    crossing = max(set(places), key=places.count)
    assert places.count(crossing) == 4
    assert crossing == pytest.approx((100.5, 80.5), abs=2)


def test_a_slanting_crossing_is_one_point_too() -> None:
    places = ends(centre_lines(drawn(((20, 20), (180, 120)), ((20, 120), (180, 20)))))
    assert len(places) == 8
    assert sorted(places.count(place) for place in set(places)) == [1, 1, 1, 1, 4]


def test_a_stub_that_is_shorter_than_the_road_is_wide_has_no_line_and_a_longer_one_has() -> None:
    road = ((0, 80), (199, 80))
    assert len(centre_lines(drawn(road, ((100, 80), (100, 92))))) == 1
    assert len(centre_lines(drawn(road, ((100, 80), (100, 130))))) == 3


def test_a_ring_road_is_a_closed_line() -> None:
    image = Image.new("1", (160, 160))
    ImageDraw.Draw(image).ellipse((20, 20, 140, 140), outline=1, width=9)
    (line,) = centre_lines(np.asarray(image))
    np.testing.assert_array_equal(line[0], line[-1])
    away = np.hypot(line[:, 0] - 80.5, line[:, 1] - 80.5)
    assert away == pytest.approx(56, abs=2)


def test_a_car_on_the_road_makes_no_loop() -> None:
    mask = drawn(((0, 80), (199, 80)))
    mask[79:83, 60:68] = False
    mask[78, 120] = mask[79, 121] = False
    (line,) = centre_lines(mask)
    assert np.abs(line[:, 1] - 80.5).max() < 3


def test_specks_have_no_line() -> None:
    mask = drawn(((0, 80), (199, 80)))
    mask[20:26, 30:36] = mask[10, 10:14] = True
    assert len(centre_lines(mask)) == 1


@pytest.mark.parametrize("tolerance", [0.0, 0.5, 1.0, 3.0])
def test_simplified_lines_are_within_the_tolerance_of_the_skeletons(tolerance: float) -> None:
    import shapely

    mask = drawn(((10, 30), (90, 40), (150, 120), (190, 130)))
    (full,), (line,) = centre_lines(mask, 0), centre_lines(mask, tolerance)
    assert shapely.hausdorff_distance(shapely.LineString(full), shapely.LineString(line)) <= tolerance + 1e-9
    assert len(line) <= len(full)


@pytest.mark.parametrize("seed", range(8))
def test_lines_of_ragged_roads_lie_in_the_mask_and_near_the_true_middle(seed: int) -> None:
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    way = tuple((float(x), 80 + float(y)) for x, y in zip(range(0, 201, 40), rng.integers(-30, 30, 6), strict=True))
    mask = drawn(way)
    frayed = ndimage.gaussian_filter(mask + rng.normal(0, 0.9, mask.shape), 1.5) > 0.5
    lines = centre_lines(frayed, 0)
    points = np.concatenate(lines)
    middle = ndimage.distance_transform_edt(~drawn(way, width=1))
    x, y = np.floor(points).astype(int).T
    assert frayed[y, x].mean() > 0.95
    assert np.median(middle[y, x]) < 2
    assert sum(map(length, lines)) == pytest.approx(sum(np.hypot(*np.diff(np.array(way), axis=0).T)), rel=0.25)


def test_nothing_and_everything_have_no_lines() -> None:
    assert centre_lines(np.zeros((9, 9), bool)) == []
    assert centre_lines(np.ones((9, 9), bool)) == []
    assert centre_lines(np.ones((1, 1), bool)) == []


@pytest.mark.parametrize("seed", range(20))
def test_noise_has_lines_whose_points_are_in_the_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 40, 2)
    for line in centre_lines(rng.random((height, width)) < rng.random()):
        assert line.shape[1] == 2 and len(line) >= 2
        assert (line >= 0).all() and (line <= (width, height)).all()


@pytest.mark.parametrize(("module", "named"), [("skimage.morphology", "scikit-image"), ("shapely", "shapely")])
def test_without_the_libraries_a_sentence_names_the_extra(
    module: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelUnavailable, match=rf"{named}.*visioncli\[lines\]"):
        centre_lines(np.eye(9, dtype=bool))
