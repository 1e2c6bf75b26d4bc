"""Pairs of nearly equal pictures in different parts of a set, found by their features in bounded memory.

No fixed border of similarity serves: with the pooled features of EfficientNet-Lite0, different digits of MNIST reach
a cosine of .97, two photographs .82, and a photograph and its copy at half the size often only .85. So a pair must
stand out twice: against the closest pictures of different classes, and against the next picture beside the pair
(Lowe's ratio test). At the limit below, copies of 244 photographs were found: all that were mirrored, brighter or
cropped by 3 % on each side; of those cropped by 8 % .98, stored again at JPEG quality 50 1.00, at 20 .62, of half the
size .69, without colour .19. No different pictures were named in 20 divisions of the photographs, nor among
3,000 x 15,000 digits of MNIST and 1,000 x 2,000 pictures of CIFAR-10.
"""

from collections.abc import Sequence

import numpy as np

LIMIT = 0.2
"""Of the product of both distances, each as a share of the distance that it has to stand out against."""
LEAST = 0.67
"""Cosine similarity that the closest pictures of different classes are taken to have at least."""
_SAMPLED = 1000
_CLOSEST = 99.0
"""Percentile: a copy that has two labels must not pass for two different pictures."""
_BLOCK = 2048
"""Pictures that are compared with as many others at once: 16 MiB of similarities."""
_FEW = 64
"""Pictures whose nearest ones are gathered at once: 5 MiB of features."""
_NEAREST = 16
_SHORT = 256
"""Features are first compared by so many random projections of them, five times as fast as by all 1,280."""

Pairs = list[tuple[int, int, float]]


def usual_similarity(features: np.ndarray, labels: Sequence[tuple[int, ...]]) -> float:
    """The cosine similarity that the closest pictures of different classes have in this set, LEAST or more.

    `features` is `(N, F) float32`; `labels` are the classes of each picture, of which those with one class count.
    """
    only = np.array([label[0] if len(label) == 1 else -1 for label in labels], int)
    known = np.flatnonzero(only >= 0)
    if len(np.unique(only[known])) < 2:
        return LEAST
    sample = np.random.default_rng(0).permutation(known)[:_SAMPLED]
    left = unit(features[sample])
    closest = np.full(len(sample), -1.0, np.float32)
    for begin in range(0, len(known), _BLOCK):
        block = known[begin : begin + _BLOCK]
        similar = left @ unit(features[block]).T
        similar[only[sample][:, None] == only[block]] = -1
        closest = np.maximum(closest, similar.max(axis=1))
    return max(LEAST, float(np.percentile(closest, _CLOSEST)))


def usual_nearest(features: np.ndarray) -> float:
    """The cosine similarity of a picture and the one most similar to it, in the middle of the set; LEAST or more.

    What pictures must stand out against that have no classes of their own, such as those with masks: slices of one
    tissue, or pieces of one map, resemble each other more than photographs do. None of 20 slices of one stack and of
    60 pieces of one map were named in 20 divisions each. Of 19 copies were found: brighter 19, mirrored 18, of half
    the size 17, stored at JPEG quality 50 15, cropped by 3 % on each side 12; turned by a quarter none.
    """
    sample = np.random.default_rng(0).permutation(len(features))[:_SAMPLED]
    if len(sample) < 2:
        return LEAST
    whole = unit(features)
    closest = np.full(len(sample), -1.0, np.float32)
    for begin in range(0, len(whole), _BLOCK):
        similar = whole[sample] @ whole[begin : begin + _BLOCK].T
        similar[sample[:, None] == np.arange(begin, begin + similar.shape[1])] = -1
        closest = np.maximum(closest, similar.max(axis=1))
    return max(LEAST, float(np.median(closest)))


def near_equal(features: np.ndarray, parts: np.ndarray, usual: float = LEAST) -> Pairs:
    """Pairs of nearly equal pictures in two different parts, the most similar first.

    `features` is `(N, F) float32`, `parts` `(N,) int`, below 0 for pictures that are left out, `usual` as
    `usual_similarity` gives it. Of each picture of the smaller part at most the most similar one of the other part
    is given: (lower place, higher place, cosine similarity).
    """
    parts = np.asarray(parts)
    names = [p for p in np.unique(parts).tolist() if p >= 0]
    if len(names) < 2:
        return []
    whole = unit(features)
    short = unit(_shortened(whole)) if whole.shape[1] > 2 * _SHORT else whole
    pairs: dict[tuple[int, int], float] = {}
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            one, other = sorted((np.flatnonzero(parts == first), np.flatnonzero(parts == second)), key=len)
            for start in range(0, len(one), _BLOCK):
                rows = one[start : start + _BLOCK]
                close = other[nearest(short, rows, other)]
                for begin in range(0, len(rows), _FEW):
                    few = slice(begin, begin + _FEW)
                    for a, b, s in _standing_out(whole, rows[few], close[few], usual):
                        pairs[min(a, b), max(a, b)] = s
    return sorted(((a, b, s) for (a, b), s in pairs.items()), key=lambda p: (-p[2], p[0], p[1]))


def nearest(features: np.ndarray, rows: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Places in `other` of the pictures that are most similar to each of `rows`, `(R, up to _NEAREST) int`."""
    left = features[rows]
    places = np.zeros((len(rows), 0), int)
    similar = np.zeros((len(rows), 0), np.float32)
    for begin in range(0, len(other), _BLOCK):
        block = left @ features[other[begin : begin + _BLOCK]].T
        new = np.broadcast_to(np.arange(begin, begin + block.shape[1]), block.shape)
        if block.shape[1] > _NEAREST:
            best = np.argpartition(-block, _NEAREST, axis=1)[:, :_NEAREST]
            block, new = np.take_along_axis(block, best, 1), best + begin
        similar, places = np.concatenate([similar, block], 1), np.concatenate([places, new], 1)
        order = np.argsort(-similar, axis=1, kind="stable")[:, :_NEAREST]
        similar, places = np.take_along_axis(similar, order, 1), np.take_along_axis(places, order, 1)
    return places


def _standing_out(whole: np.ndarray, rows: np.ndarray, nearest: np.ndarray, usual: float) -> Pairs:
    """Of each picture its most similar one, where the pair stands out; `nearest` is `(R, K) int` places."""
    others = whole[nearest]
    similar = np.einsum("rf,rkf->rk", whole[rows], others)
    every = np.arange(len(rows))
    best = similar.argmax(axis=1)
    first = similar[every, best]
    # Further copies of the same picture, and frames beside it, are no strangers to stand out against.
    family = np.einsum("rf,rkf->rk", others[every, best], others) >= first[:, None] - 1e-6
    strangers = np.where(family, -1.0, similar)
    second = np.where(family.all(axis=1), similar.min(axis=1), strangers.max(axis=1))
    if nearest.shape[1] < 2:
        second = np.full(len(rows), usual)
    apart = 1 - first
    product = apart / (1 - usual + 1e-6) * apart / (1 - second + 1e-6)
    alike = np.flatnonzero((product <= LIMIT) & (first > LEAST))
    return [(int(rows[k]), int(nearest[k, best[k]]), min(float(first[k]), 1.0)) for k in alike.tolist()]


def unit(features: np.ndarray) -> np.ndarray:
    """Each row with length 1; rows of zeros, and of what is no number, stay zeros."""
    rows = np.nan_to_num(np.asarray(features, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    return rows


def _shortened(rows: np.ndarray) -> np.ndarray:
    directions = np.random.default_rng(0).standard_normal((rows.shape[1], _SHORT), np.float32)
    return rows @ directions
