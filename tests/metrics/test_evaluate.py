import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import Annotations, Categories, Images
from visioncli.metrics.engines import Engine
from visioncli.metrics.evaluate import Settings, evaluate, picture_records

from .samples import sample


def objects(rows, truth):
    """Rows of image, class, x, y, w, h, and the score of a detection or `crowd`/`ignore` of a truth."""
    n = len(rows)
    xywh = np.array([r[2:6] for r in rows], float).reshape(-1, 4)
    last = [r[6] if len(r) > 6 else None for r in rows]
    return Annotations(
        image=np.array([r[0] for r in rows], np.int64),
        category=np.array([r[1] for r in rows], np.int64),
        xywh=xywh,
        area=xywh[:, 2] * xywh[:, 3],
        crowd=np.array([v == "crowd" for v in last], bool),
        ignore=np.array([v == "ignore" for v in last], bool),
        score=np.ones(n) if truth else np.array(last, float),
    )


def compare(truth, found, **options):
    names = ("a.jpg", "b.jpg", "c.jpg")
    data = Aligned(
        Images(names, np.zeros((3, 2), np.int64)),
        Categories(("cat", "dog", "cow")),
        objects(truth, True),
        objects(found, False),
        (),
    )
    return evaluate(data, Settings(engine=Engine.NUMPY, **options), "truth", "found")


BOX = (0, 0, 10, 10)
FAR = (50, 50, 10, 10)


def test_counts_of_a_known_comparison():
    done = compare(
        [(0, 0, *BOX), (0, 1, *FAR), (1, 0, *BOX)],
        [(0, 0, 0, 0, 10, 8, 0.9), (0, 0, *BOX, 0.8), (0, 0, *FAR, 0.7), (2, 2, *BOX, 0.6)],
    )
    total = done.report.total
    assert (total.truth, total.matched, total.missed, total.spurious) == (3, 1, 2, 3)
    assert total.mean_iou == pytest.approx(0.8)
    assert total.precision == pytest.approx(1 / 4)
    assert total.recall == pytest.approx(1 / 3)
    assert total.f1 == pytest.approx(2 / 7)
    assert done.report.confusion.labels == ("cat", "dog", "cow")
    assert done.report.confusion.counts.tolist() == [[1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert done.confused is not None
    pairs = [
        (int(done.data.truth.category[g]), int(done.data.detections.category[d]))
        for g, d in zip(*done.confused, strict=True)
    ]
    assert pairs == [(1, 0)]


def test_detections_on_crowds_and_ignored_objects_count_neither_way():
    crowd = compare([(0, 0, *BOX, "crowd")], [(0, 0, *BOX, 0.9), (0, 0, 2, 2, 3, 3, 0.8)]).report.total
    assert (crowd.truth, crowd.matched, crowd.spurious) == (0, 0, 0)
    ignored = compare([(0, 0, *BOX, "ignore")], [(0, 0, *BOX, 0.9), (0, 0, *BOX, 0.8)]).report.total
    assert (ignored.truth, ignored.matched, ignored.spurious) == (0, 0, 1)


def test_the_score_bound_thins_the_counts_but_not_the_average_precision():
    truth, found = [(0, 0, *BOX)], [(0, 0, *BOX, 0.3)]
    low, high = compare(truth, found), compare(truth, found, score=0.5)
    assert (high.report.total.matched, high.report.total.missed) == (0, 1)
    assert low.report.official == pytest.approx(high.report.official, nan_ok=True)


def test_thresholds_below_and_at_one_work():
    truth, found = [(0, 0, *BOX)], [(0, 0, 0, 0, 10, 4, 0.9)]
    assert compare(truth, found, iou=0.4).report.total.matched == 1
    assert compare(truth, found, iou=0.41).report.total.matched == 0
    assert compare(truth, [(0, 0, *BOX, 1.0)], iou=1.0).report.total.matched == 1


def test_nothing_on_either_side_is_undefined_and_null_in_json():
    body = compare([], []).report.to_json()
    assert body["total"] == {
        "truth": 0, "matched": 0, "missed": 0, "spurious": 0,
        "mean_iou": None, "precision": None, "recall": None, "f1": None,
    }  # fmt: skip
    assert set(body["coco"].values()) == {None}
    json.dumps(body, allow_nan=False)


def test_no_detections_give_zero():
    body = compare([(0, 0, *BOX)], []).report.to_json()
    assert body["coco"]["AP"] == 0 and body["voc"]["voc_ap"] == 0 and body["total"]["recall"] == 0


def test_pictures_come_worst_first_with_every_match():
    done = compare([(0, 0, *BOX), (1, 0, *BOX), (1, 1, *FAR)], [(0, 0, *BOX, 0.9), (1, 0, 0, 0, 10, 9, 0.8)])
    records = list(picture_records(done))
    assert [r["image"] for r in records] == ["b.jpg", "a.jpg", "c.jpg"]
    worst = records[0]
    assert worst["matches"] == [
        {"label": "cat", "prediction": 1, "box": [0.0, 0.0, 10.0, 9.0], "score": 0.8, "truth": 1, "iou": 0.9}
    ]
    assert worst["missed_objects"] == [{"label": "dog", "truth": 2, "box": [50.0, 50.0, 60.0, 60.0]}]
    json.dumps(records, allow_nan=False)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**20), st.sampled_from([0.3, 0.5, 0.75]))
def test_the_parts_of_a_report_add_up(seed, threshold):
    data = sample(seed)
    done = evaluate(data, Settings(iou=threshold, engine=Engine.NUMPY), "t", "p")
    total, counts = done.report.total, done.report.confusion.counts
    assert total.truth == np.count_nonzero(~data.truth.crowd & ~data.truth.ignore) == counts[:-1].sum()
    assert total.matched == counts.diagonal().sum()
    assert total.matched + total.spurious == np.count_nonzero(~done.void) == counts[:, :-1].sum()
    records = list(picture_records(done))
    for name, key in (("matched", "matches"), ("missed", "missed_objects"), ("spurious", "spurious_objects")):
        assert getattr(total, name) == sum(len(r[key]) for r in records)
    used = done.matched[(done.matched >= 0) & ~done.void]
    assert len(set(used.tolist())) == len(used)
    assert (done.overlap[(done.matched >= 0)] >= threshold).all()
