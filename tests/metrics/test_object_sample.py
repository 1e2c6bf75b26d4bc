from dataclasses import replace

import numpy as np
import pytest

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import Annotations, Images
from visioncli.metrics import classification, intervals
from visioncli.metrics import evaluate as module
from visioncli.metrics.engines import Engine
from visioncli.metrics.evaluate import Settings, evaluate
from visioncli.metrics.intervals import measured
from visioncli.metrics.pairs import Kind

from .samples import sample

KINDS = [Kind.BOXES, Kind.KEYPOINTS]
SEEDS = range(6)


def untied(data):
    """The same with no two equal scores, whose order is anybody's choice."""
    scores = np.random.default_rng(len(data.detections)).permutation(len(data.detections)) / 1000
    return replace(data, detections=replace(data.detections, score=scores))


def prepared(data, kind, monkeypatch, **settings):
    """The sample that `evaluate` makes, and its report."""
    kept = []
    monkeypatch.setattr(module, "intervals", lambda sample, *_, **__: kept.append(sample))
    report = evaluate(data, Settings(kind=kind, engine=Engine.NUMPY, resamples=1, **settings), "t", "p").report
    return kept[0], report


def copied(data, counts):
    """The data set in which each picture really is there so many times, copies beside each other."""

    def rows(side: Annotations):
        chosen, image = [], []
        for picture, new in zip(np.repeat(np.arange(len(counts)), counts), range(int(counts.sum())), strict=True):
            at = np.flatnonzero(side.image == picture)
            chosen.append(at)
            image.append(np.full(len(at), new))
        part = side.part(np.concatenate([np.empty(0, np.int64), *chosen]))
        return replace(part, image=np.concatenate([np.empty(0, np.int64), *image]))

    names = tuple(f"{i}.jpg" for i in range(int(counts.sum())))
    images = Images(names, np.full((len(names), 2), 400))
    return Aligned(images, data.categories, rows(data.truth), rows(data.detections), ())


def same(numbers, b, report, labels):
    for name, value in report.numbers().items():
        assert numbers.totals[name][b] == pytest.approx(value, abs=1e-12, nan_ok=True), name
    found = report.class_numbers()
    for k, label in enumerate(labels):
        for name, values in numbers.classes.items():
            if label in found:
                assert values[b, k] == pytest.approx(found[label][name], abs=1e-12, nan_ok=True), (label, name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_with_weight_1_for_every_picture_the_numbers_are_the_official_ones(seed, kind, monkeypatch):
    data = sample(seed, people=kind is Kind.KEYPOINTS)
    prepared_sample, report = prepared(data, kind, monkeypatch, score=0.2)
    numbers = measured(prepared_sample)
    assert set(numbers.totals) == set(report.numbers())
    same(numbers, 0, report, list(report.class_numbers()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_resample_has_the_numbers_of_the_really_copied_pictures(seed, kind, monkeypatch):
    data = untied(sample(seed, people=kind is Kind.KEYPOINTS))
    pictures = len(data.images)
    prepared_sample, report = prepared(data, kind, monkeypatch)
    weights = np.concatenate([np.zeros((1, pictures)), *intervals.draws(pictures, 4, seed)])
    weights[0, -1] = 3
    numbers = prepared_sample.measure(weights)
    for b, counts in enumerate(weights.astype(np.int64)):
        again = evaluate(copied(data, counts), Settings(kind=kind, engine=Engine.NUMPY), "t", "p").report
        same(numbers, b, again, list(report.class_numbers()))


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    data = sample(4)
    prepared_sample, _ = prepared(data, Kind.BOXES, monkeypatch)
    weights = np.concatenate(list(intervals.draws(len(data.images), 9, 0)))
    whole = prepared_sample.measure(weights)
    monkeypatch.setattr(classification, "CELLS_AT_ONCE", 100)
    parts = prepared_sample.measure(weights)
    for name, values in whole.totals.items():
        np.testing.assert_array_equal(parts.totals[name], values)


@pytest.mark.parametrize("engine", [Engine.PYCOCOTOOLS, Engine.NUMPY])
def test_the_intervals_are_our_own_whoever_computes_the_numbers(engine):
    data = sample(3)
    ours = evaluate(data, Settings(engine=Engine.NUMPY, resamples=40, seed=2), "t", "p").report
    other = evaluate(data, Settings(engine=engine, resamples=40, seed=2), "t", "p").report
    assert ours.intervals.to_json() == other.intervals.to_json()


def test_without_objects_nothing_has_an_interval():
    nothing = np.empty(0, np.int64)
    data = sample(3)
    data = replace(data, truth=data.truth.part(nothing), detections=data.detections.part(nothing))
    ends = evaluate(data, Settings(engine=Engine.NUMPY, resamples=10), "t", "p").report.intervals.to_json()
    assert ends["AP"] is None and ends["truth"] == [0, 0]


def test_a_class_of_one_picture_has_no_interval_of_its_precision():
    """Every resample with it says the same, which would look like certainty."""
    data = sample(7)
    sure = np.zeros(len(data.truth), bool)
    truth = replace(data.truth, crowd=sure, ignore=sure)
    picture = truth.image[truth.category == 0][0]
    truth = truth.part(np.flatnonzero((truth.category > 0) | (truth.image == picture)))
    found = truth.part(np.flatnonzero(np.arange(len(truth)) != np.flatnonzero(truth.category == 0)[0]))
    data = replace(data, truth=truth, detections=found)
    report = evaluate(data, Settings(engine=Engine.NUMPY, resamples=50), "t", "p").report
    assert 0 < report.classes[0].counts.recall < 1
    ends = report.intervals.of_class(0)
    assert ends["AP"] is None and ends["recall"] is None and ends["truth"] is not None
    assert report.intervals.of_class(1)["recall"] is not None
