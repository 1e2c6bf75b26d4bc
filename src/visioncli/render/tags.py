"""Where the tags of boxes go, so that they hide neither each other nor what they name."""

from collections.abc import Sequence

import numpy as np

Rectangle = tuple[int, int, int, int]
"""`x1, y1, x2, y2` in whole pixels; x2 and y2 lie behind the last pixel."""

MOST_HIDDEN = 0.2
"""The share of a box that all tags together may cover."""
SMALL = 2
"""A box whose shorter side is less than this many tag heights is not covered at all."""


class Tags:
    """Places tags one after the other, the most important first; each keeps clear of those before it.

    `boxes` `(N, 4) float` x1 y1 x2 y2 in pixels of a `width` x `height` picture are all that is drawn, whether it
    gets a tag or not; tags are `line` pixels high. `points` `(M, 2)` x y are what they should rather not cover,
    such as joints.
    """

    def __init__(
        self, boxes: np.ndarray, width: int, height: int, line: int, points: np.ndarray | None = None
    ) -> None:
        x1, y1, x2, y2 = np.asarray(boxes, float).reshape(-1, 4).clip(0, (width, height, width, height)).T
        # Boxes and, behind them, the tags that have their places: of those, nothing may be covered.
        self._seen = np.zeros((4, 2 * len(x1)))
        self._seen[:, : len(x1)] = x1, y1, x2, y2
        self._room = np.zeros(2 * len(x1))
        large = np.minimum(x2 - x1, y2 - y1) >= SMALL * line
        self._room[: len(x1)] = MOST_HIDDEN * (x2 - x1) * (y2 - y1) * large
        self._count = len(x1)
        self._width, self._height, self._line = width, height, line
        self._points = points

    def place(self, around: Rectangle, widths: Sequence[int]) -> tuple[int, Rectangle] | None:
        """The place of a tag at the rectangle `around`, which is drawn for its box: above, below, inside, beside it.

        `widths` are those of its texts, the longest first: which of them is shown comes back too. A shorter one is
        taken where the longer find no room, or only on points; None where none finds room.
        """
        best: tuple[int, int, Rectangle] | None = None
        for n, width in enumerate(widths):
            places = self._free(_around(around, width, self._line, self._width, self._height))
            if not len(places):
                continue
            on_points = _covered_points(places, self._points)
            first = int(np.argmin(on_points))
            if best is None or on_points[first] < best[0]:
                x1, y1, x2, y2 = (int(v) for v in places[first])
                best = int(on_points[first]), n, (x1, y1, x2, y2)
            if best[0] == 0:
                break
        if best is None:
            return None
        _, n, place = best
        self._take(place)
        return n, place

    def _free(self, places: np.ndarray) -> np.ndarray:
        """Those of `(C, 4)` places that overlap no other tag and hide too much of no box."""
        if not len(places):
            return places
        hidden = _overlaps(places, self._seen[:, : self._count])
        free: np.ndarray = places[(hidden <= self._room[: self._count]).all(axis=1)]
        return free

    def _take(self, place: Rectangle) -> None:
        hidden = _overlaps(np.array([place], float), self._seen[:, : self._count])[0]
        self._room[: self._count] -= hidden
        self._seen[:, self._count] = place
        self._count += 1


def _around(box: Rectangle, width: int, height: int, most_x: int, most_y: int) -> np.ndarray:
    """`(C, 4)`: the places in the picture for a tag of a box, those that people look at first coming first."""
    x1, y1, x2, y2 = box
    if width > most_x or height > most_y:
        return np.zeros((0, 4))
    left, right = (min(max(x, 0), most_x - width) for x in (x1, x2 - width))
    top, bottom = (min(max(y, 0), most_y - height) for y in (y1, y2 - height))
    corners = [
        *((left, y1 - height), (right, y1 - height), (left, y2), (right, y2)),
        *((left, top), (right, top), (left, bottom), (right, bottom)),
        *((x2, top), (x1 - width, top), (x2, bottom), (x1 - width, bottom)),
    ]
    inside = [(x, y) for x, y in corners if 0 <= x <= most_x - width and 0 <= y <= most_y - height]
    return np.array([(x, y, x + width, y + height) for x, y in inside], float).reshape(-1, 4)


def _overlaps(places: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """`(C, N)`: the area that each of `(C, 4)` shares with each of `(4, N)`."""
    x1, y1, x2, y2 = (places[:, n, None] for n in range(4))
    across = np.minimum(x2, boxes[2]) - np.maximum(x1, boxes[0])
    down = np.minimum(y2, boxes[3]) - np.maximum(y1, boxes[1])
    shared: np.ndarray = np.maximum(across, 0) * np.maximum(down, 0)
    return shared


def _covered_points(places: np.ndarray, points: np.ndarray | None) -> np.ndarray:
    """How many of `(M, 2)` points lie in each of `(C, 4)` places."""
    if points is None:
        return np.zeros(len(places), int)
    x, y = points[:, 0], points[:, 1]
    x1, y1, x2, y2 = (places[:, n, None] for n in range(4))
    covered: np.ndarray = ((x >= x1) & (x < x2) & (y >= y1) & (y < y2)).sum(axis=1)
    return covered
