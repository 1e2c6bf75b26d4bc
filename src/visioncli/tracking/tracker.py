"""Follows objects from frame to frame: ByteTrack (Zhang et al., arXiv 2110.06864).

Boxes that the network is sure of are matched first, with where each track should be by now; the tracks that are left
are then matched with the boxes that it is less sure of, which mostly are objects half hidden by others. Boxes of
different classes are never the same object.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from visioncli.predictions import Box
from visioncli.tracking import kalman
from visioncli.tracking.assignment import overlaps, pairs

LEAST_SCORE = 0.1
"""Boxes below it are not looked at."""
_FIRST, _SECOND, _NEW = 0.8, 0.5, 0.7
"""Costs, 1 - IoU, at which boxes and tracks still match: sure boxes, others, and tracks seen once; the paper's."""
_STEPS_KEPT = 30
"""So many usual steps of time a track that is not seen is looked for."""
_FASTEST, _SLOWEST = 0.05, 60.0


class Found(Protocol):
    """What is tracked: objects and people alike."""

    @property
    def label_id(self) -> int:
        """Its class."""
        ...

    @property
    def score(self) -> float:
        """How sure the network is."""
        ...

    @property
    def box(self) -> Box:
        """Where it is."""
        ...


@dataclass(slots=True)
class _Track:
    number: int
    label_id: int
    mean: np.ndarray
    covariance: np.ndarray
    seen: int = 1
    missed: float = 0.0


class Tracker:
    """Gives the objects of one video's frames, one frame after the other, the numbers of their tracks, from 1.

    `high` is the score from which on a box is sure, and may begin a track. Times are in seconds; where frames come
    irregularly, tracks move further in longer steps.
    """

    def __init__(self, high: float) -> None:
        self._high = high
        self._tracks: list[_Track] = []
        self._count = 0
        self._before: float | None = None
        self._steps: deque[float] = deque(maxlen=15)

    def update(self, found: Sequence[Found], at: float) -> list[int | None]:
        """For each object of the next frame, its track; None for what is in none: it is unsure and was not there
        before."""
        first = self._before is None  # what is there from the beginning needs no second look
        self._move(at)
        numbers: list[int | None] = [None] * len(found)
        sure = [n for n, one in enumerate(found) if one.score >= self._high]
        unsure = [n for n, one in enumerate(found) if LEAST_SCORE <= one.score < self._high]
        old = [track for track in self._tracks if track.seen > 1]
        fresh = [track for track in self._tracks if track.seen == 1]

        old, sure = self._match(old, sure, found, numbers, _FIRST)
        # A track that was lost does not come back by a box that nobody is sure of.
        there = [track for track in old if not track.missed]
        self._match(there, unsure, found, numbers, _SECOND)
        _, sure = self._match(fresh, sure, found, numbers, _NEW)

        matched = set(numbers)
        for track in self._tracks:
            if track.number not in matched:
                # Of what was seen once and is gone at once, nothing is kept.
                track.missed = np.inf if track.seen == 1 else track.missed + self._passed
        for n in sure:
            numbers[n] = self._begin(found[n], seen=2 if first else 1)
        self._tracks = [track for track in self._tracks if track.missed <= _STEPS_KEPT]
        return numbers

    def _move(self, at: float) -> None:
        passed = None if self._before is None else at - self._before
        self._before = at
        self._passed = 1.0
        if passed is not None and passed > 0:
            self._steps.append(passed)
            usual = float(np.median(self._steps))
            self._passed = min(max(passed / usual, _FASTEST), _SLOWEST)
        if not self._tracks:
            return
        means = np.stack([track.mean for track in self._tracks])
        for mean, track in zip(means, self._tracks, strict=True):
            if track.missed:
                mean[7] = 0  # what is hidden does not grow
        covariances = np.stack([track.covariance for track in self._tracks])
        means, covariances = kalman.predict(means, covariances, self._passed)
        for track, mean, covariance in zip(self._tracks, means, covariances, strict=True):
            track.mean, track.covariance = mean, covariance

    def _match(
        self,
        tracks: list[_Track],
        places: list[int],
        found: Sequence[Found],
        numbers: list[int | None],
        most: float,
    ) -> tuple[list[_Track], list[int]]:
        """Gives objects at these places their tracks; the tracks and places that are left."""
        if not tracks or not places:
            return tracks, places
        boxes = np.array([found[n].box for n in places], float)
        near = overlaps(kalman.as_boxes(np.stack([track.mean for track in tracks])), boxes)
        other = np.array([[track.label_id != found[n].label_id for n in places] for track in tracks])
        made = pairs(np.where(other, np.inf, 1 - near), most)
        if made:
            ours = [tracks[row] for row, _ in made]
            means, covariances = kalman.update(
                np.stack([track.mean for track in ours]),
                np.stack([track.covariance for track in ours]),
                boxes[[column for _, column in made]],
            )
            for track, mean, covariance in zip(ours, means, covariances, strict=True):
                track.mean, track.covariance = mean, covariance
                track.seen, track.missed = track.seen + 1, 0.0
            for row, column in made:
                numbers[places[column]] = tracks[row].number
        rows, columns = {row for row, _ in made}, {column for _, column in made}
        return (
            [track for n, track in enumerate(tracks) if n not in rows],
            [place for n, place in enumerate(places) if n not in columns],
        )

    def _begin(self, one: Found, seen: int) -> int:
        self._count += 1
        means, covariances = kalman.begin(np.array([one.box], float))
        self._tracks.append(_Track(self._count, one.label_id, means[0], covariances[0], seen))
        return self._count
