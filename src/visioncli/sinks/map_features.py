"""Segments -> features of GeoJSON (RFC 7946), in pixels or in the world's coordinates."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from visioncli.geometry.centre_lines import centre_lines
from visioncli.geometry.outlines import polygons
from visioncli.geometry.simplify import simplified
from visioncli.pictures.georeference import Georeference
from visioncli.predictions import Polygon, Segment
from visioncli.results import Record

LINE_TOLERANCE = 1.0
"""Pixels that centre lines may be simplified by where nothing else is asked for: the steps of a skeleton."""
WGS84 = 4326


@dataclass(frozen=True, slots=True)
class Shapes:
    """How masks become shapes: `tolerance` in pixels, None for exact outlines; `thin` have centre lines too."""

    tolerance: float | None = None
    thin: frozenset[int] = frozenset()


def reference_members(world: Georeference | None) -> dict[str, Any]:
    """The members of a FeatureCollection that say what its coordinates are.

    `crs` is that of GeoJSON 2008, which QGIS and GDAL read: null where there is no reference system or none is known;
    it is left out for WGS 84, which RFC 7946 takes for granted.
    """
    members: dict[str, Any] = {"coordinates": "pixels" if world is None else "world"}
    if world is None or world.epsg is None:
        return {"crs": None} | members
    if world.epsg == WGS84:
        return members
    return {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{world.epsg}"}}} | members


def features(record: Record, world: Georeference | None, shapes: Shapes) -> Iterator[bytes]:
    """The features of one success, each as JSON: a polygon for each part of a class, all parts of an object as one,
    and the centre lines of thin classes. Raises ModelUnavailable where a library is missing."""
    placed = _Placed(world)
    for segment in record.predictions or ():
        mask = segment.mask.decode()
        common = {"label": segment.label, "label_id": segment.label_id, "input": record.input}
        if segment.score is not None:
            common["score"] = round(segment.score, 6)
        exact = segment.polygons or polygons(mask)
        shown = simplified(exact, shapes.tolerance or 0)
        if _is_object(segment):
            yield placed.parts(shown, segment.area, common)
        else:
            for part, drawn in zip(exact, shown, strict=True):
                yield placed.parts((drawn,), _area(part), common)
        if segment.label_id in shapes.thin:
            tolerance = LINE_TOLERANCE if shapes.tolerance is None else shapes.tolerance
            for line in centre_lines(mask, tolerance):
                yield placed.line(line, common)


def _is_object(segment: Segment) -> bool:
    """Whether it is one thing, in however many parts, and not all pixels of a class."""
    return segment.box is not None


class _Placed:
    """Shapes in the coordinates that the document has."""

    def __init__(self, world: Georeference | None) -> None:
        self._world = world
        # To a thousandth of a pixel or finer: files are no longer than they must be.
        side = 1.0 if world is None else world.pixel_side
        self._decimals = max(0, 3 - math.floor(math.log10(side)))
        self._measured = world is not None and not world.geographic

    def parts(self, parts: tuple[Polygon, ...], area: int, common: dict[str, Any]) -> bytes:
        """A polygon, or several as one feature; `area` are its pixels."""
        rings = [[self._ring(ring, outer=not n) for n, ring in enumerate((p.exterior, *p.holes))] for p in parts]
        several = len(rings) > 1
        geometry = {"type": "MultiPolygon" if several else "Polygon", "coordinates": rings if several else rings[0]}
        measures: dict[str, float] = {"area": area}
        if self._world is not None and self._measured:
            measures["world_area"] = _rounded(area * self._world.pixel_area)
        return _feature(geometry, common | measures)

    def line(self, points: np.ndarray, common: dict[str, Any]) -> bytes:
        """A line; its length is that of what is drawn."""
        measures = {"length": _rounded(_length(points))}
        if self._world is not None and self._measured:
            measures["world_length"] = _rounded(_length(self._world.apply(points)))
        return _feature({"type": "LineString", "coordinates": self._coordinates(points)}, common | measures)

    def _ring(self, ring: tuple[float, ...], *, outer: bool) -> list[list[float]]:
        """A closed ring: by its numbers counterclockwise where it is outer, else clockwise (RFC 7946, 3.1.6)."""
        points = np.reshape(ring, (-1, 2))
        found = points if self._world is None else self._world.apply(points)
        # Relative to one corner: the world's coordinates are so large that their products lose the area.
        x, y = (found - found[0]).T
        counterclockwise = float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y)) > 0
        closed = self._coordinates(points if counterclockwise == outer else points[::-1])
        return [*closed, closed[0]]

    def _coordinates(self, points: np.ndarray) -> list[list[float]]:
        placed = points if self._world is None else self._world.apply(points)
        rounded: list[list[float]] = np.round(placed, self._decimals).tolist()
        return rounded


def _area(part: Polygon) -> int:
    """The pixels in a polygon along pixel edges."""
    sizes = []
    for ring in (part.exterior, *part.holes):
        x, y = np.reshape(ring, (-1, 2)).T
        sizes.append(abs(float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y))) / 2)
    return round(sizes[0] - sum(sizes[1:]))


def _length(points: np.ndarray) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")


def _feature(geometry: dict[str, Any], properties: dict[str, Any]) -> bytes:
    body = {"type": "Feature", "properties": properties, "geometry": geometry}
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", errors="backslashreplace")


def collection(members: dict[str, Any], of: Iterable[bytes]) -> Iterator[bytes]:
    """A FeatureCollection, a feature a line: the first line is what `head` gives, the last one is `TAIL`."""
    yield head(members)
    separator = b"\n"
    for feature in of:
        yield separator + feature
        separator = b",\n"
    yield TAIL


def head(members: dict[str, Any]) -> bytes:
    """The first line of a FeatureCollection, without its line end."""
    return json.dumps({"type": "FeatureCollection"} | members)[:-1].encode() + b', "features": ['


TAIL = b"\n]}\n"
