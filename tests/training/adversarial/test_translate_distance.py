import numpy as np
import pytest
import torch

from visioncli.training.adversarial.translate_distance import FeatureDistances
from visioncli.weights.downloads import Access


@pytest.fixture(scope="module")
def kinds() -> tuple[np.ndarray, np.ndarray]:
    """Flat pictures, and striped ones."""
    rng = np.random.default_rng(0)
    flat = np.broadcast_to(rng.integers(0, 256, (6, 1, 1, 3), np.uint8), (6, 24, 24, 3)).copy()
    striped = flat.copy()
    striped[:, ::4] = 255 - striped[:, ::4]
    return flat, striped


def test_pictures_that_are_those_of_the_other_kind_have_no_distance(kinds: tuple[np.ndarray, np.ndarray]) -> None:
    distances = FeatureDistances(torch.device("cpu"), Access())
    distances.compare_with(*kinds)
    before = distances.before()
    assert before is not None and before > 0
    flat, striped = kinds
    right, wrong = distances.numbers(striped, flat), distances.numbers(flat, striped)
    assert right["distance_a_to_b"] == pytest.approx(0, abs=1e-3 * before)
    assert right["distance_b_to_a"] == pytest.approx(0, abs=1e-3 * before)
    assert wrong["distance_a_to_b"] == pytest.approx(before, rel=1e-3)
    assert distances.name == "efficientnet_lite0 at 64 pixels"


def test_of_one_picture_there_is_no_distance(kinds: tuple[np.ndarray, np.ndarray]) -> None:
    distances = FeatureDistances(torch.device("cpu"), Access())
    flat, striped = kinds
    distances.compare_with(flat[:1], striped)
    assert distances.before() is None
    assert distances.numbers(striped, striped)["distance_b_to_a"] is None
