"""Which frames of a video are wanted: `--every`, `--from` and `--to`."""

import re
from dataclasses import dataclass
from fractions import Fraction

from visioncli.errors import UsageError

_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,2}):)?(\d{1,7}(?:\.\d{1,6})?)s?")
_STEP = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)(s|ms|f)")


@dataclass(frozen=True, slots=True)
class Choice:
    """The frames from `start` on and before `end`, in seconds of presentation time.

    Of them every `frames`-th one, or the first one at or after each multiple of `seconds` since `start`.
    """

    frames: int = 1
    seconds: Fraction | None = None
    start: Fraction = Fraction(0)
    end: Fraction | None = None

    @classmethod
    def parse(cls, every: str | None = None, start: str | None = None, end: str | None = None) -> "Choice":
        """What the three options say. Raises UsageError."""
        first = Fraction(0) if start is None else _time("--from", start)
        last = None if end is None else _time("--to", end)
        if last is not None and last <= first:
            raise UsageError(f"--to {end} is not after --from {start or 0}: no frame lies between them.")
        if every is None:
            return cls(start=first, end=last)
        found = _STEP.fullmatch(every.strip())
        if found is None:
            raise UsageError(f"--every takes seconds or frames, such as 1s, 500ms or 10f, not {every!r}.")
        number, unit = Fraction(found[1]), found[2]
        if number == 0 or (unit == "f" and number.denominator != 1):
            raise UsageError(f"--every {every}: give a step above 0, and whole frames.")
        if unit == "f":
            return cls(int(number), start=first, end=last)
        return cls(1, number / (1000 if unit == "ms" else 1), first, last)

    @property
    def is_all(self) -> bool:
        """Whether every frame is wanted."""
        return self == Choice()


class Sieve:
    """Says of the frames of one video, in their order, which are wanted."""

    def __init__(self, choice: Choice) -> None:
        self._choice, self._seen = choice, 0
        self._due = choice.start

    def wants(self, at: Fraction) -> bool:
        """Whether the next frame, which is shown at this time, is one of them."""
        choice = self._choice
        if at < choice.start or self.is_past(at):
            return False
        self._seen += 1
        if choice.seconds is None:
            return (self._seen - 1) % choice.frames == 0
        if at < self._due:
            return False
        steps = (at - choice.start) // choice.seconds
        self._due = choice.start + (steps + 1) * choice.seconds
        return True

    def is_past(self, at: Fraction) -> bool:
        """Whether nothing from this time on is wanted."""
        return self._choice.end is not None and at >= self._choice.end


def _time(option: str, text: str) -> Fraction:
    found = _TIME.fullmatch(text.strip())
    if found is None or (found[2] is not None and Fraction(found[3]) >= 60):
        raise UsageError(f"{option} takes seconds or hh:mm:ss, such as 90, 1:30 or 00:01:30.5, not {text!r}.")
    if found[1] is not None and int(found[2]) >= 60:
        raise UsageError(f"{option} {text}: an hour has 60 minutes.")
    return int(found[1] or 0) * 3600 + int(found[2] or 0) * 60 + Fraction(found[3])
