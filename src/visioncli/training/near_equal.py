"""Pairs of nearly equal pictures, found by their features in bounded memory.

Measured with the pooled features of EfficientNet-Lite0, as cosine similarities. Any two of 244 photographs that are
different reach .823 at most, as do 1,000 x 2,000 pictures of CIFAR-10. Mirrored copies of the photographs all lie
above .918, brighter ones above .902, those cropped by 3 % on each side above .891, and 82 of 100 that were stored
again at JPEG quality 50 above .9. Different digits of MNIST reach .97, though, so that the border adapts to the set.
"""

from collections.abc import Sequence

import numpy as np

NEAR_EQUAL = 0.9
"""The lowest cosine similarity at which two pictures can count as the same."""
CLOSER = 0.4
"""A copy is at most so many times as far as the nearest pictures of two different classes."""
_SAMPLED = 1000
_CLOSEST = 99.0
"""Percentile: a copy that has two labels must not pass for two different pictures."""
_BLOCK = 2048
"""Pictures that are compared with as many others at once: 16 MiB of similarities."""
_SHORT = 256
"""Features are first compared by so many random projections of them, five times as fast as by all 1,280."""


def border(features: np.ndarray, labels: Sequence[tuple[int, ...]]) -> float:
    """The cosine similarity from which on two pictures of this set count as the same, NEAR_EQUAL or more.

    `features` is `(N, F) float32`. Pictures without a class in common are surely different; the border lies between
    what the closest of them reach (a seeded sample of them) and 1.
    """
    whole = _unit(features)
    only = np.array([label[0] if len(label) == 1 else -1 for label in labels], int)
    known = np.flatnonzero(only >= 0)
    if len(np.unique(only[known])) < 2:
        return NEAR_EQUAL
    sample = np.random.default_rng(0).permutation(known)[:_SAMPLED]
    closest = np.full(len(sample), -1.0, np.float32)
    for begin in range(0, len(known), _BLOCK):
        block = known[begin : begin + _BLOCK]
        similar = whole[sample] @ whole[block].T
        similar[only[sample][:, None] == only[block]] = -1
        closest = np.maximum(closest, similar.max(axis=1))
    return max(NEAR_EQUAL, 1 - CLOSER * (1 - float(np.percentile(closest, _CLOSEST))))


def near_equal(
    features: np.ndarray, parts: np.ndarray, threshold: float = NEAR_EQUAL
) -> list[tuple[int, int, float]]:
    """Pairs in two different parts whose cosine similarity is at least `threshold`, the most similar first.

    `features` is `(N, F) float32`, `parts` `(N,) int`, below 0 for pictures that are left out. Of each picture of
    the smaller part at most the most similar one of the other part is given: (lower place, higher place, similarity).
    """
    parts = np.asarray(parts)
    names = [p for p in np.unique(parts).tolist() if p >= 0]
    if len(names) < 2:
        return []
    whole = _unit(features)
    shorten = whole.shape[1] > 2 * _SHORT
    short = _unit(_shortened(whole)) if shorten else whole
    # A projection's error is a few times (1 - s^2) / sqrt(_SHORT), s being the similarity itself.
    coarse = threshold - (6 * (1 - threshold**2) / _SHORT**0.5 if shorten else 1e-5)
    pairs: dict[tuple[int, int], float] = {}
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            one, other = sorted((np.flatnonzero(parts == first), np.flatnonzero(parts == second)), key=len)
            for a, b, similarity in _across(whole, short, one, other, coarse):
                if similarity >= threshold:
                    pairs[min(a, b), max(a, b)] = similarity
    return sorted(((a, b, s) for (a, b), s in pairs.items()), key=lambda p: (-p[2], p[0], p[1]))


def _across(
    whole: np.ndarray, short: np.ndarray, one: np.ndarray, other: np.ndarray, coarse: float
) -> list[tuple[int, int, float]]:
    """For each picture of `one` the most similar of `other`, of those that the short features let through."""
    best: dict[int, tuple[int, float]] = {}
    for start in range(0, len(one), _BLOCK):
        rows = one[start : start + _BLOCK]
        left = short[rows]
        for begin in range(0, len(other), _BLOCK):
            columns = other[begin : begin + _BLOCK]
            near = np.argwhere(left @ short[columns].T >= coarse)
            for at in range(0, len(near), _BLOCK):
                pair = near[at : at + _BLOCK]
                a, b = rows[pair[:, 0]], columns[pair[:, 1]]
                exact = np.einsum("nf,nf->n", whole[a], whole[b])
                for k, n, similarity in zip(a.tolist(), b.tolist(), exact.tolist(), strict=True):
                    if similarity > best.get(k, (0, -2.0))[1]:
                        best[k] = (n, similarity)
    return [(a, b, s) for a, (b, s) in best.items()]


def _unit(features: np.ndarray) -> np.ndarray:
    """Each row with length 1; rows of zeros, and of what is no number, stay zeros."""
    rows = np.nan_to_num(np.asarray(features, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    return rows


def _shortened(rows: np.ndarray) -> np.ndarray:
    directions = np.random.default_rng(0).standard_normal((rows.shape[1], _SHORT), np.float32)
    return rows @ directions
