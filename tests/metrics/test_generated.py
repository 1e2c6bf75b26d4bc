import numpy as np
import pytest

from visioncli.metrics.generated import Coverage, coverage, frechet_distance, nearest_of


def points(seed: int, count: int, width: int, mean: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, (count, width))


def whitened(x: np.ndarray) -> np.ndarray:
    """The same points with mean 0 and the unit matrix for a covariance, exactly."""
    x = x - x.mean(0)
    return np.asarray(x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T)


def test_the_distance_of_equal_sets_is_nothing() -> None:
    for count in (5, 400):  # fewer and more pictures than features
        x = points(0, count, 20)
        assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-9)


def test_a_shift_costs_the_square_of_its_length() -> None:
    x = points(0, 60, 8)
    shift = np.arange(8.0)
    assert frechet_distance(x, x + shift) == pytest.approx(np.square(shift).sum())


def test_a_larger_spread_costs_the_square_of_the_difference_of_deviations_in_each_dimension() -> None:
    x = whitened(points(0, 100, 6))
    assert frechet_distance(x, 3 * x) == pytest.approx(6 * (3 - 1) ** 2)
    factors = np.array([1.0, 2, 3, 0.5, 0, 1])
    assert frechet_distance(x, x * factors) == pytest.approx(np.square(1 - factors).sum())


def test_covariances_that_do_not_commute_have_the_distance_of_the_closed_form() -> None:
    a = whitened(points(0, 200, 2)) @ np.diag([2.0, 1.0])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    b = whitened(points(1, 150, 2)) @ np.diag([1.0, 3.0]) @ turn
    first, second = np.cov(a.T), np.cov(b.T)
    # Of 2 x 2 matrices: tr (AB)^1/2 = (tr AB + 2 (det AB)^1/2)^1/2.
    product = first @ second
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    assert frechet_distance(a, b) == pytest.approx(np.trace(first) + np.trace(second) - 2 * root)


def test_fewer_pictures_than_features_give_the_same_as_the_root_of_the_matrix() -> None:
    a, b = points(0, 7, 12), points(1, 9, 12, 0.5, 2)
    first, second = np.cov(a.T), np.cov(b.T)
    values, vectors = np.linalg.eigh(first)
    half = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    root = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ second @ half), 0)).sum()
    wanted = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first) + np.trace(second) - 2 * root
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(wanted, rel=1e-6)


def test_features_that_cannot_be_compared_are_refused() -> None:
    for a, b in ((np.zeros((1, 3)), np.zeros((5, 3))), (np.zeros((5, 2)), np.zeros((5, 3))), (np.zeros(3),) * 2):
        with pytest.raises(ValueError, match="of one length"):
            frechet_distance(a, b)


def test_equal_sets_cover_each_other_and_distant_ones_do_not() -> None:
    x = points(0, 300, 5)
    assert coverage(x, x.copy()) == Coverage(1.0, 1.0)
    assert coverage(x, x + 100) == Coverage(0.0, 0.0)


def test_sets_of_one_distribution_cover_most_of_each_other() -> None:
    found = coverage(points(0, 800, 3), points(1, 700, 3))
    assert found.precision > 0.85
    assert found.recall > 0.85


def test_a_mode_that_is_never_made_costs_recall_alone() -> None:
    centres = np.eye(4) * 50
    real = np.concatenate([points(k, 200, 4, spread=0.5) + centre for k, centre in enumerate(centres)])
    made = np.concatenate([points(9 + k, 200, 4, spread=0.5) + centre for k, centre in enumerate(centres[:3])])
    found = coverage(real, made)
    assert found.precision > 0.9
    assert found.recall == pytest.approx(0.75, abs=0.06)
    assert found.recall <= 0.75


def test_what_was_never_real_costs_precision_alone() -> None:
    real = points(0, 400, 4)
    made = np.concatenate([points(1, 300, 4), points(2, 100, 4) + 60])
    found = coverage(real, made)
    assert found.precision == pytest.approx(0.75, abs=0.06)
    assert found.recall > 0.85


def test_precision_and_recall_change_places_with_the_sets() -> None:
    real, made = points(0, 90, 3), points(1, 70, 3, 0.5, 0.5)
    there, back = coverage(real, made), coverage(made, real)
    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_surroundings_reach_to_the_third_neighbour() -> None:
    real = np.array([[0.0], [1], [2], [3]])  # of 0 the third neighbour is at 3, of 1 at 2
    assert coverage(real, np.array([[-3.0], [-3.1], [5.9], [6.1]])).precision == 0.5


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 3"):
        coverage(np.zeros((3, 2)), np.zeros((9, 2)))


def test_the_nearest_are_found_over_all_blocks() -> None:
    others = points(0, 3000, 6)
    chosen = [5, 1500, 2999]
    places, distances = nearest_of(others[chosen] + 1e-6, others)
    assert places.tolist() == chosen
    assert distances.max() < 1e-4
