"""Which pictures may be the same, and which are: proposals by hash and features, decided by laying them over each
other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncli.alike.sight import Sight
from visioncli.alike.thumbnails import SIDE, Fits, fit, hashes
from visioncli.tasks.embed.unit_length import unit

# All limits are of 40 COCO pictures with 300 altered copies, and 344 other photographs; benchmarks/duplicates.py
# measures what they give.
SIMILAR = 0.65
"""Cosine of features from which on a pair is looked at: copies had .82 or more, but at a quarter of the size .45; of
300,000 pairs of different photographs, 330."""
HASH_DISTANCE = 10
"""Bits of 64 in which the hashes of a pair may differ, whatever its features are. Copies without a cut differed in 6,
different photographs in 14 or more."""
OVERVIEW = 0.4
"""Correlation of 16 x 16 pixels, unaligned, below which no pair is fitted: cut copies had .65 or more, of strangers
with similar features one of fourteen had .4."""
MOST = 16
"""Proposals for one picture: of a thousand frames of one camera the nearest will do."""
SCORE, WORST, OVERLAP = 0.965, 0.33, 0.7
"""What a copy must reach. Copies cut by 5 % on each side had .994 and .27; pictures with one object moved by 5 % of
the width had at most .994 and at least .37; strangers at most .82 and at least 1.1."""
PROMISING = 0.8
"""Score after a coarse fit below which no finer one, nor the other direction, is tried."""
SAME_SCORE, SAME_WORST, SAME_WARP, SAME_TONES, SAME_SHAPE = 0.995, 0.12, 0.012, 4.0, 0.03
"""Of a picture that was only stored again, in whatever size: nothing is cut or shifted, grey levels are the same."""
_OVERVIEW_SIDE = 16
_BLOCK = 2048

EQUAL, REENCODED, RESIZED, ALTERED, MIRRORED = "equal", "reencoded", "resized", "altered", "mirrored"


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two pictures that are one: what makes them different, and how much of the one the other explains."""

    kind: str
    score: float


class Comparison:
    """Pictures that can be compared in pairs, by their places."""

    def __init__(self, sights: Sequence[Sight], *, mirrored: bool = False) -> None:
        self._sights, self._mirrored = sights, mirrored
        self._thumbnails = np.stack([s.thumbnail for s in sights]) if sights else np.zeros((0, SIDE, SIDE), np.uint8)

    def alike(self) -> dict[tuple[int, int], Likeness]:
        """The pairs (lower place, higher place) of all that are the same picture."""
        found = self.compare(self._proposals(mirrored=False), mirrored=False)
        if self._mirrored:
            more = [pair for pair in self._proposals(mirrored=True) if pair not in found]
            found |= self.compare(more, mirrored=True)
        return found

    def compare(
        self, pairs: Sequence[tuple[int, int]], *, mirrored: bool | None = None
    ) -> dict[tuple[int, int], Likeness]:
        """Those of `pairs` that are the same picture; `mirrored` ones, not mirrored ones, or by default either as the
        comparison was made for."""
        if mirrored is None:
            found = self.compare(pairs, mirrored=False)
            rest = [pair for pair in pairs if pair not in found] if self._mirrored else []
            return found | self.compare(rest, mirrored=True)
        alike: dict[tuple[int, int], Likeness] = {}
        left = list(pairs)
        # Of a cut, one direction sees all of the smaller picture, so that what fails one way may pass the other.
        for first in (0, 1):
            if not left:
                break
            places = np.array(left, np.intp)
            one, other = self._thumbnails[places[:, first]], self._thumbnails[places[:, 1 - first]]
            fits = fit(one, other[:, :, ::-1] if mirrored else other, PROMISING)
            tones = np.abs(one.astype(np.int16) - other).mean(axis=(1, 2))
            again = []
            for n, pair in enumerate(left):
                likeness = self._judged(fits, n, pair, float(tones[n]), mirrored=mirrored)
                if likeness is not None:
                    alike[pair] = likeness
                elif fits.score[n] >= PROMISING:
                    again.append(pair)
            left = again
        return alike

    def _judged(self, fits: Fits, n: int, pair: tuple[int, int], tones: float, *, mirrored: bool) -> Likeness | None:
        score, worst = float(fits.score[n]), float(fits.worst[n])
        if score < SCORE or worst > WORST or fits.inside[n] < OVERLAP:
            return None
        if mirrored:
            return Likeness(MIRRORED, score)
        a, b = (self._sights[place] for place in pair)
        shapes = (a.width / a.height) / (b.width / b.height)
        shifted = float(np.abs(fits.warp[n] - np.array([1, 0, 1, 0])).max())
        same = score >= SAME_SCORE and worst <= SAME_WORST and shifted <= SAME_WARP and tones <= SAME_TONES
        if not same or abs(shapes - 1) > SAME_SHAPE:
            return Likeness(ALTERED, score)
        return Likeness(REENCODED if (a.width, a.height) == (b.width, b.height) else RESIZED, score)

    def _proposals(self, *, mirrored: bool) -> list[tuple[int, int]]:
        """Pairs that may be the same picture."""
        count = len(self._sights)
        if count < 2:
            return []
        plain = self._thumbnails
        turned = np.ascontiguousarray(plain[:, :, ::-1]) if mirrored else plain
        ours, theirs = hashes(plain), hashes(turned)
        overview, other = _overview(plain), _overview(turned)
        vectors = [s.features for s in self._sights]
        features = unit(np.stack(vectors).astype(np.float32)) if all(map(len, vectors)) and vectors else None
        pairs: set[tuple[int, int]] = set()
        for start in range(0, count, _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, count))
            for begin in range(start, count, _BLOCK):
                columns = np.arange(begin, min(begin + _BLOCK, count))
                near = np.bitwise_count(ours[rows, None] ^ theirs[None, columns]) <= HASH_DISTANCE
                if features is not None:
                    near |= features[rows] @ features[columns].T >= SIMILAR
                near &= rows[:, None] < columns[None]
                i, j = (places.astype(np.intp) for places in np.nonzero(near))
                for a, b in _nearest(rows[i], columns[j], overview, other):
                    pairs.add((a, b))
        return sorted(pairs)


def _nearest(
    i: NDArray[np.intp], j: NDArray[np.intp], overview: np.ndarray, other: np.ndarray
) -> list[tuple[int, int]]:
    """Of the pairs (i, j) those whose overviews correlate, at most MOST for each i and each j of this block."""
    likeness = np.empty(len(i), np.float32)
    for start in range(0, len(i), _BLOCK):
        part = slice(start, start + _BLOCK)
        likeness[part] = np.einsum("pf,pf->p", overview[i[part]], other[j[part]])
    order = np.argsort(-likeness, kind="stable")
    left: dict[int, int] = {}
    right: dict[int, int] = {}
    chosen = []
    for n in order[likeness[order] >= OVERVIEW].tolist():
        a, b = int(i[n]), int(j[n])
        if left.get(a, 0) < MOST or right.get(b, 0) < MOST:
            left[a], right[b] = left.get(a, 0) + 1, right.get(b, 0) + 1
            chosen.append((a, b))
    return chosen


def _overview(thumbnails: np.ndarray) -> np.ndarray:
    """`(N, 256) float32`, of mean 0 and length 1: dot products are correlations."""
    n, step = len(thumbnails), SIDE // _OVERVIEW_SIDE
    small = thumbnails.reshape(n, _OVERVIEW_SIDE, step, _OVERVIEW_SIDE, step).mean(axis=(2, 4), dtype=np.float32)
    flat = small.reshape(n, -1)
    return unit(flat - flat.mean(axis=1, keepdims=True))
