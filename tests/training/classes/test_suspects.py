import csv
import hashlib

import numpy as np
import pytest

from visioncli.training.classes.suspects import Suspect, _folds, suspects, write_suspects


def contents(n):
    return [hashlib.sha256(str(k).encode()).hexdigest() for k in range(n)]


def nearest_centre(classes):
    """A head that needs no library: softmax of the negative squared distance to the mean of each class."""

    def fit(features, labels):
        absent = np.full(features.shape[1], 1e3)
        centres = np.stack(
            [features[labels == c].mean(axis=0) if (labels == c).any() else absent for c in range(classes)]
        )

        def head(given):
            scores = -((given[:, None] - centres) ** 2).sum(axis=2)
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            return scores / scores.sum(axis=1, keepdims=True)

        return head

    return fit


def clouds(n, classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = 2.5 * rng.standard_normal((classes, 8))
    return (centres[labels] + rng.standard_normal((n, 8))).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 5])
def test_flipped_labels_are_found_first_with_the_class_that_they_were(classes):
    features, truth = clouds(500, classes)
    flipped = np.random.default_rng(1).permutation(500)[:40]
    labels = truth.copy()
    labels[flipped] = (labels[flipped] + 1) % classes
    found = suspects(features, labels, contents(500), nearest_centre(classes))
    first = [s.index for s in found[:40]]
    assert len(set(first) & set(flipped.tolist())) >= 36
    assert all(s.looks_like == truth[s.index] for s in found if s.index in flipped)
    assert [s.margin for s in found] == sorted(s.margin for s in found)
    assert all(s.margin < 0 and s.label == labels[s.index] for s in found)


def test_the_order_of_the_pictures_and_repeats_do_not_change_who_is_suspect():
    features, labels = clouds(200, 3)
    labels[:10] = (labels[:10] + 1) % 3
    order = np.random.default_rng(2).permutation(200)
    one = suspects(features, labels, contents(200), nearest_centre(3), repeats=2)
    hashes = [contents(200)[k] for k in order]
    other = suspects(features[order], labels[order], hashes, nearest_centre(3), repeats=2)
    margins = {s.index: s.margin for s in one}
    assert margins == pytest.approx({int(order[s.index]): s.margin for s in other}, abs=1e-4)
    assert len(margins) >= 8


def test_copies_and_groups_are_in_one_fold_and_classes_in_all():
    hashes = contents(200)
    hashes[100:110] = hashes[:10]
    groups = [f"g{k // 2}" if k < 100 else "" for k in range(200)]
    labels = np.arange(200) % 4 // 2
    fold = _folds(labels, hashes, groups, 5, 0)
    assert (fold[100:110] == fold[:10]).all()
    assert (fold[:100:2] == fold[1:100:2]).all()
    assert all(len(set(fold[labels == c])) == 5 for c in (0, 1))


def test_a_class_that_its_head_has_never_seen_is_not_suspected():
    features, labels = clouds(100, 2)
    labels[0] = 2
    found = suspects(features, labels, contents(100), nearest_centre(3))
    assert 0 not in [s.index for s in found]


def test_too_few_pictures_have_no_suspects():
    features, labels = clouds(3, 2)
    assert suspects(features, labels, ["same"] * 3, nearest_centre(2)) == []
    assert suspects(features[:0], labels[:0], [], nearest_centre(2)) == []


def test_the_table_names_pictures_and_classes(tmp_path):
    found = [Suspect(1, 0, 1, 0.125, 0.875), Suspect(0, 1, 0, 0.25, 0.5)]
    write_suspects(tmp_path / "suspects.csv", found, ["a.jpg", "=b.jpg"], ("cat", "dog"))
    rows = list(csv.DictReader((tmp_path / "suspects.csv").open()))
    assert rows[0] == {
        "rank": "1",
        "path": "'=b.jpg",
        "label": "cat",
        "looks_like": "dog",
        "margin": "-0.7500",
        "label_probability": "0.1250",
        "looks_like_probability": "0.8750",
    }
    assert rows[1]["path"] == "a.jpg"
