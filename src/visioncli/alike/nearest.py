"""The pictures whose features point most nearly in the direction of a query's, exactly, in one pass over them all."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from visioncli.tasks.embed.unit_length import unit

BLOCK = 4096
"""Vectors that are compared at once: 20 MiB of them."""


class Nearest:
    """Keeps the `top` most similar of all that it is shown, for Q queries. Memory does not grow
    with that.

    `queries` is `(Q, F) float32`. Similarity is the cosine, computed in float32; of equal ones the earlier is first.
    """

    def __init__(self, queries: np.ndarray, top: int) -> None:
        self._queries, self._top = unit(queries), top
        self.places: NDArray[np.int64] = np.zeros((len(queries), 0), np.int64)
        """`(Q, up to top) int64`: which of those shown, most similar first."""
        self.scores: NDArray[np.float32] = np.zeros((len(queries), 0), np.float32)
        """`(Q, up to top) float32`: their cosines."""
        self._seen = 0
        self._waiting: list[np.ndarray] = []

    def show(self, vector: np.ndarray) -> None:
        """Takes the next one, `(F,) float32`."""
        self._waiting.append(vector)
        if len(self._waiting) == BLOCK:
            self.finish()

    def finish(self) -> None:
        """Compares what is still waiting."""
        if not self._waiting:
            return
        block = unit(np.stack(self._waiting))
        places = self._seen + np.arange(len(block))
        self._seen += len(block)
        self._waiting = []
        scores = np.concatenate([self.scores, self._queries @ block.T], axis=1)
        every = np.concatenate([self.places, np.broadcast_to(places, (len(self._queries), len(places)))], axis=1)
        if scores.shape[1] > 4 * self._top:
            # The bound is the last of the best; a partition alone would choose among equal ones by chance.
            bound = -np.partition(-scores, self._top - 1, axis=1)[:, self._top - 1 : self._top]
            kept = [np.flatnonzero(row) for row in scores >= bound]
            longest = max(map(len, kept))
            columns = np.stack([np.pad(k, (0, longest - len(k)), constant_values=k[0]) for k in kept])
            filler = np.arange(longest)[None] >= np.array([len(k) for k in kept])[:, None]
            scores = np.where(filler, -np.inf, np.take_along_axis(scores, columns, 1))
            every = np.take_along_axis(every, columns, 1)
        order = np.lexsort((every, -scores), axis=1)[:, : self._top]
        self.scores = np.take_along_axis(scores, order, 1).astype(np.float32)
        self.places = np.take_along_axis(every, order, 1)

    def best(self, query: int) -> Iterator[tuple[int, float]]:
        """The place and the cosine of each, most similar first."""
        rows: Iterable[tuple[int, float]] = zip(self.places[query].tolist(), self.scores[query].tolist(), strict=True)
        return ((place, min(score, 1.0)) for place, score in rows)
