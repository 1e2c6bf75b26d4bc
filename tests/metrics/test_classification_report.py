import json

import numpy as np
import pytest

from visioncli.errors import UsageError
from visioncli.metrics.classification_report import multi_label_report, single_label_report
from visioncli.metrics.gates import look_up, look_up_interval, missed, parse_gates

from .agreement import several, single

LABELS = ("ant", "bee", "cow", "dog", "elk", "fox")
NUMBERS = {"top1", "top5", "macro_f1", "balanced_accuracy", "log_loss", "brier", "ece"}
MANY = {"mAP", "micro_f1", "macro_f1", "subset_accuracy", "hamming_loss", "log_loss", "brier"}


def one(seed=0, **options):
    return single_label_report(*single(seed), LABELS, **{"resamples": 50, **options})


def many(seed=0, **options):
    return multi_label_report(*several(seed), np.full(5, 0.4), LABELS[:5], **{"resamples": 50, **options})


@pytest.mark.parametrize(("report", "names"), [(one, NUMBERS), (many, MANY)])
def test_every_number_stands_in_json_with_its_interval(report, names):
    body = json.loads(json.dumps(report().to_json(), allow_nan=False))
    assert set(body["total"]) == set(body["intervals"]) == names
    for name, value in body["total"].items():
        low, high = body["intervals"][name]
        assert low <= value <= high, name
    row = body["classes"][0]
    assert set(row["intervals"]) == set(row) - {"label", "intervals", "threshold"}
    assert body["bootstrap"] == {"resamples": 50, "seed": 0}


def test_undefined_numbers_are_null():
    row = one().to_json()["classes"][-1]
    assert row["support"] == 0 and row["recall"] is None and row["intervals"]["recall"] is None


def test_without_resamples_there_are_no_intervals():
    report = one(resamples=0)
    assert report.intervals is None
    assert "intervals" not in report.to_json() and "intervals" not in report.to_json()["classes"][0]
    assert look_up_interval(report, "top1") is None


def test_gates_and_single_numbers_work_as_on_any_report():
    report = one()
    assert look_up(report, "top1", "--only") == report.totals["top1"]
    assert look_up(report, "recall[bee]", "--only") == report.by_class["recall"][1]
    assert (look_up_interval(report, "recall[bee]") == report.intervals.classes["recall"][:, 1]).all()
    assert (look_up_interval(report, "top1") == report.intervals.totals["top1"]).all()
    assert missed(report, parse_gates("top1=0.01")) == []
    assert missed(report, parse_gates("recall[fox]=0.5"))[0].startswith("recall[fox] is undefined")
    with pytest.raises(UsageError, match="no number called top_1"):
        look_up(report, "top_1", "--only")


def test_the_confusion_table_has_the_labels_and_several_labels_have_none():
    body = one().to_json()
    assert body["kind"] == "classes" and body["confusion"]["labels"] == list(LABELS)
    assert np.sum(body["confusion"]["counts"]) == body["pictures"] == 200
    assert many().to_json()["kind"] == "multi_label" and "confusion" not in many().to_json()


def test_thresholds_of_several_labels_are_said():
    assert [row["threshold"] for row in many().to_json()["classes"]] == [0.4] * 5


def test_what_the_numbers_cannot_tell_is_a_warning():
    assert one().warnings == ("2 classes have no picture here (elk, fox); the means over classes are of the others.",)
    p, t = single(0, absent=False)
    assert single_label_report(p, t, LABELS, resamples=10).warnings == ()
    (few,) = single_label_report(np.eye(6), np.arange(6), LABELS, resamples=10).warnings
    assert few.startswith("6 pictures are few")


def test_with_thousands_of_classes_only_the_whole_has_intervals():
    p, t = np.full((40, 2001), 1 / 2001), np.arange(40)
    report = single_label_report(p, t, tuple(map(str, range(2001))), resamples=10)
    assert report.intervals.to_json()["top1"] and "intervals" not in report.to_json()["classes"][0]
    assert "single classes get no intervals" in report.warnings[1]
    assert look_up_interval(report, "recall[7]") is None


def test_without_pictures_the_report_is_still_one():
    report = single_label_report(np.empty((0, 2)), np.empty(0, np.int64), ("a", "b"))
    assert set(report.to_json()["total"].values()) == {None}


def test_a_label_for_each_class_is_asked_for():
    with pytest.raises(ValueError, match="6 classes, but 2 labels"):
        single_label_report(*single(0), ("a", "b"))
