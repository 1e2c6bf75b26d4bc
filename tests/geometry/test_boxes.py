import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.geometry.boxes import BoxFormat, Metric, from_corners, paired_coco_iou, pairwise, to_corners

coordinate = st.floats(-1e4, 1e4, allow_nan=False)
size = st.floats(0.01, 1e4)


@st.composite
def boxes(draw, most=6):
    rows = draw(st.lists(st.tuples(coordinate, coordinate, size, size), min_size=1, max_size=most))
    return np.array([[x, y, x + w, y + h] for x, y, w, h in rows])


@given(boxes(), boxes())
def test_symmetric_measures_do_not_care_about_the_order(a, b):
    for metric in (Metric.IOU, Metric.GIOU, Metric.DIOU, Metric.CIOU):
        assert np.allclose(pairwise(a, b, metric), pairwise(b, a, metric).T, atol=1e-9)


@given(boxes())
def test_every_measure_is_one_on_the_box_itself(a):
    for metric in Metric:
        assert np.allclose(np.diag(pairwise(a, a, metric)), 1, atol=1e-6)


@given(boxes(), boxes())
def test_measures_stay_in_their_ranges(a, b):
    iou = pairwise(a, b)
    assert ((iou >= 0) & (iou <= 1 + 1e-9)).all()
    ioa = pairwise(a, b, "ioa")
    assert ((ioa >= 0) & (ioa <= 1 + 1e-6)).all()
    for metric in ("giou", "diou"):
        values = pairwise(a, b, metric)
        assert ((values >= -1 - 1e-9) & (values <= iou + 1e-9)).all()
    assert (pairwise(a, b, "ciou") <= pairwise(a, b, "diou") + 1e-9).all()


@given(boxes(), boxes())
def test_boxes_apart_have_no_overlap_and_a_negative_giou(a, b):
    apart = b + (a.max() - b.min() + 1)
    assert (pairwise(a, apart) == 0).all()
    assert (pairwise(a, apart, "giou") < 0).all()


@given(boxes(), st.sampled_from(list(BoxFormat)))
def test_formats_convert_there_and_back(a, form):
    assert np.allclose(to_corners(from_corners(a, form), form), a, atol=1e-6)


@given(boxes(), boxes())
def test_shifting_both_sides_changes_nothing(a, b):
    assert np.allclose(pairwise(a, b), pairwise(a + 64, b + 64), atol=1e-6)


def test_known_values():
    a, b = [[10, 10, 50, 50]], [[20, 20, 60, 60]]
    assert pairwise(a, b)[0, 0] == pytest.approx(900 / 2300)
    assert pairwise(a, b, "ioa")[0, 0] == pytest.approx(900 / 1600)
    assert pairwise(a, b, "giou")[0, 0] == pytest.approx(900 / 2300 - 200 / 2500)
    assert pairwise(a, b, "diou")[0, 0] == pytest.approx(900 / 2300 - 200 / 5000)
    assert pairwise(a, b, "ciou")[0, 0] == pytest.approx(900 / 2300 - 200 / 5000)


def test_ciou_also_counts_the_difference_of_shapes():
    wide, tall = [[0, 0, 4, 1]], [[1.5, -1.5, 2.5, 2.5]]
    v = 4 / np.pi**2 * (np.arctan(4) - np.arctan(1 / 4)) ** 2
    iou = 1 / 7
    assert pairwise(wide, tall, "ciou")[0, 0] == pytest.approx(iou - v * v / (1 - iou + v))


def test_boxes_without_area_overlap_nothing_and_divide_by_nothing():
    point = [[5, 5, 5, 5]]
    for metric in ("iou", "ioa"):
        assert pairwise(point, point, metric)[0, 0] == 0
    assert pairwise(point, [[0, 0, 10, 10]])[0, 0] == 0
    assert pairwise([[0, 0, 0, 0]], [[4, 3, 4, 3]], "giou")[0, 0] == -1


def test_blocks_do_not_show():
    rng = np.random.default_rng(0)
    a, b = (np.sort(rng.random((n, 2, 2)) * 50, axis=1).reshape(n, 4) for n in (700, 333))
    whole = pairwise(a, b, "giou")
    assert np.array_equal(whole[123:125], pairwise(a[123:125], b, "giou"))
    assert np.array_equal(pairwise(a, b[:0]), np.empty((700, 0)))


@pytest.mark.parametrize("shape", [(5000, 5000), (100_000, 100)])
def test_large_matrices_take_little_beside_the_result(shape):
    rng = np.random.default_rng(0)
    a, b = (np.sort(rng.random((n, 2, 2)) * 500, axis=1).reshape(n, 4) for n in shape)
    tracemalloc.start()
    pairwise(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400e6


@pytest.mark.parametrize(
    ("box", "form", "words"),
    [
        ([50, 10, 10, 50], "xyxy", "swapped"),
        ([1, 2, float("nan"), 4], "xyxy", "not finite"),
        ([1, 2, -3, 4], "xywh", "negative"),
        ([1, 2, 3, -4], "cxcywh", "negative"),
    ],
)
def test_wrong_boxes_are_refused(box, form, words):
    with pytest.raises(ValueError, match=words):
        to_corners([box], form)


@given(boxes(), boxes())
def test_paired_overlap_is_that_of_pycocotools(a, b):
    from pycocotools import mask

    n = min(len(a), len(b))
    d, g = from_corners(a[:n], "xywh"), from_corners(b[:n], "xywh")
    crowd = np.arange(n) % 2 == 1
    reference = [float(mask.iou(d[i : i + 1], g[i : i + 1], [int(crowd[i])])[0, 0]) for i in range(n)]
    assert paired_coco_iou(d, g, crowd).tolist() == reference
