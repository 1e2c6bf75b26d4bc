import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.metrics.label_map_sample import MapSample
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


def test_pixels_counted_a_part_at_a_time_are_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    for kind in (np.uint8, np.uint16):
        truth, found = (rng.integers(0, 250, (40, 50)).astype(kind) for _ in range(2))
        whole = pair_counts(truth, found)
        with monkeypatch.context() as patch:
            patch.setattr("visioncli.metrics.label_map_scores.PIXELS_AT_ONCE", 7)
            parts = pair_counts(truth, found)
        assert all((a == b).all() for a, b in zip(whole, parts, strict=True))
        assert whole[1].sum() == truth.size


def test_sixty_thousand_classes_need_no_table_of_all_of_them():
    truth = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    scores = LabelMapScores(None)
    scores.add("a", truth, truth)
    report = scores.report("t", "p")
    assert len(report.classes) == report.pixels == report.right == 1 << 16
    assert report.numbers()["miou"] == 1
    assert report.confusion.counts.shape == (2001, 2001)
    assert "holds only the 2,000 classes" in report.warnings[0]


def resampled(maps, **options):
    both = LabelMapScores(resamples=60, seed=1, **options)
    for k, (truth, predicted) in enumerate(maps):
        both.add(str(k), np.array(truth, np.uint8), np.array(predicted, np.uint8))
    return both


@pytest.mark.parametrize("ignore_index", [None, 2])
def test_a_resample_of_maps_has_the_numbers_of_the_really_copied_maps(ignore_index):
    rng = np.random.default_rng(0)
    maps = [(rng.integers(0, 4, (5, 6)), rng.integers(0, 4, (5, 6))) for _ in range(4)]
    both = resampled(maps, ignore_index=ignore_index)
    report = both.report("t", "p")
    sample = MapSample(both._pairs, [c.label_id for c in report.classes], ignore_index)
    counts = [[1, 1, 1, 1], [0, 3, 1, 0], [2, 0, 0, 2]]
    numbers = sample.measure(np.array(counts, float))
    for b, times in enumerate(counts):
        again = resampled([m for m, n in zip(maps, times, strict=True) for _ in range(n)], ignore_index=ignore_index)
        other = again.report("t", "p")
        for name, value in other.numbers().items():
            assert numbers.totals[name][b] == pytest.approx(value, abs=1e-12), name
        for k, c in enumerate(report.classes):
            for name, value in other.class_numbers()[c.label].items():
                assert numbers.classes[name][b, k] == pytest.approx(value, abs=1e-12), name


def test_every_number_of_maps_has_an_interval():
    rng = np.random.default_rng(0)
    both = resampled([(rng.integers(0, 4, (5, 6)), rng.integers(0, 4, (5, 6))) for _ in range(9)])
    body = both.report("t", "p").to_json()
    assert set(body["intervals"]) == set(body["total"])
    low, high = body["intervals"]["miou"]
    assert low < body["total"]["miou"] < high
    assert set(body["classes"][0]["intervals"]) == set(body["classes"][0]) - {"label", "label_id", "intervals"}


def test_maps_without_pixels_that_count_have_no_intervals():
    assert resampled([([[255]], [[1]])] * 2).report("t", "p").to_json()["intervals"]["miou"] is None
