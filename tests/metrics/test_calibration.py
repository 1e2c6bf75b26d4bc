import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics import f1_score

from visioncli.metrics.calibration import (
    COLDEST,
    DEFAULT_THRESHOLD,
    HOTTEST,
    fit_temperature,
    fit_thresholds,
    reliability,
)
from visioncli.metrics.classification import SingleLabel
from visioncli.metrics.intervals import measured

from .agreement import several, single


def logits_and_truth(seed, scale):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, 300)
    logits = rng.normal(size=(300, 5))
    logits[np.arange(300), truth] += 1.0
    return logits * scale, truth


@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0, 40.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_temperature_has_the_least_log_loss_of_all(seed, scale):
    logits, truth = logits_and_truth(seed, scale)

    def loss(log_t):
        return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(truth)), truth].mean()

    theirs = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), options={"xatol": 1e-9})
    ours = fit_temperature(logits, truth)
    assert np.log(ours) == pytest.approx(theirs.x, abs=1e-4)
    assert loss(np.log(ours)) <= theirs.fun + 1e-12


def test_the_temperature_of_float32_logits_that_overflow_is_found():
    logits, truth = logits_and_truth(0, 1.0)
    shifted = (logits * 20 + 1e4).astype(np.float32)
    assert fit_temperature(shifted, truth) == pytest.approx(20 * fit_temperature(logits, truth), rel=1e-3)


def test_where_a_temperature_makes_no_difference_it_is_1():
    assert fit_temperature(np.empty((0, 3)), np.empty(0, np.int64)) == 1
    assert fit_temperature(np.ones((4, 1)), np.zeros(4, np.int64)) == 1
    assert fit_temperature(np.ones((4, 3)), np.array([0, 1, 2, 0])) == 1


def test_where_every_picture_is_right_confidence_follows_the_rule_of_succession():
    logits = np.eye(2)[np.zeros(20, int)] * 3
    temperature = fit_temperature(logits, np.zeros(20, np.int64))
    assert 1 / (1 + np.exp(-3 / temperature)) == pytest.approx(21 / 22)


def test_a_network_worse_than_chance_gets_the_highest_temperature():
    assert fit_temperature(np.eye(3) * 5, np.array([1, 2, 0])) == HOTTEST


def test_impossible_logits_are_refused():
    with pytest.raises(ValueError, match="logits must be finite"):
        fit_temperature(np.array([[np.inf, 0.0]]), np.array([0]))
    with pytest.raises(ValueError, match="outside 0 to 1"):
        fit_temperature(np.zeros((1, 2)), np.array([2]))


@pytest.mark.parametrize("seed", range(4))
def test_no_other_threshold_has_a_better_f1(seed):
    p, t = several(seed)
    found = fit_thresholds(p, t)
    for k in np.flatnonzero(t.any(axis=0)):
        best = max(f1_score(t[:, k], p[:, k] >= threshold) for threshold in np.unique(p[:, k]))
        assert f1_score(t[:, k], p[:, k] >= found[k]) == pytest.approx(best)
    assert found[-1] == DEFAULT_THRESHOLD


def test_a_threshold_lies_midway_between_the_two_that_it_parts():
    p = np.array([[0.9, 0.9], [0.7, 0.7], [0.3, 0.3]])
    assert fit_thresholds(p, np.array([[1, 1], [1, 1], [0, 1]], bool)) == pytest.approx([0.5, 0.15])


def test_of_two_equally_good_thresholds_the_higher_is_taken():
    p = np.array([[0.9], [0.6], [0.5], [0.2]])
    truth = np.array([[1], [0], [0], [1]], bool)  # F1 is 2/3 with the first alone, and with all four
    assert fit_thresholds(p, truth) == pytest.approx([0.75])


def test_thresholds_between_neighbouring_floats_still_part_them():
    p = np.array([[np.nextafter(np.float32(0.5), np.float32(1))], [0.5]], np.float32)
    truth = np.array([[True], [False]])
    assert ((p >= fit_thresholds(p, truth)) == truth).all()


def test_thresholds_without_pictures_are_the_default():
    assert (fit_thresholds(np.empty((0, 2)), np.empty((0, 2), bool)) == DEFAULT_THRESHOLD).all()


def test_the_gaps_of_the_reliability_curve_add_up_to_the_calibration_error():
    p, t = single(1)
    p = p[:-3]  # without confidences of exactly 1, which have a bin of their own in the error
    sample = SingleLabel(p, t[:-3])
    curve = reliability(sample.confidence, sample.right)
    gaps = np.nan_to_num(np.abs(curve.accuracy - curve.confidence)) * curve.pictures
    assert gaps.sum() / len(p) == pytest.approx(measured(sample).totals["ece"][0])
    assert curve.pictures.sum() == len(p)


def test_a_confidence_of_1_is_in_the_last_bin_of_the_curve():
    curve = reliability(np.array([1.0]), np.array([True]))
    assert curve.pictures[-1] == 1 and curve.accuracy[-1] == 1
