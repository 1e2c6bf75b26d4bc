"""Pairs of nearly equal recordings in different parts of a set: copies, stored in another way or changed a little."""

from collections.abc import Sequence

import numpy as np

from visioncli.errors import InputError
from visioncli.labelled.interface import Example
from visioncli.labelled.recordings import opened
from visioncli.sounds import likeness as alike
from visioncli.training.data.kept import Kept
from visioncli.training.data.near_equal import Pairs, nearest, unit

COMPARED = 8
"""Of each recording of the smaller part so many of the other are laid over it, those that are most like it by their
descriptions."""
_LEAST = 0.4
"""Cosine of two descriptions below which recordings are not laid over each other."""
_HELD = 64 << 20
"""Bytes of beginnings of recordings that stay in memory."""


class SoundPairs:
    """Finds pairs among recordings of which there are descriptions, `(N, F) float32`, zeros where one could not be
    read; a pair is compared once, however often it is asked for."""

    def __init__(self, examples: Sequence[Example], described: np.ndarray) -> None:
        self._examples = examples
        good = described.any(axis=1)
        mean = described[good].mean(axis=0) if good.any() else 0.0
        spread = described[good].std(axis=0) if good.any() else 1.0
        standard = (described - mean) / np.maximum(spread, 1e-6)
        standard[~good] = 0
        self._whole = unit(standard)
        self._known: dict[tuple[int, int], float] = {}
        self._kept = Kept(_HELD)

    def __call__(self, parts: np.ndarray) -> Pairs:
        """Pairs in two different parts (`(N,) int`, below 0 for what is left out), the most alike first: (lower
        place, higher place, likeness). Of each recording of the smaller part at most the likest of the other."""
        names = [p for p in np.unique(parts).tolist() if p >= 0]
        pairs: dict[tuple[int, int], float] = {}
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                one, other = sorted((np.flatnonzero(parts == first), np.flatnonzero(parts == second)), key=len)
                for n, close in zip(one.tolist(), other[nearest(self._whole, one, other)].tolist(), strict=True):
                    found = max(((self._likeness(n, m), m) for m in close[:COMPARED]), default=(0.0, n))
                    if found[0] >= alike.SAME:
                        pairs[min(n, found[1]), max(n, found[1])] = found[0]
        return sorted(((a, b, s) for (a, b), s in pairs.items()), key=lambda p: (-p[2], p[0], p[1]))

    def _likeness(self, a: int, b: int) -> float:
        if float(self._whole[a] @ self._whole[b]) < _LEAST:
            return 0.0
        pair = min(a, b), max(a, b)
        if pair not in self._known:
            self._known[pair] = alike.likeness(*(self._beginning(n) for n in pair))
        return self._known[pair]

    def _beginning(self, place: int) -> np.ndarray:
        found: np.ndarray = self._kept.get(place, lambda: self._read(place))
        return found

    def _read(self, place: int) -> np.ndarray:
        try:
            recording = opened(self._examples[place])
            return alike.beginning(recording.blocks(alike.HEARD.rate))
        except (InputError, OSError):  # it was readable a moment ago
            return np.zeros(1, np.float32)
