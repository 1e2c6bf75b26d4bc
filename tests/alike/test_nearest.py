"""The nearest of many vectors, in blocks."""

import numpy as np
import pytest

from visioncli.alike import nearest
from visioncli.alike.nearest import Nearest


def test_they_are_those_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "BLOCK", 64)
    rng = np.random.default_rng(0)
    queries, vectors = rng.normal(size=(5, 32)).astype(np.float32), rng.normal(size=(1000, 32)).astype(np.float32)
    vectors[500:510] = vectors[3]  # equal ones: the earlier is nearer
    queries[0] = vectors[3] * 7
    found = Nearest(queries, 8)
    for vector in vectors:
        found.show(vector)
    found.finish()
    cosines = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ).T
    for q in range(5):
        expected = np.sort(cosines[q])[::-1][:8]
        assert np.allclose([s for _, s in found.best(q)], expected, atol=1e-6)
    assert [place for place, _ in found.best(0)] == [3, *range(500, 507)]
    assert all(score <= 1 for _, score in found.best(0))


def test_memory_does_not_grow_with_what_is_shown() -> None:
    found = Nearest(np.eye(2, 16, dtype=np.float32), 3)
    for n in range(3 * nearest.BLOCK + 1):
        found.show(np.full(16, n % 7 + 1, np.float32))
    found.finish()
    assert found.places.shape == found.scores.shape == (2, 3)
    assert not found._waiting


def test_fewer_than_asked_for_are_all_that_there_is() -> None:
    found = Nearest(np.ones((1, 4), np.float32), 5)
    found.show(np.ones(4, np.float32))
    found.show(np.zeros(4, np.float32))
    found.finish()
    assert list(found.best(0)) == [(0, 1.0), (1, 0.0)]
