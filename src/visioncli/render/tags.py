"""Where the tags of boxes go, so that they hide neither each other nor what they name."""

from collections.abc import Iterator, Sequence

import numpy as np

Rectangle = tuple[int, int, int, int]
"""`x1, y1, x2, y2` in whole pixels; x2 and y2 lie behind the last pixel."""

MOST_HIDDEN = 0.2
"""The share of a box that all tags together may cover."""
SMALL = 2
"""A box whose shorter side is less than this many tag heights is covered only by tags of far surer ones."""
FAR_SURER = 2.0
"""A tag may cover part of a small box where no place is free, if the score of its own is this many times higher."""
MOST_HIDDEN_OF_UNSURE = 0.5
"""The share of such a box that tags may then cover."""
_CELL = 2
"""The grid's cells are this many tags high, and twice as wide."""


class Tags:
    """Places tags one after the other, the most important first; each keeps clear of those before it.

    `boxes` `(N, 4) float` x1 y1 x2 y2 in pixels of a `width` x `height` picture are all that is drawn, whether it
    gets a tag or not, in the order in which tags are asked for, with `scores` `(N,)` where there are any; tags are
    `line` pixels high. `points` `(M, 2)` x y are what they should rather not cover, such as joints. What takes room
    stands in a grid, so that a tag is compared with its neighbours alone.
    """

    def __init__(
        self,
        boxes: np.ndarray,
        width: int,
        height: int,
        line: int,
        points: np.ndarray | None = None,
        scores: np.ndarray | None = None,
    ) -> None:
        corners = np.asarray(boxes, float).reshape(-1, 4).clip(0, (width, height, width, height))
        x1, y1, x2, y2 = self._corners = corners.T.copy()
        area = (x2 - x1) * (y2 - y1)
        small = np.minimum(x2 - x1, y2 - y1) < SMALL * line
        self._room = np.where(small, 0, MOST_HIDDEN * area)
        self._boxes: list[list[float]] = corners.tolist()
        self._scores: list[float] = [] if scores is None else scores.tolist()
        self._yields: list[float] = np.where(small, MOST_HIDDEN_OF_UNSURE * area, 0).tolist()
        self._tags_near: dict[tuple[int, int], list[Rectangle]] = {}
        self._boxes_near: dict[tuple[int, int], list[int]] = {}
        self._watched = np.zeros(len(corners), bool)
        self._widest = -1
        self._next = 0
        self._width, self._height, self._line = width, height, line
        self._points = None if points is None else points[np.argsort(points[:, 1], kind="stable")]

    def place(
        self, around: Rectangle, widths: Sequence[int], short: int | None = None
    ) -> tuple[int, Rectangle] | None:
        """The place of the next box's tag at the rectangle `around`, which is drawn for that box.

        Above it, below, inside, beside. `widths` are those of its texts, the longest first: which of them is shown
        comes back too. A shorter one is taken where the longer find no room, or only on points; an abbreviation, as
        those from number `short` on are, where nothing else helps. None where none finds room.
        """
        number, self._next = self._next, self._next + 1
        if not widths:
            return None
        if max(widths) > self._widest:
            self._widest = max(widths)
            self._watch()
        yielding = bool(self._scores)
        # Where the narrowest has no room, none has: most places of a crowd are ruled out at once.
        narrow = list(_around(around, min(widths), self._line, self._width, self._height))
        possible = [place is not None and self._free(place, number, yielding) for place in narrow]
        if not any(possible):
            return None
        places = [
            [place for place, may in zip(all_of, possible, strict=True) if may and place]
            for all_of in (_around(around, width, self._line, self._width, self._height) for width in widths)
        ]
        every = range(len(widths))
        for texts in (every[:short], every[short:] if short is not None else ()):
            for give_way in (False, True) if yielding else (False,):
                if best := self._best([places[n] for n in texts], number, give_way):
                    n, place = best
                    self._take(place)
                    return texts[n], place
        return None

    def _best(self, places: list[list[Rectangle]], number: int, yielding: bool) -> tuple[int, Rectangle] | None:
        """The first free place that covers the fewest points, and for which text it is; None where none is free."""
        best: tuple[int, int, Rectangle] | None = None
        for n, of_text in enumerate(places):
            for place in of_text:
                if not self._free(place, number, yielding):
                    continue
                on_points = self._covered_points(place)
                if not on_points:
                    return n, place
                if best is None or on_points < best[0]:
                    best = on_points, n, place
        return best and best[1:]

    def _free(self, place: Rectangle, number: int, yielding: bool) -> bool:
        """Whether a tag of box `number` touches no other tag and hides too much of no box.

        With `yielding`, small boxes of which it is far surer give way.
        """
        px1, py1, px2, py2 = place
        cells = self._cells(place)
        for cell in cells:
            for x1, y1, x2, y2 in self._tags_near.get(cell, ()):
                # A line of the picture is left between two: of one colour, they would look like one.
                if px1 <= x2 and px2 >= x1 and py1 <= y2 and py2 >= y1:
                    return False
        for cell in cells:
            for n in self._boxes_near.get(cell, ()):
                bx1, by1, bx2, by2 = self._boxes[n]
                if px1 >= bx2 or px2 <= bx1 or py1 >= by2 or py2 <= by1:
                    continue
                room = self._room[n]
                if yielding and self._scores[number] > FAR_SURER * self._scores[n]:
                    room += self._yields[n]
                if room <= 0 or (min(px2, bx2) - max(px1, bx1)) * (min(py2, by2) - max(py1, by1)) > room:
                    return False
        return True

    def _take(self, place: Rectangle) -> None:
        x1, y1, x2, y2 = self._corners
        across = np.minimum(place[2], x2) - np.maximum(place[0], x1)
        down = np.minimum(place[3], y2) - np.maximum(place[1], y1)
        self._room -= np.maximum(across, 0) * np.maximum(down, 0)
        for cell in self._cells(place):
            self._tags_near.setdefault(cell, []).append(place)
        self._watch()

    def _watch(self) -> None:
        """Puts boxes of which a tag could hide too much into the grid; the others have room for any."""
        tight = (self._room < self._widest * self._line) & ~self._watched
        for n in np.flatnonzero(tight).tolist():
            for cell in self._cells(self._boxes[n]):
                self._boxes_near.setdefault(cell, []).append(n)
        self._watched |= tight

    def _cells(self, place: Sequence[float]) -> list[tuple[int, int]]:
        x1, y1, x2, y2 = place
        high, wide = _CELL * self._line, 2 * _CELL * self._line
        columns = range(int(x1 // wide), int(x2 // wide) + 1)
        return [(column, row) for row in range(int(y1 // high), int(y2 // high) + 1) for column in columns]

    def _covered_points(self, place: Rectangle) -> int:
        if self._points is None:
            return 0
        x1, y1, x2, y2 = place
        first, last = np.searchsorted(self._points[:, 1], (y1, y2))
        x = self._points[first:last, 0]
        return int(((x >= x1) & (x < x2)).sum())


def _around(box: Rectangle, width: int, height: int, most_x: int, most_y: int) -> Iterator[Rectangle | None]:
    """The places for a tag of a box, those that people look at first coming first; None for one outside the picture.

    The place of a narrower tag lies in that of a wider one.
    """
    x1, y1, x2, y2 = box
    last_x, last_y = most_x - width, most_y - height
    left, right, middle = min(max(x1, 0), last_x), min(max(x2 - width, 0), last_x), (x1 + x2 - width) // 2
    top, bottom, centre = min(max(y1, 0), last_y), min(max(y2 - height, 0), last_y), (y1 + y2 - height) // 2
    above, before = y1 - height, x1 - width
    for x, y in (
        *((left, above), (right, above), (left, y2), (right, y2)),
        *((left, top), (right, top), (left, bottom), (right, bottom)),
        *((x2, top), (before, top), (x2, bottom), (before, bottom)),
        *((middle, above), (middle, y2), (middle, top), (middle, bottom), (x2, centre), (before, centre)),
    ):
        yield (x, y, x + width, y + height) if 0 <= x <= last_x and 0 <= y <= last_y else None
