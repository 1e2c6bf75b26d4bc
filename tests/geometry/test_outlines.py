import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

from visioncli.geometry.outlines import polygons
from visioncli.predictions import Polygon

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
def test_polygons_are_valid_alone_and_together(mask: np.ndarray) -> None:
    import shapely

    parts = [
        shapely.Polygon(np.reshape(p.exterior, (-1, 2)), [np.reshape(hole, (-1, 2)) for hole in p.holes])
        for p in polygons(mask)
    ]
    assert all(shapely.is_valid(part) for part in parts), [shapely.is_valid_reason(part) for part in parts]
    together = shapely.MultiPolygon(parts)
    assert shapely.is_valid(together), shapely.is_valid_reason(together)


@given(MASKS)
def test_there_is_a_polygon_for_each_part_that_scipy_finds(mask: np.ndarray) -> None:
    from scipy import ndimage

    numbers, count = ndimage.label(mask)
    found = sorted(area(p.exterior) - sum(map(area, p.holes)) for p in polygons(mask))
    assert found == sorted(np.bincount(numbers.ravel(), minlength=count + 1)[1:].tolist())


def test_a_ring_with_an_island_is_two_parts_and_one_hole() -> None:
    mask = np.ones((9, 9), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    parts = polygons(mask)
    assert sorted((area(p.exterior), [area(h) for h in p.holes]) for p in parts) == [(1, []), (81, [25])]


def test_a_part_that_comes_back_to_itself_at_a_corner_has_a_hole_there() -> None:
    mask = np.ones((3, 3), bool)
    mask[1, 1] = mask[0, 2] = False  # the middle is open at one corner only
    (part,) = polygons(mask)
    assert sorted(map(area, part.holes)) == [1]
    assert area(part.exterior) == 8
    corners = list(zip(part.exterior[::2], part.exterior[1::2], strict=True))
    assert len(set(corners)) == len(corners)


def test_pixels_that_touch_at_a_corner_are_separate_parts() -> None:
    assert len(polygons(np.eye(3, dtype=bool))) == 3


def test_an_empty_mask_has_no_polygons() -> None:
    assert polygons(np.zeros((3, 4), bool)) == ()


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8])
def test_numbers_count_as_masks_too(dtype: type) -> None:
    (part,) = polygons(np.ones((2, 3), dtype))
    assert set(zip(part.exterior[::2], part.exterior[1::2], strict=True)) == {(0, 0), (3, 0), (3, 2), (0, 2)}


@given(st.integers(1, 40), st.integers(1, 40))
def test_holes_belong_to_the_part_around_them(width: int, height: int) -> None:
    mask = np.zeros((height + 6, 2 * width + 12), bool)
    mask[:, : width + 6] = True
    mask[:, width + 7 :] = True
    mask[3 : height + 3, 3 : width + 3] = False
    holed = [p for p in polygons(mask) if p.holes]
    assert len(holed) == 1 and max(holed[0].exterior[::2]) == width + 6
