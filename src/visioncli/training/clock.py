"""How long steps of training take."""

import time


class Clock:
    """What steps take, without the first ones, which prepare what later ones use, and without what lies between."""

    _IGNORED = 3

    def __init__(self) -> None:
        self.steps = self._pictures = 0
        self._spent = 0.0
        self.go_on()

    def go_on(self) -> None:
        """A step begins."""
        self._start = time.monotonic()

    def tick(self, pictures: int) -> None:
        """A step of so many pictures is done, and the next one begins."""
        self.steps += 1
        if self.steps > self._IGNORED:
            self._spent += time.monotonic() - self._start
            self._pictures += pictures
        self.go_on()

    @property
    def seconds_a_step(self) -> float:
        """Mean over the steps that count."""
        return self._spent / max(1, self.steps - self._IGNORED)

    @property
    def ms_a_picture(self) -> float:
        """Mean over the steps that count, rounded."""
        return round(1000 * self._spent / max(1, self._pictures), 3)
