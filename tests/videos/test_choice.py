from fractions import Fraction

import pytest

from visioncli.errors import UsageError
from visioncli.videos.choice import Choice, Sieve


def taken(choice: Choice, times: list[Fraction]) -> list[Fraction]:
    sieve = Sieve(choice)
    return [at for at in times if sieve.wants(at)]


TIMES = [Fraction(n, 25) for n in range(100)]


def test_without_options_every_frame_is_wanted() -> None:
    assert taken(Choice.parse(), TIMES) == TIMES
    assert Choice.parse().is_all


def test_every_so_many_frames_counts_from_the_first_that_is_wanted() -> None:
    assert taken(Choice.parse("10f", "0.1", None), TIMES) == TIMES[3::10]


def test_every_so_many_seconds_takes_the_first_frame_at_or_after_each_step() -> None:
    assert taken(Choice.parse("1s"), TIMES) == [0, 1, 2, 3]
    odd = [Fraction(n, 10) for n in (3, 9, 11, 12, 35, 39, 41)]
    assert taken(Choice.parse("1s"), odd) == [Fraction(n, 10) for n in (3, 11, 35, 41)]


def test_a_step_of_a_third_of_a_second_does_not_drift() -> None:
    long = [Fraction(n, 30) for n in range(30 * 600)]
    assert len(taken(Choice.parse("500ms"), long)) == 1200


def test_the_end_does_not_belong_to_it() -> None:
    assert taken(Choice.parse(None, "1", "1.08"), TIMES) == [1, Fraction(26, 25)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1:30", 90), ("00:01:30.5", Fraction(181, 2)), ("2:00:00", 7200), ("0:07", 7)],
)
def test_times_are_seconds_or_on_a_clock(text: str, seconds: Fraction) -> None:
    assert Choice.parse(None, text, None).start == seconds


@pytest.mark.parametrize("every", ["0s", "1.5f", "10", "-1s", "f"])
def test_what_is_no_step_is_refused(every: str) -> None:
    with pytest.raises(UsageError, match="--every"):
        Choice.parse(every)


@pytest.mark.parametrize(
    ("start", "end"), [("1:75", None), ("1:61:00", None), ("x", None), ("5", "5"), ("-1", None), (None, "0")]
)
def test_what_is_no_time_is_refused(start: str | None, end: str | None) -> None:
    with pytest.raises(UsageError, match=r"--(from|to)"):
        Choice.parse(None, start, end)
