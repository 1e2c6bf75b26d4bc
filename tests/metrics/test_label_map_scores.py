import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.metrics.label_map_scores import LabelMapScores, pair_counts


def scores(truth, predicted, **options):
    both = LabelMapScores(**options)
    both.add("a", np.array(truth, np.uint8), np.array(predicted, np.uint8))
    return both.report("t", "p")


def test_known_values():
    report = scores([[0, 0, 1, 1], [2, 2, 255, 255]], [[0, 1, 1, 1], [2, 0, 1, 2]])
    assert [c.iou for c in report.classes] == pytest.approx([1 / 3, 2 / 3, 1 / 2])
    assert [c.dice for c in report.classes] == pytest.approx([2 / 4, 4 / 5, 2 / 3])
    assert report.numbers()["miou"] == pytest.approx(1 / 2)
    assert report.numbers()["pixel_accuracy"] == pytest.approx(4 / 6)
    assert report.pixels == 6


def test_a_pixel_predicted_as_ignored_is_missed():
    report = scores([[1, 1, 1, 1]], [[1, 1, 1, 255]])
    assert [c.label for c in report.classes] == ["1"]
    assert report.numbers()["miou"] == pytest.approx(3 / 4)


def test_no_ignored_class_counts_every_pixel():
    assert scores([[1, 255]], [[1, 255]], ignore_index=None).pixels == 2


def test_nothing_to_count_is_undefined_and_null_in_json():
    report = scores([[255]], [[1]])
    assert np.isnan(report.numbers()["miou"])
    assert report.to_json()["total"] == {"miou": None, "mean_iou": None, "dice": None, "pixel_accuracy": None}


@given(st.integers(0, 2**16))
def test_eight_and_sixteen_bits_count_alike(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 5, (2, 9, 7))
    small, large = (pair_counts(truth.astype(t), predicted.astype(t)) for t in (np.uint8, np.uint16))
    assert np.array_equal(small[0], large[0]) and np.array_equal(small[1], large[1])
    table = {(int(t), int(p)): int(n) for (t, p), n in zip(*small, strict=True)}
    for key, count in table.items():
        assert count == np.count_nonzero((truth == key[0]) & (predicted == key[1]))


def test_pictures_come_worst_first():
    both = LabelMapScores()
    for name, share in (("good", 4), ("bad", 1), ("empty", 0)):
        truth = np.full((1, 4), 255 if not share else 1, np.uint8)
        both.add(name, truth, np.array([[1] * share + [2] * (4 - share)], np.uint8))
    assert [p["image"] for p in both.worst_first()] == ["bad", "good", "empty"]
