import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as compiled

from visioncli.geometry.masks import areas, bounding_boxes, pairwise_iou, run_lengths, to_rle


@st.composite
def bitmaps(draw):
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    seed, share = draw(st.integers(0, 2**16)), draw(st.sampled_from([0.0, 0.1, 0.5, 0.97, 1.0]))
    return np.asfortranarray(np.random.default_rng(seed).random((height, width)) < share, np.uint8)


def runs_of(bitmap):
    flat = bitmap.reshape(-1, order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, len(flat)]).tolist()
    return runs if not flat[0] else [0, *runs]


@given(bitmaps())
def test_run_lengths_read_what_pycocotools_wrote(bitmap):
    assert run_lengths(compiled.encode(bitmap)["counts"]).tolist() == runs_of(bitmap)


@given(bitmaps())
def test_runs_as_numbers_and_as_text_are_the_same_mask(bitmap):
    height, width = bitmap.shape
    text = compiled.encode(bitmap)
    packed = {"size": [height, width], "counts": text["counts"].decode()}
    numbers = {"size": [height, width], "counts": runs_of(bitmap)}
    assert to_rle(packed, height, width)["counts"] == to_rle(numbers, height, width)["counts"]


@given(bitmaps(), st.integers(0, 2**16))
def test_mask_overlap_is_that_of_the_pixels(bitmap, seed):
    other = np.asfortranarray(np.random.default_rng(seed).random(bitmap.shape) < 0.5, np.uint8)
    one, two = compiled.encode(bitmap), compiled.encode(other)
    both, either = int((bitmap & other).sum()), int((bitmap | other).sum())
    got = pairwise_iou([one], [two], np.array([False]))[0, 0]
    assert got == pytest.approx(both / either if both else 0)
    inside = pairwise_iou([one], [two], np.array([True]))[0, 0]
    assert inside == pytest.approx(both / bitmap.sum() if both else 0)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
def test_a_polygon_and_the_runs_of_the_same_rectangle_agree(x, y, w, h):
    bitmap = np.zeros((48, 48), np.uint8, order="F")
    bitmap[y : y + h, x : x + w] = 1
    polygon = to_rle([[x, y, x + w, y, x + w, y + h, x, y + h]], 48, 48)
    runs = compiled.encode(bitmap)
    assert pairwise_iou([polygon], [runs], np.array([False]))[0, 0] == 1
    assert areas([polygon]).tolist() == [w * h]
    assert bounding_boxes([runs]).tolist() == [[x, y, w, h]]


def test_areas_take_more_masks_than_fit_eight_bits():
    one = to_rle([[0, 0, 4, 0, 4, 4, 0, 4]], 8, 8)
    assert areas([one] * 700).tolist() == [16.0] * 700


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        (None, "no mask"),
        ([], "no mask"),
        ([[1, 2, 3, 4]], "three points"),
        ([[1, 2, 3, 4, 5, float("nan")]], "finite"),
        ([[1, 2, 3, 4, 5, "6"]], "finite"),
        ([[0, 0, 1e12, 0, 0, 5]], "far outside"),
        ({"size": [8], "counts": [64]}, "size"),
        ({"size": [8, 8], "counts": [63]}, "cover 63 pixels"),
        ({"size": [8, 8], "counts": [70, -6]}, "none negative"),
        ({"size": [8, 8], "counts": "~~~"}, "no run-length encoding"),
        ({"size": [8, 8], "counts": "P"}, "cut off"),
        ({"size": [8, 8], "counts": 5}, "text or a list"),
        ({"size": [9, 9], "counts": [81]}, "its picture is 8 x 8"),
    ],
)
def test_damaged_masks_are_refused_before_compiled_code_sees_them(segmentation, words):
    with pytest.raises(ValueError, match=words):
        to_rle(segmentation, 8, 8)


def test_masks_of_different_sizes_cannot_be_compared():
    one, two = to_rle({"size": [8, 8], "counts": [64]}, 0, 0), to_rle({"size": [8, 9], "counts": [72]}, 0, 0)
    with pytest.raises(ValueError, match="different sizes"):
        pairwise_iou([one], [two], np.array([False]))


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ({"size": [2, 2], "counts": [2**63, 4]}, "a run longer than its 4 pixels"),
        ({"size": [2, 2], "counts": [2**62, 2**62, 2**62, 2**62, 4]}, "a run longer than its 4 pixels"),
        ({"size": [2**40, 2**40], "counts": [2**80]}, "four thousand million pixels"),
        ([[0, 0, 10**400, 0, 5, 5]], "not a finite number|far outside"),
        ([[0, 0, 1e300, 0, 5, 5]], "far outside"),
        ([[9e4, -9e4, -9e4, 9e4] * 30], "the outline of the mask is longer than 4,000,000 pixels"),
    ],
)
def test_masks_that_would_take_hours_or_all_memory_are_refused(segmentation, words):
    with pytest.raises(ValueError, match=words):
        to_rle(
            segmentation, 0 if isinstance(segmentation, dict) else 100, 0 if isinstance(segmentation, dict) else 100
        )


def test_a_polygon_in_a_picture_beyond_32_bits_is_refused():
    with pytest.raises(ValueError, match="four thousand million pixels"):
        to_rle([[0, 0, 5, 0, 5, 5]], 1 << 20, 1 << 20)
