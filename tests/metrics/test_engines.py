import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visioncli.datasets.interface import Annotations
from visioncli.errors import UsageError
from visioncli.metrics import engines
from visioncli.metrics.average_precision import coco_hits, official_numbers
from visioncli.metrics.engines import Engine, choose, curves
from visioncli.metrics.pairs import Kind, cells, find_pairs

from .samples import sample

HOTCOCO = importlib.util.find_spec("hotcoco") is not None


def hits_of(kind, data):
    classes = len(data.categories)
    truth = cells(data.truth.image, data.truth.category, classes)
    found = cells(data.detections.image, data.detections.category, classes)
    pairs = find_pairs(kind, data.truth, data.detections, truth, found, 0.5)
    return coco_hits(data.truth, data.detections, pairs, classes, engines.protocol_of(kind))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**20), st.booleans())
def test_numpy_gives_the_numbers_of_pycocotools(seed, people):
    data = sample(seed, people=people)
    kind = Kind.KEYPOINTS if people else Kind.BOXES
    hits = hits_of(kind, data)
    ours, reference = (curves(e, kind, data, hits) for e in (Engine.NUMPY, Engine.PYCOCOTOOLS))
    assert np.allclose(ours.precision, reference.precision, atol=1e-12, equal_nan=True)
    assert np.allclose(ours.recall, reference.recall, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("seed", range(10))
def test_hotcoco_agrees_where_it_is_installed(seed):
    data = sample(seed)
    engine = Engine.HOTCOCO if HOTCOCO else Engine.PYCOCOTOOLS
    data.truth.ignore[:] = False
    hits = hits_of(Kind.BOXES, data)
    ours, other = (official_numbers(curves(e, Kind.BOXES, data, hits)) for e in (Engine.NUMPY, engine))
    assert ours == pytest.approx(other, abs=1e-4, nan_ok=True)


def test_hotcoco_is_not_given_what_it_would_get_wrong(monkeypatch):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: object())
    data = sample(3)
    data.truth.ignore[:] = False
    assert choose(Engine.AUTO, data) is Engine.HOTCOCO
    data.truth.ignore[0], data.truth.crowd[0] = True, False
    assert choose(Engine.AUTO, data) is not Engine.HOTCOCO
    with pytest.raises(UsageError, match="ignore"):
        choose(Engine.HOTCOCO, data)


def test_hotcoco_asked_for_but_absent_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install"):
        choose(Engine.HOTCOCO, sample(0))


def test_large_comparisons_do_not_wait_for_pycocotools(monkeypatch):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    data = sample(3)
    assert choose(Engine.AUTO, data) is Engine.PYCOCOTOOLS
    monkeypatch.setattr(engines, "LARGE", 3)
    assert choose(Engine.AUTO, data) is Engine.NUMPY


@pytest.mark.parametrize("engine", [Engine.NUMPY, Engine.PYCOCOTOOLS])
def test_ignored_objects_are_kept_apart_from_crowds(engine):
    """An ignored object takes one detection out of the counting; a second one on it is wrong. A crowd takes all."""
    data = sample(1)

    def objects(boxes, **flags):
        n = len(boxes)
        xywh = np.array(boxes, float).reshape(-1, 4)
        off = np.zeros(n, bool)
        return Annotations(
            np.zeros(n, np.int64), np.zeros(n, np.int64), xywh, xywh[:, 2] * xywh[:, 3],
            flags.get("crowd", off), flags.get("ignore", off), flags.get("score", np.ones(n)),
        )  # fmt: skip

    def ap50(**flags):
        truth = objects([[0, 0, 10, 10], [50, 50, 20, 20]], **{k: np.array([True, False]) for k in flags})
        found = objects([[0, 0, 10, 10], [0, 0, 10, 10], [50, 50, 20, 20]], score=np.array([0.9, 0.8, 0.7]))
        whole = type(data)(data.images, data.categories, truth, found, ())
        return official_numbers(curves(engine, Kind.BOXES, whole, hits_of(Kind.BOXES, whole)))["AP50"]

    assert ap50() == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert ap50(ignore=True) == pytest.approx(0.5)
    assert ap50(crowd=True) == pytest.approx(1.0)
