"""How like real pictures made ones are, by features of both: Fréchet's distance, precision and recall.

The numbers hang on whose features they are and on how many pictures there were: they compare runs of the same judge
with the same counts, and nothing else. Fréchet's distance of features of another network than Inception's is not FID.
"""

import math
from dataclasses import dataclass

import numpy as np

NEAREST = 3
"""How many neighbours a picture's surroundings reach to, as in the paper."""
_ROWS = 1024
"""Distances of so many pictures to all others are computed at once."""


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The squared Fréchet (2-Wasserstein) distance of two normal distributions with the means and covariances of
    features `a` `(N, F)` and `b` `(M, F)`, N and M at least 2; 0 where these are equal.

    `|m_a - m_b|² + tr(C_a + C_b - 2 (C_a C_b)^½)` (Dowson and Landau, 1982; Heusel and others, 2017,
    https://arxiv.org/abs/1706.08500). With A the centred features divided by the root of N - 1, so that C_a = Aᵀ A,
    the trace of the root is the sum of the singular values of A Bᵀ: no root of a matrix that is nearly singular.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"features of two pictures or more each, of one length, not {a.shape} and {b.shape}")
    mean_a, mean_b = a.mean(0), b.mean(0)
    spread_a, spread_b = (a - mean_a) / math.sqrt(len(a) - 1), (b - mean_b) / math.sqrt(len(b) - 1)
    # Of many pictures the triangles of QR have the same products, and are as small as the features are many.
    root = np.linalg.svd(_triangle(spread_a) @ _triangle(spread_b).T, compute_uv=False).sum()
    traces = np.square(spread_a).sum() + np.square(spread_b).sum()
    return max(0.0, float(np.square(mean_a - mean_b).sum() + traces - 2 * root))


def _triangle(spread: np.ndarray) -> np.ndarray:
    """Something with the product `spread.T @ spread`, and at most as many rows as columns."""
    return np.asarray(np.linalg.qr(spread, mode="r")) if len(spread) > spread.shape[1] else spread


@dataclass(frozen=True, slots=True)
class Coverage:
    """The `precision` of made pictures, the share of them that could be real ones, and their `recall`, the share of
    real ones that could have been made."""

    precision: float
    recall: float


def coverage(real: np.ndarray, made: np.ndarray, nearest: int = NEAREST) -> Coverage:
    """Improved precision and recall (Kynkäänniemi and others, 2019, https://arxiv.org/abs/1904.06991) of features
    `(N, F)` of real pictures and `(M, F)` of made ones.

    A picture could be of the other kind where it lies within the distance of some picture of that kind to its
    `nearest`-th neighbour of the same kind. Raises ValueError where there are not more than `nearest` of each.
    """
    real, made = np.asarray(real, np.float64), np.asarray(made, np.float64)
    if min(len(real), len(made)) <= nearest:
        raise ValueError(f"more than {nearest} pictures of each kind are needed, not {len(real)} and {len(made)}")
    return Coverage(_within(made, real, _radii(real, nearest)), _within(real, made, _radii(made, nearest)))


def nearest_of(queries: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `(N, F)` the place of the nearest of `(M, F)`, `(N,) int64`, and its distance, `(N,) float64`."""
    places, distances = np.zeros(len(queries), np.int64), np.full(len(queries), np.inf)
    queries = np.asarray(queries, np.float64)
    for start in range(0, len(others), _ROWS):
        found = _squared(queries, np.asarray(others[start : start + _ROWS], np.float64))
        best = found.argmin(1)
        least = found[np.arange(len(found)), best]
        nearer = least < distances
        places[nearer], distances[nearer] = best[nearer] + start, least[nearer]
    return places, np.sqrt(distances)


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`(N, M)` squared distances; of equal rows exactly 0 is not promised, but nothing below it."""
    products: np.ndarray = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None] - 2 * (a @ b.T)
    return np.asarray(np.maximum(products, 0.0))


def _radii(features: np.ndarray, nearest: int) -> np.ndarray:
    """The squared distance of each to its `nearest`-th neighbour."""
    found = []
    for start in range(0, len(features), _ROWS):
        distances = _squared(features[start : start + _ROWS], features)
        rows = np.arange(len(distances))
        distances[rows, rows + start] = 0.0  # itself, which is the first
        found.append(np.partition(distances, nearest, axis=1)[:, nearest])
    return np.concatenate(found)


def _within(queries: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> float:
    """The share of `queries` that lie within the radius of any of `centres`."""
    hits = 0
    for start in range(0, len(queries), _ROWS):
        # What rounding makes of a distance of nothing must not put a copy outside.
        distances = _squared(queries[start : start + _ROWS], centres)
        slack = 1e-12 * (np.square(centres).sum(1) + 1e-300)
        hits += int((distances <= radii + slack).any(1).sum())
    return hits / len(queries)
