import json
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sinks.samples import record, ring, segment
from visioncli.pictures.georeference import Georeference
from visioncli.sinks.map_features import Shapes, collection, features, reference_members
from visioncli.tasks.segment.masks import bounding_box

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
WORLDS = st.sampled_from(
    [
        None,
        Georeference((0.3, 0, 512345.6, 0, -0.3, 5412345.6), 32633),
        Georeference((1e-5, 0, 13.4, 0, -1e-5, 52.5), 4326, geographic=True),
        Georeference((0.2, 0.7, -100, 0.7, -0.2, 50), 25833),
        Georeference((250, 0, 0, 0, 250, 0)),
    ]
)


def made(mask: np.ndarray, world: Georeference | None = None, shapes: Shapes = Shapes(), **more: Any) -> list[Any]:  # noqa: B008
    body = record("segment", "a.tif", segment(mask, **more), size=(mask.shape[1], mask.shape[0]))
    return [json.loads(feature) for feature in features(body, world, shapes)]


def geometry(feature: dict[str, Any]) -> Any:
    return shapely.from_geojson(json.dumps(feature["geometry"]))


@given(MASKS, WORLDS)
def test_polygons_drawn_again_give_the_mask_back(mask: np.ndarray, world: Georeference | None) -> None:
    found = [geometry(f) for f in made(mask, world)]
    assert all(shapely.is_valid(polygon) for polygon in found)
    ys, xs = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    middles = np.stack([xs.ravel(), ys.ravel()], axis=1)
    x, y = (middles if world is None else world.apply(middles)).T
    times = sum((shapely.contains_xy(polygon, x, y).astype(int) for polygon in found), np.zeros(len(x), int))
    np.testing.assert_array_equal(times.reshape(mask.shape), mask.astype(int))


@given(MASKS, WORLDS)
def test_rings_are_closed_and_follow_the_right_hand_rule(mask: np.ndarray, world: Georeference | None) -> None:
    for feature in made(mask, world):
        outer, *holes = feature["geometry"]["coordinates"]
        assert outer[0] == outer[-1] and shapely.is_ccw(shapely.LinearRing(outer))
        for hole in holes:
            assert hole[0] == hole[-1] and not shapely.is_ccw(shapely.LinearRing(hole))


def test_each_part_of_a_class_is_a_feature_with_its_pixels() -> None:
    found = made(ring())
    assert sorted(f["properties"]["area"] for f in found) == [200, 1600]
    assert {f["geometry"]["type"] for f in found} == {"Polygon"}
    for f in found:
        assert {k: v for k, v in f["properties"].items() if k != "area"} == {
            "label": "cat",
            "label_id": 8,
            "input": "photos/a.tif",
        }


def test_an_object_in_parts_is_one_feature_with_its_score() -> None:
    (found,) = made(ring(), score=0.75, box=bounding_box(ring()))
    assert found["geometry"]["type"] == "MultiPolygon"
    assert (found["properties"]["area"], found["properties"]["score"]) == (1800, 0.75)
    assert geometry(found).area == 1800


def test_sizes_are_given_in_the_worlds_units_too() -> None:
    world = Georeference((0.5, 0, 1000, 0, -0.5, 2000), 32633)
    mask = np.zeros((40, 100), bool)
    mask[10:21, :] = True
    polygon, line = made(mask, world, Shapes(thin=frozenset({8})))
    assert polygon["properties"]["area"] == 1100
    assert polygon["properties"]["world_area"] == geometry(polygon).area == 275
    assert line["geometry"]["type"] == "LineString"
    assert line["properties"]["length"] == pytest.approx(100, abs=1)
    assert line["properties"]["world_length"] == pytest.approx(50, abs=0.5)
    assert geometry(line).length == pytest.approx(line["properties"]["world_length"], abs=1e-3)


def test_degrees_are_no_units_of_size() -> None:
    (found,) = made(np.ones((2, 2), bool), Georeference((1e-5, 0, 13, 0, -1e-5, 52), 4326, geographic=True))
    assert "world_area" not in found["properties"]


def test_only_thin_classes_have_lines() -> None:
    assert all(f["geometry"]["type"] == "Polygon" for f in made(ring(), None, Shapes(thin=frozenset({7}))))


def test_a_tolerance_takes_corners_away_and_leaves_the_areas() -> None:
    mask = np.tri(30, dtype=bool)
    (exact,), (found,) = made(mask), made(mask, None, Shapes(tolerance=1.0))
    assert len(found["geometry"]["coordinates"][0]) < len(exact["geometry"]["coordinates"][0]) / 5
    assert found["properties"]["area"] == exact["properties"]["area"] == mask.sum()


@pytest.mark.parametrize(
    ("world", "members"),
    [
        (None, {"crs": None, "coordinates": "pixels"}),
        (Georeference((1, 0, 0, 0, 1, 0)), {"crs": None, "coordinates": "world"}),
        (Georeference((1, 0, 0, 0, 1, 0), 4326, geographic=True), {"coordinates": "world"}),
        (
            Georeference((1, 0, 0, 0, 1, 0), 32633),
            {
                "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}},
                "coordinates": "world",
            },
        ),
    ],
)
def test_the_reference_system_is_named_as_gdal_reads_it(world: Georeference | None, members: dict[str, Any]) -> None:
    assert reference_members(world) == members


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_collection_has_a_feature_a_line(count: int) -> None:
    text = b"".join(collection(reference_members(None), [b'{"type":"Feature"}'] * count))
    assert len(json.loads(text)["features"]) == count
    assert len(text.splitlines()) == count + 2
