"""Fewer corners for polygons and lines: Douglas and Peucker's method, by GEOS (https://shapely.readthedocs.io)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from visioncli.errors import missing_extra
from visioncli.predictions import Polygon


def simplified(parts: tuple[Polygon, ...], tolerance: float) -> tuple[Polygon, ...]:
    """The polygons of one mask with fewer corners, in the same order; no outline moves more than `tolerance` pixels.

    None crosses itself or another one of the mask. Raises ModelUnavailable where shapely is not installed.
    """
    if tolerance <= 0 or not parts:
        return parts
    shapely = _shapely()
    exact = [shapely.Polygon(_points(p.exterior), [_points(hole) for hole in p.holes]) for p in parts]
    # All at once, so that an island stays inside the hole that it lies in.
    whole = shapely.simplify(shapely.MultiPolygon(exact), tolerance, preserve_topology=True)
    found = list(shapely.get_parts(whole))
    if len(found) != len(exact) or not shapely.is_valid(whole):
        found = exact
    return tuple(Polygon(_flat(p.exterior), tuple(_flat(hole) for hole in p.interiors)) for p in found)


def simplified_line(points: np.ndarray, tolerance: float) -> np.ndarray:
    """`(N, 2)` points of a line -> fewer of them: its ends and those that keep it within `tolerance`.

    Raises ModelUnavailable where shapely is not installed.
    """
    if tolerance <= 0 or len(points) < 3:
        return points
    shapely = _shapely()
    line = shapely.simplify(shapely.LineString(points), tolerance, preserve_topology=True)
    found: np.ndarray = shapely.get_coordinates(line)
    return found


def check_shapely() -> None:
    """Raises ModelUnavailable where shapely is not installed."""
    _shapely()


def _shapely() -> Any:
    try:
        import shapely
    except ImportError:
        raise missing_extra("shapely", "lines") from None
    return shapely


def _points(ring: Sequence[float]) -> np.ndarray:
    return np.reshape(ring, (-1, 2))


def _flat(ring: Any) -> tuple[float, ...]:
    """A closed ring's numbers, without the first corner again."""
    return tuple(np.asarray(ring.coords)[:-1].ravel().tolist())
