import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from visioncli.metrics import intervals as module
from visioncli.metrics.classification import SingleLabel
from visioncli.metrics.intervals import Numbers, draws, interval, intervals, measured, over, quantiles

from .agreement import single


class Mean:
    """The mean of values, one a picture."""

    def __init__(self, values):
        self.values = np.asarray(values, float)

    def __len__(self):
        return len(self.values)

    width = 0

    def measure(self, weights):
        return Numbers({"mean": weights @ self.values / weights.sum(axis=1)})


def answers(right):
    """As many pictures of one class as there are, right or wrong."""
    chance = np.where(np.asarray(right)[:, None], [[0.8, 0.2]], [[0.2, 0.8]])
    return SingleLabel(chance, np.zeros(len(chance), np.int64))


def test_the_interval_is_that_of_scipy():
    values = np.random.default_rng(0).exponential(size=80)
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1))
    ours = intervals(Mean(values), 20_000).totals["mean"]
    assert ours == pytest.approx([theirs.confidence_interval.low, theirs.confidence_interval.high], abs=0.02)


def test_one_seed_gives_one_answer_and_another_seed_another():
    sample = SingleLabel(*single(0))
    first, again, other = (intervals(sample, 100, seed) for seed in (1, 1, 2))
    assert all((first.totals[name] == again.totals[name]).all() for name in first.totals)
    assert any((first.totals[name] != other.totals[name]).any() for name in first.totals)


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    sample = SingleLabel(*single(0, pictures=201))
    whole = intervals(sample, 30)
    monkeypatch.setattr(module, "CELLS_AT_ONCE", 7 * len(sample))
    parts = intervals(sample, 30)
    for name, ends in whole.totals.items():
        assert parts.totals[name] == pytest.approx(ends, abs=1e-12)


def test_every_resample_has_as_many_pictures_as_there_are():
    weights = np.concatenate(list(draws(9, 50, 0)))
    assert weights.shape == (50, 9) and (weights.sum(axis=1) == 9).all()


def test_every_number_lies_in_its_interval():
    for seed in range(5):
        sample = SingleLabel(*single(seed, pictures=80))
        found, numbers = intervals(sample, 200), measured(sample)
        for name, values in numbers.totals.items():
            low, high = found.totals[name]
            assert low <= values[0] <= high, name


def test_a_true_share_lies_in_19_of_20_intervals():
    rng = np.random.default_rng(5)
    missed = 0
    for seed in range(200):
        low, high = intervals(answers(rng.random(100) < 0.9), 200, seed).totals["top1"]
        missed += not low <= 0.9 <= high
    assert missed <= 20


@pytest.mark.parametrize("right", [True, False])
def test_where_all_pictures_say_the_same_a_share_gets_exact_bounds(right):
    ends = intervals(answers([right] * 20), 50).totals["top1"]
    theirs = binomtest(20 * right, 20).proportion_ci(0.95, "exact")
    assert ends == pytest.approx([theirs.low, theirs.high])


def test_a_class_without_pictures_has_no_interval():
    p, t = single(0)
    recall = intervals(SingleLabel(p, t), 50).classes["recall"]
    assert np.isnan(recall[:, -2:]).all() and not np.isnan(recall[:, :-2]).any()


@pytest.mark.parametrize("pictures", [0, 1])
def test_of_fewer_than_two_pictures_there_is_no_interval(pictures):
    p, t = single(0)
    found = intervals(SingleLabel(p[:pictures], t[:pictures]), 50)
    assert all(ends is None for ends in found.to_json().values())
    assert found.of_class(0)["recall"] is None


def test_the_calibration_error_of_a_calibrated_network_may_be_almost_0():
    """Its resamples are noisier than it is, so their own quantiles would start far above 0."""
    rng = np.random.default_rng(0)
    first = rng.uniform(0.5, 1, 300)
    sample = SingleLabel(np.stack([first, 1 - first], 1), (rng.random(300) > first).astype(np.int64))
    drawn = over(sample, draws(300, 200, 0), 200).totals["ece"]
    low, high = intervals(sample, 200).totals["ece"]
    assert low < measured(sample).totals["ece"][0] < high
    assert low < np.quantile(drawn, 0.025)


def test_quantiles_leave_out_what_is_undefined():
    drawn = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    found = quantiles(drawn, np.full((1, 2), 0.5))
    assert found[0, 0] == 2 and np.isnan(found[0, 1])


def test_a_class_that_is_always_found_may_still_be_missed():
    sample = answers([True] * 20)
    found = intervals(sample, 50)
    low = 0.025 ** (1 / 20)
    assert found.totals["macro_f1"] == pytest.approx([low, 1])
    assert found.classes["f1"][:, 0] == pytest.approx([low, 1])


def test_a_number_that_noise_raises_is_reflected():
    drawn = np.linspace(0.3, 0.5, 101)[:, None]
    number = np.array([0.35])
    assert interval(number, drawn, drawn, raised=True)[:, 0] == pytest.approx([0.205, 0.395])
    assert interval(number - 0.3, drawn - 0.3, drawn, raised=True)[0, 0] == 0
    assert interval(number - 0.3, drawn - 0.3, drawn, raised=True, signed=True)[0, 0] == pytest.approx(-0.095)


def test_an_interval_never_leaves_out_its_number():
    drawn = np.linspace(0.3, 0.5, 101)[:, None]
    for raised in (True, False):
        low, high = interval(np.array([0.1]), drawn, drawn, raised=raised)
        assert low <= 0.1 <= high
