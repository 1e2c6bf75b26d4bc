import numpy as np
import pytest

from visioncli.training.near_equal import NEAR_EQUAL, border, near_equal


def strangers(n, size=1280, seed=0):
    return np.random.default_rng(seed).standard_normal((n, size)).astype(np.float32)


@pytest.mark.parametrize("size", [64, 1280])
def test_a_disturbed_copy_in_another_part_is_found_and_strangers_are_not(size):
    features = strangers(300, size)
    features[250] = features[10] + 0.2 * strangers(1, size, 1)[0]
    features[20] = features[11]
    found = near_equal(features, np.repeat([0, 1], [200, 100]))
    assert [(a, b) for a, b, _ in found] == [(10, 250)]
    similarity = features[10] @ features[250] / np.linalg.norm(features[10]) / np.linalg.norm(features[250])
    assert found[0][2] == pytest.approx(similarity, abs=1e-5)


def test_blocks_find_what_one_product_finds(monkeypatch):
    features = np.repeat(strangers(40, 600), 3, axis=0) + 0.25 * strangers(120, 600, 1)
    parts = np.random.default_rng(2).integers(-1, 3, 120)
    whole = near_equal(features, parts)
    monkeypatch.setattr("visioncli.training.near_equal._BLOCK", 7)
    assert [p[:2] for p in near_equal(features, parts)] == [p[:2] for p in whole]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = (unit @ unit.T >= NEAR_EQUAL) & (parts[:, None] != parts) & (parts[:, None] >= 0) & (parts >= 0)
    assert {(a, b) for a, b, _ in whole} <= {tuple(sorted(p)) for p in np.argwhere(expected).tolist()}
    assert len(whole) > 10


def test_features_without_length_equal_nothing():
    features = strangers(4, 16)
    features[0] = features[1] = 0
    features[2] = np.nan
    assert near_equal(features, np.array([0, 1, 0, 1])) == []
    assert near_equal(features, np.zeros(4, int)) == []


def test_where_pictures_of_two_classes_are_alike_copies_must_be_more_alike():
    labels = [(k % 2,) for k in range(200)]
    assert border(strangers(200), labels) == NEAR_EQUAL
    alike = strangers(1) + 0.3 * strangers(200)
    assert 0.96 < border(alike, labels) < 1
    assert near_equal(alike, np.arange(200) % 3) and not near_equal(alike, np.arange(200) % 3, border(alike, labels))


def test_without_two_classes_the_border_is_the_lowest():
    assert border(strangers(20), [(0,)] * 20) == NEAR_EQUAL
    assert border(strangers(20), [(0, 1), ()] * 10) == NEAR_EQUAL
