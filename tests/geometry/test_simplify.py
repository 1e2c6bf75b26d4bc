import math
import sys

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from visioncli.errors import ModelUnavailable
from visioncli.geometry.outlines import polygons
from visioncli.geometry.simplify import simplified, simplified_line
from visioncli.predictions import Polygon

COARSE = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
TOLERANCES = st.floats(0.1, 6)


def shapes(parts: tuple[Polygon, ...]) -> shapely.MultiPolygon:
    return shapely.MultiPolygon(
        [
            shapely.Polygon(np.reshape(p.exterior, (-1, 2)), [np.reshape(hole, (-1, 2)) for hole in p.holes])
            for p in parts
        ]
    )


@given(COARSE, st.integers(1, 4), TOLERANCES)
def test_pixels_change_sides_only_within_the_tolerance(coarse: np.ndarray, times: int, tolerance: float) -> None:
    mask = coarse.repeat(times, 0).repeat(times, 1)
    exact, coarser = shapes(polygons(mask)), shapes(simplified(polygons(mask), tolerance))
    ys, xs = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    drawn = shapely.contains_xy(coarser, xs, ys)
    away = shapely.distance(shapely.points(xs, ys), exact.boundary)
    assert (away[drawn != mask] <= tolerance + 1e-9).all()


@given(COARSE, st.integers(1, 4), TOLERANCES)
def test_outlines_stay_valid_and_within_the_tolerance(coarse: np.ndarray, times: int, tolerance: float) -> None:
    mask = coarse.repeat(times, 0).repeat(times, 1)
    parts = polygons(mask)
    found = simplified(parts, tolerance)
    assert len(found) == len(parts)
    assert shapely.is_valid(shapes(found)), shapely.is_valid_reason(shapes(found))
    if parts:
        assert shapely.hausdorff_distance(shapes(found).boundary, shapes(parts).boundary) <= tolerance + 1e-9


def test_steps_of_a_slanting_edge_go() -> None:
    mask = np.tri(40, dtype=bool)
    (exact,), (found,) = polygons(mask), simplified(polygons(mask), 1.0)
    assert len(exact.exterior) > 150
    assert len(found.exterior) <= 10


def test_without_a_tolerance_nothing_changes_and_nothing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shapely", None)
    parts = polygons(np.tri(9, dtype=bool))
    assert simplified(parts, 0) is parts
    with pytest.raises(ModelUnavailable, match=r"shapely.*visioncli\[lines\]"):
        simplified(parts, 1)


@given(hnp.arrays(np.float64, st.tuples(st.integers(2, 30), st.just(2)), elements=st.floats(0, 50)), TOLERANCES)
def test_a_line_keeps_its_ends_and_stays_within_the_tolerance(points: np.ndarray, tolerance: float) -> None:
    found = simplified_line(points, tolerance)
    np.testing.assert_array_equal(found[[0, -1]], points[[0, -1]])
    line = shapely.LineString(found)
    assert max(shapely.distance(shapely.points(points), line)) <= tolerance + 1e-9
    assert math.isfinite(line.length)
