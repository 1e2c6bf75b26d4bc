import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

from visioncli.results import Polygon, Rle
from visioncli.tasks.segment.masks import bounding_box, decode, encode, polygons, segment_fields

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def area(ring: tuple[float, ...]) -> float:
    x, y = np.array(ring[::2]), np.array(ring[1::2])
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y))) / 2


def filled(parts: tuple[Polygon, ...], height: int, width: int) -> np.ndarray:
    """The polygons drawn by Pillow, ten pixels for one, and looked at in the middle of each pixel."""
    image = Image.new("1", (width * 10, height * 10))
    pen = ImageDraw.Draw(image)
    for part in parts:
        for ring, ink in ((part.exterior, 1), *((hole, 0) for hole in part.holes)):
            pen.polygon([10 * v - 0.5 for v in ring], fill=ink)
    return np.asarray(image)[5::10, 5::10]


@given(MASKS)
def test_a_mask_comes_back_from_its_run_lengths(mask: np.ndarray) -> None:
    encoded = encode(mask)
    assert encoded.size == mask.shape
    np.testing.assert_array_equal(decode(encoded), mask)


@given(MASKS)
def test_polygons_have_the_masks_area_and_its_pixels(mask: np.ndarray) -> None:
    parts = polygons(mask)
    assert sum(area(p.exterior) - sum(map(area, p.holes)) for p in parts) == mask.sum()
    # Parts that lie in holes of others are drawn after them.
    drawn = filled(tuple(sorted(parts, key=lambda p: -area(p.exterior))), *mask.shape)
    np.testing.assert_array_equal(drawn, mask)


@given(MASKS)
def test_polygon_corners_lie_on_pixel_edges_inside_the_picture(mask: np.ndarray) -> None:
    height, width = mask.shape
    for part in polygons(mask):
        for ring in (part.exterior, *part.holes):
            xs, ys = ring[::2], ring[1::2]
            assert all(v == int(v) for v in ring)
            assert min(xs) >= 0 and max(xs) <= width and min(ys) >= 0 and max(ys) <= height


@given(MASKS)
def test_run_lengths_and_polygons_agree_by_pycocotools(mask: np.ndarray) -> None:
    from pycocotools import mask as coco_mask

    height, width = mask.shape
    from_polygons = np.zeros(mask.shape, int)
    for part in polygons(mask):
        for ring, sign in ((part.exterior, 1), *((hole, -1) for hole in part.holes)):
            (drawn,) = coco_mask.frPyObjects([list(ring)], height, width)
            from_polygons += sign * coco_mask.decode(drawn).astype(int)
    np.testing.assert_array_equal(from_polygons > 0, decode(encode(mask)))


def test_a_ring_with_an_island_is_two_parts_and_one_hole() -> None:
    mask = np.ones((9, 9), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    parts = polygons(mask)
    assert sorted((area(p.exterior), [area(h) for h in p.holes]) for p in parts) == [(1, []), (81, [25])]


def test_pixels_that_touch_at_a_corner_are_separate_parts() -> None:
    assert len(polygons(np.eye(3, dtype=bool))) == 3


def test_an_empty_mask_has_no_polygons() -> None:
    assert polygons(np.zeros((3, 4), bool)) == ()


def test_run_lengths_are_those_of_coco() -> None:
    # From the COCO API's own encoder for a 2 x 2 mask whose left column is set.
    assert encode(np.array([[1, 0], [1, 0]])) == Rle((2, 2), "022")


def test_the_box_surrounds_the_pixels() -> None:
    mask = np.zeros((10, 20), bool)
    mask[3:5, 7:12] = True
    assert bounding_box(mask) == (7, 3, 12, 5)


def test_fields_follow_from_the_mask() -> None:
    mask = np.zeros((10, 20), bool)
    mask[3:5, 7:12] = True
    fields = segment_fields(mask, with_polygons=True)
    assert (fields["area"], fields["share"]) == (10, pytest.approx(0.05))
    assert fields["polygons"] == (Polygon((7.0, 3.0, 12.0, 3.0, 12.0, 5.0, 7.0, 5.0)),)
    assert segment_fields(mask, with_polygons=False)["polygons"] is None


@given(st.integers(1, 40), st.integers(1, 40))
def test_full_masks_of_any_size_are_one_rectangle(height: int, width: int) -> None:
    (part,) = polygons(np.ones((height, width), bool))
    assert area(part.exterior) == height * width
    assert len(part.exterior) == 8
