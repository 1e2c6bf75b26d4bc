"""Masks -> polygons along their pixels' edges, exactly, without a self-intersection."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncli.predictions import Polygon

_Ints = NDArray[np.int64]


def polygons(mask: np.ndarray) -> tuple[Polygon, ...]:
    """The outlines of a `(H, W)` mask along pixel edges, exactly: one polygon a connected part, with its holes.

    Pixels that touch only at a corner are separate parts. Rings are simple: one that would come back to a corner is
    two rings that touch there, so that polygons are valid by the OGC's Simple Features. Exteriors run clockwise as
    they are seen (y downwards), holes the other way round.
    """
    mask = np.asarray(mask, bool)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return ()
    top, left = int(rows[0]), int(columns[0])
    # Only what lies around the pixels: a picture may hold a hundred small objects, each with a mask of its size.
    rings = _Rings.of(np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1))
    areas = rings.areas()
    holes: dict[int, list[int]] = {int(n): [] for n in np.flatnonzero(areas > 0)}
    for hole, owner in _owners(rings, areas).items():
        holes[owner].append(hole)
    numbers = (rings.corners + np.array([left, top])).ravel().astype(np.float64)
    flat = [tuple(ring.tolist()) for ring in np.split(numbers, rings.starts[1:] * 2)]
    order = sorted(holes, key=lambda n: areas[n])
    return tuple(Polygon(flat[n], tuple(flat[hole] for hole in holes[n])) for n in order)


@dataclass(frozen=True, slots=True)
class _Rings:
    """Closed rings, one behind the other: corners `(N, 2)` x y, and where each ring starts, `(R,)`."""

    corners: _Ints
    starts: _Ints

    @classmethod
    def of(cls, padded: np.ndarray) -> "_Rings":
        """Simple rings of a mask with a border of nothing, whose corners are counted without it."""
        corners, twice, following = _linked_corners(padded)
        order, starts = _cycles(following)
        order, starts = _split(order, starts, corners[:, 1] * padded.shape[1] + corners[:, 0], twice)
        return cls(corners[order], np.array(starts))

    def following(self) -> _Ints:
        """The corner behind each corner, `(N, 2)`."""
        behind = np.arange(1, len(self.corners) + 1)
        behind[np.append(self.starts[1:], len(self.corners)) - 1] = self.starts
        return self.corners[behind]

    def areas(self) -> NDArray[np.float64]:
        """`(R,)`, positive for a ring that runs clockwise as it is seen, with y downwards."""
        after = self.following()
        products = self.corners[:, 0] * after[:, 1] - after[:, 0] * self.corners[:, 1]
        return np.add.reduceat(products, self.starts) / 2

    def highest(self) -> _Ints:
        """The corner of each ring that is highest, of those the leftmost, `(R, 2)`."""
        wide = int(self.corners[:, 0].max()) + 1
        keys = np.minimum.reduceat(self.corners[:, 1] * wide + self.corners[:, 0], self.starts)
        return np.stack([keys % wide, keys // wide], axis=1)

    def of_corner(self) -> _Ints:
        """The ring of each corner, `(N,)`."""
        return np.repeat(np.arange(len(self.starts)), np.diff(np.append(self.starts, len(self.corners))))


def _linked_corners(padded: np.ndarray) -> tuple[_Ints, NDArray[np.bool_], _Ints]:
    """Corners of outlines `(N, 2)` x y, which of them are passed twice, and the corner that follows each.

    At each corner of an outline one horizontal and one vertical edge meet. Along a row of pixel corners, edges lead
    from the first to the second, from the third to the fourth …: what follows what is found for all at once.
    """
    nw, ne, sw, se = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    # A straight edge or none at all where the pixels are alike in pairs.
    single = nw ^ ne ^ sw ^ se
    double = (nw == se) & (ne == sw) & (nw != ne)
    y1, x1 = np.nonzero(single)
    y2, x2 = np.nonzero(double)
    falling = nw[y2, x2]
    # Where two pixels touch, the outline passes twice, each time around one of them: 0 is left, up; 1 right, down.
    x, y = np.concatenate([x1, x2, x2]), np.concatenate([y1, y2, y2])
    zero, one = np.zeros(len(x2), np.int8), np.ones(len(x2), np.int8)
    across = np.concatenate([np.zeros(len(x1), np.int8), zero, one])
    down = np.concatenate([np.zeros(len(x1), np.int8), np.where(falling, zero, one), np.where(falling, one, zero)])
    twice = np.arange(len(x)) >= len(x1)

    following = np.empty(len(x), np.int64)
    by_row = np.lexsort((across, x, y))
    left, right = by_row[::2], by_row[1::2]
    # With the mask on the right hand: along the upper side of pixels to the right, along the lower side to the left.
    below = se[y[left], x[left]]
    following[np.where(below, left, right)] = np.where(below, right, left)
    by_column = np.lexsort((down, y, x))
    upper, lower = by_column[::2], by_column[1::2]
    west = sw[y[upper], x[upper]]
    following[np.where(west, upper, lower)] = np.where(west, lower, upper)
    return np.stack([x, y], axis=1), twice, following


def _cycles(following: _Ints) -> tuple[list[int], list[int]]:
    """The cycles of a permutation, one behind the other, and where each starts."""
    after = following.tolist()
    seen = bytearray(len(after))
    order: list[int] = []
    starts = []
    for first in range(len(after)):
        if seen[first]:
            continue
        starts.append(len(order))
        here = first
        while not seen[here]:
            seen[here] = 1
            order.append(here)
            here = after[here]
    return order, starts


def _split(order: list[int], starts: list[int], keys: _Ints, twice: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """The rings, with one of its own for each way that leads back to a corner that was passed before; `keys` tell
    corners apart."""
    touching = np.add.reduceat(twice[order].astype(np.int64), starts).tolist()
    if max(touching) < 2:
        return order, starts
    at, is_twice = keys.tolist(), twice.tolist()
    rings = []
    for n, start in enumerate(starts):
        ring = order[start : starts[n + 1] if n + 1 < len(starts) else len(order)]
        rings += [ring] if touching[n] < 2 else _simple_rings(ring, at, is_twice)
    lengths = np.cumsum([0, *(len(ring) for ring in rings[:-1])]).tolist()
    return list(itertools.chain.from_iterable(rings)), lengths


def _simple_rings(ring: list[int], at: list[int], is_twice: list[bool]) -> list[list[int]]:
    path: list[int] = []
    places: dict[int, int] = {}
    rings = []
    for corner in ring:
        if is_twice[corner]:
            if (start := places.get(at[corner])) is not None:
                rings.append(path[start:])
                for gone in path[start + 1 :]:
                    places.pop(at[gone], None)
                del path[start:]
            places[at[corner]] = len(path)
        path.append(corner)
    return [*rings, path]


def _owners(rings: _Rings, areas: NDArray[np.float64]) -> dict[int, int]:
    """For each hole, by its number, the exterior that it is a hole of.

    Left of the pixel above a hole's highest corner, the next vertical edge is of the same part: of its exterior, or
    of another hole, which begins higher and so is known already.
    """
    holes = np.flatnonzero(areas < 0)
    if not len(holes):
        return {}
    tops = rings.highest()[holes]
    order = np.argsort(tops[:, 1], kind="stable")
    holes, tops = holes[order], tops[order]
    edges, whose, wide = _vertical_edges(rings)
    nearest = whose[np.searchsorted(edges, (tops[:, 1] - 1) * wide + tops[:, 0], side="right") - 1]
    owners: dict[int, int] = {}
    for hole, ring in zip(holes.tolist(), nearest.tolist(), strict=True):
        owners[hole] = owners.get(ring, ring)
    return owners


def _vertical_edges(rings: _Rings) -> tuple[_Ints, _Ints, int]:
    """The vertical sides of pixels in all rings, as sorted keys `row * wide + x`, the ring of each, and `wide`."""
    corners, after = rings.corners, rings.following()
    vertical = corners[:, 0] == after[:, 0]
    x, y1, y2 = corners[vertical, 0], corners[vertical, 1], after[vertical, 1]
    first, lengths = np.minimum(y1, y2), np.abs(y1 - y2)
    wide = int(corners[:, 0].max()) + 2
    steps = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    keys = (np.repeat(first, lengths) + steps) * wide + np.repeat(x, lengths)
    order = np.argsort(keys, kind="stable")
    return keys[order], np.repeat(rings.of_corner()[vertical], lengths)[order], wide
