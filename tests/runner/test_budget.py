import threading
import time
import weakref

import pytest

from visioncli.runner.budget import MemoryBudget


def test_a_budget_admits_in_order_and_waits_for_room() -> None:
    budget, order = MemoryBudget(10), []

    def decode(turn: int, pixels: int) -> None:
        budget.admit(turn, pixels)
        order.append(turn)

    threads = [threading.Thread(target=decode, args=(turn, 6)) for turn in (2, 1, 0)]
    for thread in threads:
        thread.start()
    for expected in ([0], [0, 1], [0, 1, 2]):
        deadline = time.monotonic() + 5
        while order != expected and time.monotonic() < deadline:
            time.sleep(0.005)
        assert order == expected
        budget.release(6)


def test_a_budget_admits_one_picture_larger_than_itself() -> None:
    budget = MemoryBudget(10)
    budget.admit(0, 1000)


def test_a_stopped_budget_holds_nobody_up() -> None:
    budget = MemoryBudget(10)
    budget.stop()
    budget.admit(7, 1000)


def test_a_share_shrinks_and_ends_once() -> None:
    budget = MemoryBudget(10)
    first, second = budget.share(0), budget.share(1)
    first.admit(8)
    first.shrink(4)
    second.admit(6)
    first.end()
    first.end()
    second.end()
    budget.share(2).admit(10)


def test_a_share_that_ends_before_it_asked_holds_nobody_up() -> None:
    budget = MemoryBudget(10)
    budget.share(0).end()
    budget.share(1).admit(1)


def test_what_is_only_garbage_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncli.runner.budget.GARBAGE_SECONDS", 0.01)

    class Held:
        def __init__(self) -> None:
            self.itself = self

    budget = MemoryBudget(10)
    share = budget.share(0)
    share.admit(10)
    weakref.finalize(Held(), share.end)
    budget.share(1).admit(10)
