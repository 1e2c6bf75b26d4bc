import numpy as np
import pytest

from visioncli.training.data.near_equal import LEAST, near_equal, usual_nearest, usual_similarity


def strangers(n, size=1280, seed=0):
    return np.random.default_rng(seed).standard_normal((n, size)).astype(np.float32)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("size", [64, 1280])
def test_a_disturbed_copy_in_another_part_is_found_and_strangers_are_not(size):
    features = strangers(300, size)
    features[250] = features[10] + 0.3 * strangers(1, size, 1)[0]
    features[20] = features[11]
    found = near_equal(features, np.repeat([0, 1], [200, 100]))
    assert [(a, b) for a, b, _ in found] == [(10, 250)]
    assert found[0][2] == pytest.approx(cosine(features[10], features[250]), abs=1e-5)


def test_several_copies_in_the_other_part_do_not_hide_each_other():
    features = strangers(300)
    for k in range(20):
        features[k] = features[0] + 0.1 * strangers(1, seed=k + 5)[0]
    features[250] = features[0] + 0.3 * strangers(1, seed=1)[0]
    assert [p[1] for p in near_equal(features, np.repeat([0, 1], [200, 100]))] == [250]


def test_where_all_pictures_are_alike_only_what_stands_out_is_a_copy():
    """Digits of one hand: a similarity of .92 means nothing where all have it."""
    alike = strangers(1) + 0.3 * strangers(300, seed=2)
    parts = np.repeat([0, 1], [200, 100])
    assert cosine(alike[0], alike[250]) > 0.9
    usual = usual_similarity(alike, [(k % 2,) for k in range(300)])
    assert usual > 0.9
    assert near_equal(alike, parts, usual) == []
    alike[250] = alike[10] + 0.05 * strangers(1, seed=3)[0]
    assert [p[:2] for p in near_equal(alike, parts, usual)] == [(10, 250)]


def test_blocks_find_what_one_product_finds(monkeypatch):
    features = np.repeat(strangers(40, 600), 3, axis=0) + 0.25 * strangers(120, 600, 1)
    parts = np.random.default_rng(2).integers(-1, 3, 120)
    whole = near_equal(features, parts)
    monkeypatch.setattr("visioncli.training.data.near_equal._BLOCK", 19)
    monkeypatch.setattr("visioncli.training.data.near_equal._FEW", 3)
    assert [p[:2] for p in near_equal(features, parts)] == [p[:2] for p in whole]
    assert len(whole) > 20
    assert all(a // 3 == b // 3 and parts[a] != parts[b] and min(parts[a], parts[b]) >= 0 for a, b, _ in whole)


def test_features_without_length_equal_nothing():
    features = strangers(4, 16)
    features[0] = features[1] = 0
    features[2] = np.nan
    assert near_equal(features, np.array([0, 1, 0, 1])) == []
    assert near_equal(features, np.zeros(4, int)) == []
    assert near_equal(features[:0], np.zeros(0, int)) == []


def test_two_pictures_can_be_compared():
    pair = np.stack([strangers(1)[0]] * 2)
    assert [p[:2] for p in near_equal(pair, np.array([0, 1]))] == [(0, 1)]
    assert near_equal(strangers(2), np.array([0, 1])) == []


def test_without_two_classes_the_usual_similarity_is_the_lowest():
    assert usual_similarity(strangers(20), [(0,)] * 20) == LEAST
    assert usual_similarity(strangers(20), [(0, 1), ()] * 10) == LEAST
    assert usual_similarity(strangers(200), [(k % 2,) for k in range(200)]) == LEAST


def test_a_copy_with_two_labels_does_not_count_as_two_pictures():
    features = strangers(400)
    features[1] = features[0]
    assert usual_similarity(features, [(k % 2,) for k in range(400)]) == LEAST


def test_without_classes_pictures_stand_out_against_what_is_nearest_to_others():
    """Slices of one tissue resemble each other; a copy of one is still found."""
    slices = strangers(1) + 0.3 * strangers(60, seed=2)
    parts = np.repeat([0, 1], [45, 15])
    usual = usual_nearest(slices)
    assert usual > 0.9
    assert near_equal(slices, parts, usual) == []
    slices[50] = slices[7] + 0.05 * strangers(1, seed=3)[0]
    assert [(a, b) for a, b, _ in near_equal(slices, parts, usual_nearest(slices))] == [(7, 50)]


def test_of_few_or_different_pictures_the_border_is_the_least():
    assert usual_nearest(strangers(1)) == LEAST
    assert usual_nearest(strangers(50)) == LEAST
