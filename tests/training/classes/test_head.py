"""The head on frozen features, against scikit-learn's logistic regression."""

import numpy as np
import pytest

from visioncli.training.classes import head


def blobs(count: int, seed: int, classes: int = 3, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(0, 1.2, (classes, width))
    labels = rng.integers(0, classes, count)
    return (centres[labels] + rng.normal(0, 1.5, (count, width))).astype(np.float32), labels


def test_probabilities_are_those_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = blobs(300, 1)
    strength = 0.05
    ours = head.fit(x, y, x, y, classes=3, strengths=(strength,), steps=300)
    scaled = (x - x.mean(0)) / x.std(0)
    theirs = linear_model.LogisticRegression(C=1 / (strength * len(x)), tol=1e-8, max_iter=5000).fit(scaled, y)
    logits = ours.logits(x)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    assert np.allclose(powers / powers.sum(1, keepdims=True), theirs.predict_proba(scaled), atol=2e-3)


def test_the_strength_with_the_least_validation_loss_is_chosen() -> None:
    x, y = blobs(40, 1)
    val = blobs(300, 2)
    found = head.fit(x, y, *val, classes=3)
    assert len(found.losses) == len(head.STRENGTHS)
    assert found.strength == min(found.losses, key=lambda pair: pair[1])[0]
    assert min(loss for _, loss in found.losses) == pytest.approx(head.validation_loss(found.logits(val[0]), val[1]))


def test_a_class_that_is_not_in_the_pictures_has_a_column_all_the_same() -> None:
    x, y = blobs(60, 1)
    assert head.fit(x, y, x, y, classes=5).weight.shape == (5, 12)


def test_several_labels_are_learned_each_by_itself() -> None:
    x, y = blobs(200, 1)
    marks = np.stack([y == 0, y != 0], axis=1).astype(np.float32)
    logits = head.fit(x, marks, x, marks, classes=2).logits(x)
    assert ((logits > 0) == (marks > 0.5)).mean() > 0.85


def test_too_sure_and_unsure_heads_have_the_same_loss() -> None:
    x, y = blobs(200, 1)
    logits = head.fit(x, y, x, y, classes=3).logits(x)
    assert head.validation_loss(logits * 7, y) == pytest.approx(head.validation_loss(logits, y), rel=1e-4)


def test_a_constant_feature_does_no_harm() -> None:
    x, y = blobs(60, 1)
    x[:, 3] = 2.0
    assert np.isfinite(head.fit(x, y, x, y, classes=3).logits(x)).all()
