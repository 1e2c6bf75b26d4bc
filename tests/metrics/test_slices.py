import numpy as np
import pytest

from visioncli.datasets.interface import DatasetError
from visioncli.metrics import pairs as overlaps
from visioncli.metrics import slices as parts
from visioncli.metrics.engines import Engine
from visioncli.metrics.evaluate import Settings, evaluate, picture_records
from visioncli.metrics.pairs import Kind
from visioncli.metrics.slices import slices

from .samples import sample


def test_slices_share_no_picture_and_are_everything(monkeypatch):
    monkeypatch.setattr(parts, "PAIRS_A_SLICE", 50)
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 40, 300), rng.integers(0, 45, 500)
    every = list(slices(truth, found))
    assert len(every) > 10 and not any(part.whole for part in every)
    assert sorted(np.concatenate([p.truth for p in every]).tolist()) == list(range(300))
    assert sorted(np.concatenate([p.detection for p in every]).tolist()) == list(range(500))
    pictures = [set(truth[p.truth].tolist()) | set(found[p.detection].tolist()) for p in every]
    assert sum(map(len, pictures)) == len(set().union(*pictures))
    assert all((np.diff(p.detection) > 0).all() for p in every)


def test_a_small_comparison_is_one_slice():
    (only,) = slices(np.array([0, 1]), np.empty(0, np.int64))
    assert only.whole and only.truth.tolist() == [0, 1] and only.detection.tolist() == []


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", [Kind.BOXES, Kind.KEYPOINTS])
def test_a_sliced_comparison_has_the_numbers_of_the_whole(seed, kind, monkeypatch):
    data = sample(seed, people=kind is Kind.KEYPOINTS)
    settings = Settings(kind=kind, iou=0.4, score=0.2, engine=Engine.NUMPY)
    whole = evaluate(data, settings, "t", "p")
    monkeypatch.setattr(parts, "PAIRS_A_SLICE", 1)
    told = []
    sliced = evaluate(data, settings, "t", "p", lambda *words: told.append(words))
    assert repr(sliced.report.to_json()) == repr(whole.report.to_json())
    assert list(picture_records(sliced)) == list(picture_records(whole))
    assert told[-1] == ("comparing", len(data.detections), len(data.detections))


def test_curves_of_many_detections_are_made_threshold_by_threshold(monkeypatch):
    data = sample(5)
    whole = evaluate(data, Settings(engine=Engine.NUMPY), "t", "p").report
    monkeypatch.setattr("visioncli.metrics.average_precision.CELLS_AT_ONCE", 1)
    assert repr(evaluate(data, Settings(engine=Engine.NUMPY), "t", "p").report.to_json()) == repr(whole.to_json())


def test_more_overlapping_pairs_than_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr(overlaps, "MOST_FOUND", 0)
    with pytest.raises(DatasetError, match="More than 0 pairs of objects of one picture overlap"):
        evaluate(sample(0), Settings(engine=Engine.NUMPY), "t", "p")
