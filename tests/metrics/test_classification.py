import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from tests.metrics.agreement import agrees, several, single
from torchmetrics.functional import classification as tm

from visioncli.metrics.classification import MultiLabel, SingleLabel
from visioncli.metrics.intervals import measured

SEEDS = range(4)


def onehot(p, t):
    return np.eye(p.shape[1])[t]


SINGLE = {
    "top1": lambda p, t: sk.accuracy_score(t, p.argmax(1)),
    "top5": lambda p, t: sk.top_k_accuracy_score(t, p, k=5, labels=range(p.shape[1])),
    "macro_f1": lambda p, t: sk.f1_score(t, p.argmax(1), average="macro"),
    "balanced_accuracy": lambda p, t: sk.balanced_accuracy_score(t, p.argmax(1)),
    "log_loss": lambda p, t: sk.log_loss(t, p, labels=range(p.shape[1])),
    "brier": lambda p, t: sk.brier_score_loss(t, p, labels=range(p.shape[1]), scale_by_half=False),
    "precision": lambda p, t: sk.precision_score(t, p.argmax(1), labels=range(p.shape[1]), **PER_CLASS),
    "recall": lambda p, t: sk.recall_score(t, p.argmax(1), labels=range(p.shape[1]), **PER_CLASS),
    "f1": lambda p, t: sk.f1_score(t, p.argmax(1), labels=range(p.shape[1]), **PER_CLASS),
    "support": lambda p, t: np.bincount(t, minlength=p.shape[1]),
}
PER_CLASS = {"average": None, "zero_division": np.nan}


def tensors(p, t):
    return torch.from_numpy(p), torch.from_numpy(t)


TORCHMETRICS = {
    "ece": lambda p, t: tm.multiclass_calibration_error(*tensors(p, t), p.shape[1], n_bins=15, norm="l1").item(),
    "top1": lambda p, t: tm.multiclass_accuracy(*tensors(p, t), p.shape[1], average="micro").item(),
}

SEVERAL = {
    "ap": lambda p, t: np.where(t.any(0), sk.average_precision_score(t, p, average=None), np.nan),
    "mAP": lambda p, t: sk.average_precision_score(t[:, t.any(0)], p[:, t.any(0)], average="macro"),
    "micro_f1": lambda p, t: sk.f1_score(t, p >= 0.5, average="micro"),
    "macro_f1": lambda p, t: sk.f1_score(t, p >= 0.5, average="macro", zero_division=np.nan),
    "subset_accuracy": lambda p, t: sk.accuracy_score(t, p >= 0.5),
    "hamming_loss": lambda p, t: sk.hamming_loss(t, p >= 0.5),
    "log_loss": lambda p, t: np.mean([sk.log_loss(t[:, k], p[:, k], labels=[0, 1]) for k in range(t.shape[1])]),
    "brier": lambda p, t: np.mean([np.mean((p[:, k] - t[:, k]) ** 2) for k in range(t.shape[1])]),
    "recall": lambda p, t: sk.recall_score(t, p >= 0.5, **PER_CLASS),
    "precision": lambda p, t: sk.precision_score(t, p >= 0.5, **PER_CLASS),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SINGLE)
def test_single_label_numbers_are_those_of_scikit_learn(name, seed):
    p, t = single(seed, absent=name != "top5")
    if name == "top5":
        p += np.random.default_rng(seed).random(p.shape) * 1e-9  # scikit-learn breaks ties otherwise
    agrees(SingleLabel(p, t), name, SINGLE[name], p, t)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", TORCHMETRICS)
def test_single_label_numbers_are_those_of_torchmetrics(name, seed):
    p, t = single(seed)
    agrees(SingleLabel(p, t), name, TORCHMETRICS[name], p, t)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SEVERAL)
def test_multi_label_numbers_are_those_of_scikit_learn(name, seed):
    p, t = several(seed)
    agrees(MultiLabel(p, t, np.full(t.shape[1], 0.5)), name, SEVERAL[name], p, t)


def test_mean_average_precision_is_that_of_torchmetrics():
    p, t = several(9)
    p, t = p[:, :-1], t[:, :-1]  # it counts a class without positives as 0

    def theirs(p, t):
        return tm.multilabel_average_precision(*tensors(p, t.astype(int)), t.shape[1], thresholds=None).item()

    agrees(MultiLabel(p, t, np.full(t.shape[1], 0.5)), "mAP", theirs, p, t)


@pytest.mark.parametrize("tenths", range(16))
def test_a_confidence_on_the_border_of_a_bin_is_binned_as_by_torchmetrics(tenths):
    border = np.float32(tenths / 15)
    p = np.array([[border, 1 - border, 0.0]] * 4 + [[0.7, 0.2, 0.1]] * 3, np.float32)
    t = np.array([0, 1, 2, 0, 0, 1, 0])
    agrees(SingleLabel(p, t), "ece", TORCHMETRICS["ece"], p, t)


def test_of_equally_likely_classes_the_earlier_comes_first():
    even = np.full((7, 7), 1 / 7)
    numbers = measured(SingleLabel(even, np.arange(7))).totals
    assert numbers["top1"][0] == pytest.approx(1 / 7)
    assert numbers["top5"][0] == pytest.approx(5 / 7)


def test_a_weight_is_so_many_copies_of_a_picture():
    rng = np.random.default_rng(3)
    p, t = single(3)
    q, many = several(3, pictures=len(p))
    counts = rng.multinomial(len(p), np.full(len(p), 1 / len(p)), size=3)
    for sample, again in (
        (SingleLabel(p, t), lambda rows: SingleLabel(p[rows], t[rows])),
        (MultiLabel(q, many, np.full(5, 0.4)), lambda rows: MultiLabel(q[rows], many[rows], np.full(5, 0.4))),
    ):
        weighted = sample.measure(counts.astype(float))
        for b, count in enumerate(counts):
            copied = measured(again(np.repeat(np.arange(len(p)), count)))
            for name, values in copied.totals.items():
                np.testing.assert_allclose(weighted.totals[name][b], values[0], atol=1e-12, err_msg=name)
            for name, values in copied.classes.items():
                np.testing.assert_allclose(weighted.classes[name][b], values[0], atol=1e-12, err_msg=name)


def test_without_pictures_every_number_is_undefined():
    numbers = measured(SingleLabel(np.empty((0, 3)), np.empty(0, np.int64)))
    assert all(np.isnan(v).all() for v in numbers.totals.values())
    numbers = measured(MultiLabel(np.empty((0, 3)), np.empty((0, 3), bool), np.full(3, 0.5)))
    assert all(np.isnan(v).all() for v in numbers.totals.values())


def test_the_confusion_matrix_is_that_of_scikit_learn():
    p, t = single(5)
    assert (SingleLabel(p, t).confusion() == sk.confusion_matrix(t, p.argmax(1), labels=range(6))).all()


@pytest.mark.parametrize(
    ("probabilities", "truth", "says"),
    [
        (np.ones((2, 3)), [0, 3], "outside 0 to 2"),
        (np.ones((2, 3)), [0], "do not fit"),
        (np.full((1, 2), np.nan), [0], "finite"),
        (np.ones((0, 0)), [], "no classes"),
    ],
)
def test_impossible_input_is_refused(probabilities, truth, says):
    with pytest.raises(ValueError, match=says):
        SingleLabel(probabilities, np.array(truth, np.int64))
