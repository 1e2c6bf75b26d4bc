"""Recordings for training: decoded and resampled once, and kept as far as memory allows."""

from collections.abc import Callable, Sequence

import numpy as np

from visioncli.labelled.interface import Example
from visioncli.labelled.recordings import opened
from visioncli.models.sound import SoundSpec
from visioncli.sounds.spectrogram import pieces, windows
from visioncli.training.data.kept import Kept
from visioncli.training.data.store import BUDGET

LONGEST = 600.0
"""Seconds of a recording that are learned from: of those that are longer, the first ones."""
MOST_WINDOWS = 32
"""Of a long recording, by which epochs are compared; at the end all of them count."""


class SoundStore:
    """Recordings by place. Any thread may ask."""

    def __init__(self, examples: Sequence[Example], spec: SoundSpec, budget: int = BUDGET) -> None:
        self._examples, self._spec, self._kept = examples, spec, Kept(budget)

    def get(self, place: int) -> np.ndarray:
        """`(N,) float32`, its samples at the recipe's rate, of LONGEST seconds at most. Raises InputError."""
        return self._remembered("samples", place, self._samples)

    def plain(self, place: int) -> np.ndarray:
        """`(n, frames, mels) uint8`: the windows that the network looks at when it predicts, at most MOST_WINDOWS of
        them, evenly apart. Raises InputError."""
        return self._remembered("windows", place, self._windows)

    def _remembered(self, kind: str, place: int, make: Callable[[Example], np.ndarray]) -> np.ndarray:
        made: np.ndarray = self._kept.get((kind, place), lambda: make(self._examples[place]))
        return made

    def _samples(self, example: Example) -> np.ndarray:
        parts, most = [], round(LONGEST * self._spec.rate)
        for block in opened(example).blocks(self._spec.rate):
            parts.append(block)
            most -= len(block)
            if most <= 0:
                break
        return np.concatenate(parts)

    def _windows(self, example: Example) -> np.ndarray:
        each = list(windows(pieces(opened(example), self._spec), self._spec))
        every = np.concatenate(each)
        if len(every) > MOST_WINDOWS:
            every = every[np.linspace(0, len(every) - 1, MOST_WINDOWS).round().astype(int)]
        return every
