import json

import numpy as np
import pytest
from scipy.stats import binom

from visioncli.metrics.classification import MultiLabel, SingleLabel
from visioncli.metrics.intervals import measured
from visioncli.metrics.paired import compare, mcnemar

from .agreement import several, single


def split(only_first, only_second, both=10):
    """Two models by which pictures they have right."""
    first = np.r_[np.ones(only_first + both, bool), np.zeros(only_second, bool)]
    second = np.r_[np.zeros(only_first, bool), np.ones(both + only_second, bool)]
    return first, second


def answers(right):
    """A model with these pictures right and the others wrong."""
    return SingleLabel(
        np.where(np.asarray(right)[:, None], [[0.8, 0.2]], [[0.2, 0.8]]), np.zeros(len(right), np.int64)
    )


@pytest.mark.parametrize(
    ("ones", "others"), [(0, 0), (1, 0), (0, 5), (3, 3), (12, 5), (40, 61), (700, 820), (30_000, 30_400)]
)
def test_mcnemar_is_the_exact_mid_p_test(ones, others):
    found = mcnemar(*split(ones, others))
    k, n = min(ones, others), ones + others
    theirs = min(1.0, 2 * binom.cdf(k, n, 0.5) - binom.pmf(k, n, 0.5))
    assert (found.only_first, found.only_second) == (ones, others)
    assert found.p == pytest.approx(theirs, rel=1e-8)


def test_a_difference_is_that_of_the_two_numbers():
    (p, t), (q, _) = single(1), single(2)
    first, second = SingleLabel(p, t), SingleLabel(q, t)
    found = compare(first, second, ("A", "B"), 50)
    for name, values in measured(first).totals.items():
        assert found.totals[name] == pytest.approx(values[0] - measured(second).totals[name][0])
        low, high = found.intervals.totals[name]
        assert low < found.totals[name] < high


def test_a_model_does_not_differ_from_itself():
    p, t = single(1)
    found = compare(SingleLabel(p, t), SingleLabel(p, t), ("A", "B"), 50)
    assert all((ends == 0).all() for ends in found.intervals.totals.values())
    assert found.sentence() == "A and B are right on the same pictures, so these do not tell them apart."


def test_the_same_pictures_are_drawn_for_both():
    """Two models that differ on few of many pictures: the interval is far narrower than that of either."""
    right = np.random.default_rng(0).random(400) < 0.5
    better = right.copy()
    better[np.flatnonzero(~right)[:8]] = True
    low, high = compare(answers(better), answers(right), ("A", "B")).intervals.totals["top1"]
    assert 0 < low < 0.02 < high < 0.04


def test_the_sentence_says_when_the_interval_includes_0():
    found = compare(*map(answers, split(7, 5, 188)), ("A", "B"))
    assert found.sentence().startswith("A is right on 1.0 % more pictures than B [95 % interval -")
    assert found.sentence().endswith("the interval includes 0, so these pictures do not show that one is better.")


def test_the_sentence_names_the_better_one_first():
    found = compare(*map(answers, split(5, 40, 155)), ("A", "B"))
    assert found.sentence().startswith("B is right on 17.5 % more pictures than A [95 % interval 1")
    assert "so B is better on pictures like these (exact McNemar test p below 0.0001)." in found.sentence()


def test_the_sentence_says_when_the_two_tests_disagree():
    found = compare(*map(answers, split(4, 0, 96)), ("A", "B"))
    assert found.intervals.totals["top1"][0] > 0 and found.exact.p > 0.05
    assert "more pictures are needed" in found.sentence()


def test_several_labels_are_compared_by_pictures_with_every_class_right():
    (p, t), (q, _) = several(1), several(2)
    half = np.full(5, 0.5)
    found = compare(MultiLabel(p, t, half), MultiLabel(q, t, half), ("A", "B"), 100)
    assert "right in every class" in found.sentence()
    assert found.totals["mAP"] != 0
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["intervals"]["mAP"]
    assert found.to_json()["classes"]["ap"]["intervals"][-1] is None


def test_two_pictures_at_least_are_needed():
    one = answers([True])
    assert compare(one, one, ("A", "B")).sentence() == "There are too few pictures to compare A with B."


def test_models_of_other_pictures_are_not_compared():
    with pytest.raises(ValueError, match="same pictures"):
        compare(answers([True]), answers([True, False]), ("A", "B"))
