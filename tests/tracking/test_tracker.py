"""Squares that move, cross, hide, come and go: each keeps its number."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from visioncli.predictions import Box, Detection
from visioncli.tracking.tracker import Tracker

Path = Callable[[int], tuple[float, float]]


@dataclass(frozen=True)
class Square:
    """What is seen of one at frame n: from `born` to `dead`, but not in `hidden`; then its score may be `low`."""

    path: Path
    born: int = 0
    dead: int = 10**6
    hidden: tuple[int, int] = (0, 0)
    low: tuple[int, int] = (0, 0)
    side: float = 40
    label_id: int = 1

    def at(self, n: int) -> Detection | None:
        if not self.born <= n < self.dead or self.hidden[0] <= n < self.hidden[1]:
            return None
        x, y = self.path(n)
        box: Box = (x, y, x + self.side, y + self.side)
        return Detection("thing", self.label_id, 0.2 if self.low[0] <= n < self.low[1] else 0.9, box)


def follow(
    squares: list[Square], frames: int = 100, noise: float = 0.0, times: list[float] | None = None
) -> list[list[int | None]]:
    """For each square, its number in each frame; None where it is not seen."""
    tracker, rng = Tracker(0.5), np.random.default_rng(0)
    numbers: list[list[int | None]] = [[] for _ in squares]
    for n in range(frames):
        seen = [(k, one) for k, square in enumerate(squares) if (one := square.at(n)) is not None]
        rng.shuffle(seen)  # type: ignore[arg-type]  # the order in which a network names them says nothing
        boxes = [tuple(np.array(one.box) + rng.normal(0, noise, 4)) for _, one in seen]
        moved = [
            Detection(one.label, one.label_id, one.score, box) for (_, one), box in zip(seen, boxes, strict=True)
        ]
        found = tracker.update(moved, n / 25 if times is None else times[n])
        for row in numbers:
            row.append(None)
        for (k, _), number in zip(seen, found, strict=True):
            numbers[k][n] = number
    return numbers


def are_steady(numbers: list[list[int | None]]) -> bool:
    """Whether each square has one number in all its frames, and no two the same."""
    each = [{number for number in row if number is not None} for row in numbers]
    return all(len(one) == 1 for one in each) and len(set.union(*each)) == len(each)


RIGHT: Path = lambda n: (10 + 4 * n, 100)  # noqa: E731
LEFT: Path = lambda n: (410 - 4 * n, 112)  # noqa: E731
DOWN: Path = lambda n: (200, 5 + 3 * n)  # noqa: E731
BY: Path = lambda n: (400 + 30 * np.sin(n / 15), 300 + 30 * np.cos(n / 15))  # noqa: E731
STILL: Path = lambda n: (50, 300)  # noqa: E731

SCENES = {
    "one moves": [Square(RIGHT)],
    "two cross": [Square(RIGHT), Square(LEFT)],
    "three cross": [Square(RIGHT), Square(LEFT), Square(DOWN)],
    "one is hidden while two cross": [Square(RIGHT), Square(LEFT, hidden=(45, 56))],
    "one is gone for a while": [Square(RIGHT, hidden=(30, 50)), Square(STILL)],
    "one is half hidden": [Square(RIGHT, low=(30, 60)), Square(STILL, low=(5, 95))],
    "they come and go": [Square(STILL, dead=60), Square(RIGHT, born=20, dead=70), Square(LEFT, born=50), Square(BY)],
}


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("scene", SCENES)
def test_each_keeps_its_number(scene: str, noise: float) -> None:
    numbers = follow(SCENES[scene], noise=noise)
    assert are_steady(numbers)
    for square, row in zip(SCENES[scene], numbers, strict=True):
        assert [number is not None for number in row] == [square.at(n) is not None for n in range(100)]


def test_what_was_gone_for_long_is_another_one() -> None:
    (row,) = follow([Square(STILL, hidden=(20, 60))])
    assert row[19] != row[60]


def test_an_unsure_box_alone_begins_nothing() -> None:
    assert follow([Square(STILL, low=(0, 100))]) == [[None] * 100]


def test_classes_are_not_mixed_up() -> None:
    numbers = follow([Square(STILL, dead=50), Square(STILL, born=50, label_id=2)])
    assert are_steady(numbers)


def test_a_flicker_of_one_frame_does_not_take_the_number_of_a_neighbour() -> None:
    flicker = Square(lambda n: (75, 300), born=40, dead=41)
    assert are_steady(follow([Square(STILL), flicker]))


def test_frames_that_come_irregularly_move_it_by_their_time() -> None:
    rng = np.random.default_rng(3)
    times = list(np.cumsum(rng.choice([0.04, 0.04, 0.04, 0.12], 100)))
    moving = Square(lambda n: (10 + 90 * times[n], 100))
    assert are_steady(follow([moving, Square(STILL)], times=times))


def test_a_crowd_keeps_its_numbers() -> None:
    rng = np.random.default_rng(1)
    starts, speeds = rng.uniform(0, 900, (25, 2)), rng.uniform(-3, 3, (25, 2))

    def path(k: int) -> Path:
        return lambda n: (float(starts[k, 0] + speeds[k, 0] * n), float(starts[k, 1] + speeds[k, 1] * n))

    assert are_steady(follow([Square(path(k), side=30) for k in range(25)], frames=200))
