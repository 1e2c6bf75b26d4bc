import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from visioncli.geometry.outlines import polygons
from visioncli.predictions import Polygon, Rle
from visioncli.tasks.segment.masks import bounding_box, decode, encode, segment_fields

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


@given(MASKS)
def test_a_mask_comes_back_from_its_run_lengths(mask: np.ndarray) -> None:
    encoded = encode(mask)
    assert encoded.size == mask.shape
    np.testing.assert_array_equal(decode(encoded), mask)


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
    assert sorted(zip(part.exterior[::2], part.exterior[1::2], strict=True)) == [
        (0, 0),
        (0, height),
        (width, 0),
        (width, height),
    ]
