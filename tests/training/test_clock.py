"""What steps of training take, by a clock that tests set."""

import pytest

from visioncli.training.clock import Clock


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("visioncli.training.clock.time.monotonic", lambda: now[0])
    return now


def test_the_first_steps_and_what_lies_between_steps_do_not_count(time: list[float]) -> None:
    clock = Clock()
    for seconds in (9.0, 9.0, 9.0, 2.0):
        time[0] += seconds
        clock.tick(10)
    time[0] += 50  # a validation
    clock.go_on()
    time[0] += 4
    clock.tick(5)
    assert clock.steps == 5
    assert clock.seconds_a_step == 3.0
    assert clock.ms_a_picture == 400.0


def test_before_a_step_counts_nothing_was_spent(time: list[float]) -> None:
    clock = Clock()
    time[0] += 5
    clock.tick(8)
    assert (clock.seconds_a_step, clock.ms_a_picture) == (0.0, 0.0)
