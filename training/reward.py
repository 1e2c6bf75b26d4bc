"""CIDEr-D of single captions, fast enough to be a reward at every step of training."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

LONGEST = 4
SIGMA = 6.0

Words = Sequence[str]
Grams = Counter[tuple[str, ...]]


class _Vector(NamedTuple):
    weights: dict[tuple[str, ...], float]
    norms: tuple[float, ...]
    length: int


def grams(words: Words) -> Grams:
    """Counts of all runs of one to four words."""
    return Counter(tuple(words[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1))


class Cider:
    """CIDEr-D (Vedantam et al. 2015, arXiv:1411.5726) of one caption against the captions of its picture.

    How rare a run of words is, is counted once over the pictures given at the start, as `pycocoevalcap` counts
    it over the pictures that it scores; all else is as there, the factor of 10 too.
    """

    def __init__(self, captions: Mapping[int, Sequence[Words]]) -> None:
        seen = Counter[tuple[str, ...]]()
        for own in captions.values():
            seen.update({gram for words in own for gram in grams(words)})
        self._pictures = math.log(max(len(captions), 1))
        self._rare = {gram: self._pictures - math.log(count) for gram, count in seen.items()}
        self._true = {key: [self._vector(words) for words in own] for key, own in captions.items()}

    def _vector(self, words: Words) -> _Vector:
        weights = {gram: count * self._rare.get(gram, self._pictures) for gram, count in grams(words).items()}
        squares = [0.0] * LONGEST
        for gram, weight in weights.items():
            squares[len(gram) - 1] += weight * weight
        return _Vector(weights, tuple(map(math.sqrt, squares)), len(words))

    def score(self, picture: int, words: Words) -> float:
        """CIDEr-D of `words` for a picture, from 0 to 10."""
        told = self._vector(words)
        return 10 * sum(_alike(told, true) for true in self._true[picture]) / len(self._true[picture])


def _alike(told: _Vector, true: _Vector) -> float:
    products = [0.0] * LONGEST
    for gram, weight in told.weights.items():
        other = true.weights.get(gram)
        if other is not None:
            products[len(gram) - 1] += min(weight, other) * other
    cosines = (p / (a * b) for p, a, b in zip(products, told.norms, true.norms, strict=True) if a and b)
    # pycocoevalcap counts pairs of words, so that both lengths are one less.
    return (
        sum(cosines)
        / LONGEST
        * math.exp(-((max(told.length - 1, 0) - max(true.length - 1, 0)) ** 2) / (2 * SIGMA**2))
    )
