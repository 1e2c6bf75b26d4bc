"""The arithmetic of the loop: rates and stages. Whole runs are in test_train.py."""

import itertools

import numpy as np
import pytest

from visioncli.training.job import Job, class_weights
from visioncli.training.loop import LAST_SHARE, TIMED, rate_at, stages
from visioncli.training.recipe import Augment, Balance, Recipe, Start, Unfreeze


def job(**choices: object) -> Job:
    recipe = Recipe(augment=Augment.NONE, **choices)  # type: ignore[arg-type]
    return Job({}, "", recipe, np.arange(4), np.arange(1), True, 1, 2, None, "")


def test_the_rate_rises_and_falls_to_nothing() -> None:
    rates = [rate_at(n, 1000, 2.0) for n in range(1000)]
    assert rates[0] < 0.1
    assert max(rates) == pytest.approx(2.0, rel=0.02)
    assert rates.index(max(rates)) == pytest.approx(49, abs=2)
    assert rates[-1] < 1e-4
    assert all(a >= b for a, b in itertools.pairwise(rates[50:]))


def test_all_layers_learn_after_the_last_ones() -> None:
    first, second = stages(job(unfreeze=Unfreeze.ALL), 1000)
    assert (first.name, first.steps) == ("last", round(LAST_SHARE * 1000))
    assert (second.name, second.steps) == ("all", 1000 - first.steps)
    assert stages(job(unfreeze=Unfreeze.ALL), 100)[0].steps == TIMED
    assert [s.name for s in stages(job(unfreeze=Unfreeze.LAST), 1000)] == ["last"]
    assert [s.name for s in stages(job(start=Start.SCRATCH), 1000)] == ["all"]


def test_weights_are_one_on_average_and_only_where_numbers_differ_twofold() -> None:
    answers = np.array([0] * 90 + [1] * 10)
    weights = class_weights(answers, 2, Balance.AUTO)
    assert weights is not None
    assert weights[answers].mean() == pytest.approx(1)
    assert weights[1] == pytest.approx(3 * weights[0])
    assert class_weights(np.array([0] * 15 + [1] * 10), 2, Balance.AUTO) is None
    assert class_weights(answers, 2, Balance.NONE) is None
