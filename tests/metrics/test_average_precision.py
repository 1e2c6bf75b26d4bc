import numpy as np
import pytest

from visioncli.metrics.average_precision import (
    DETECTION,
    coco_hits,
    official_numbers,
    voc_areas,
    voc_average_precision,
    voc_partners,
)
from visioncli.metrics.engines import Engine, curves
from visioncli.metrics.pairs import Kind, cells, find_pairs

from .samples import sample


def test_both_areas_of_a_known_curve():
    """Four objects; detections right, wrong, right, right."""
    recall, precision = np.array([0.25, 0.25, 0.5, 0.75]), np.array([1, 0.5, 2 / 3, 0.75])
    eleven, every = voc_areas(recall, precision)
    assert every == pytest.approx((1 + 0.75 + 0.75) / 4)
    assert eleven == pytest.approx((3 * 1 + 5 * 0.75) / 11)


def test_no_detections_give_zero_and_no_truth_gives_nothing():
    assert voc_areas(np.empty(0), np.empty(0)) == (0.0, 0.0)
    data = sample(3)
    empty = data.detections.take(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    nothing = find_pairs(Kind.BOXES, data.truth, empty, np.zeros(len(data.truth), np.int64), empty.image, 0.5)
    partner = voc_partners(data.truth, empty, nothing, 0.5)
    eleven, every = voc_average_precision(data.truth, empty, partner, 9)
    assert np.isnan(eleven[8]) and np.isnan(every[8])
    assert set(every[~np.isnan(every)]) == {0.0}


def devkit(truth, detections, k, threshold):
    """The procedure of the VOC development kit, object by object."""
    rows = np.flatnonzero(detections.category == k)
    rows = rows[np.argsort(-detections.score[rows], kind="stable")]
    taken, right, wrong = set(), [], []
    for d in rows:
        best, found = threshold, None
        for g in np.flatnonzero((truth.category == k) & (truth.image == detections.image[d])):
            x1, y1 = np.maximum(detections.boxes[d, :2], truth.boxes[g, :2])
            x2, y2 = np.minimum(detections.boxes[d, 2:], truth.boxes[g, 2:])
            inside = max(0, x2 - x1) * max(0, y2 - y1)
            iou = inside / (detections.xywh[d, 2:].prod() + truth.xywh[g, 2:].prod() - inside)
            if iou > best or (found is None and iou >= best):
                best, found = iou, g
        if found is not None and truth.ignore[found]:
            continue
        hit = found is not None and found not in taken
        taken.add(found)
        right.append(hit)
        wrong.append(not hit)
    right, wrong = np.cumsum(right), np.cumsum(wrong)
    total = np.count_nonzero((truth.category == k) & ~truth.ignore)
    return voc_areas(right / total, right / (right + wrong)) if total else (np.nan, np.nan)


@pytest.mark.parametrize("seed", range(40))
def test_voc_numbers_follow_the_development_kit(seed):
    data = sample(seed)
    data.truth.crowd[:] = False
    classes = len(data.categories)
    pairs = find_pairs(
        Kind.BOXES,
        data.truth,
        data.detections,
        cells(data.truth.image, data.truth.category, classes),
        cells(data.detections.image, data.detections.category, classes),
        0.5,
    )
    partner = voc_partners(data.truth, data.detections, pairs, 0.5)
    eleven, every = voc_average_precision(data.truth, data.detections, partner, classes)
    expected = [devkit(data.truth, data.detections, k, 0.5) for k in range(classes)]
    assert np.allclose(eleven, [e[0] for e in expected], equal_nan=True)
    assert np.allclose(every, [e[1] for e in expected], equal_nan=True)


def test_numbers_without_truth_of_that_size_are_undefined():
    data = sample(3)
    data.truth.area[:] = 100.0
    pairs = find_pairs(Kind.BOXES, data.truth, data.detections, data.truth.image, data.detections.image, 0.5)
    hits = coco_hits(data.truth, data.detections, pairs, len(data.categories), DETECTION)
    numbers = official_numbers(curves(Engine.NUMPY, Kind.BOXES, data, hits))
    assert np.isnan(numbers["AP_large"]) and np.isnan(numbers["AR_large"])
    assert not np.isnan(numbers["AP_small"])
