import threading
import time

import pytest

from visioncli.runner.hands import Hands


def test_jobs_are_done_by_so_many_threads_and_their_errors_belong_to_the_asker() -> None:
    hands = Hands(2, "decode")
    names = [hands.submit(lambda: threading.current_thread().name) for _ in range(5)]
    broken = hands.submit(lambda: 1 / 0)
    assert {future.result(5) for future in names} == {"decode"}
    with pytest.raises(ZeroDivisionError):
        broken.result(5)
    hands.stop()


def test_another_thread_takes_the_place_of_one_that_is_given_up() -> None:
    hands, gate = Hands(1, "stuck"), threading.Event()
    stuck = hands.submit(lambda: gate.wait(10))
    after = hands.submit(lambda: "done")
    hands.give_up(stuck)
    assert after.result(5) == "done"
    gate.set()
    stuck.result(5)
    assert hands.submit(lambda: "again").result(5) == "again"
    hands.stop()
    end = time.monotonic() + 5
    while any(t.name == "stuck" for t in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.005)
    assert not [t for t in threading.enumerate() if t.name == "stuck"]


def test_nothing_is_begun_after_the_end() -> None:
    hands, gate = Hands(1, "decode"), threading.Event()
    hands.submit(lambda: gate.wait(10))
    waiting = hands.submit(lambda: None)
    hands.stop()
    assert waiting.cancelled()
    with pytest.raises(RuntimeError):
        hands.submit(lambda: None)
    gate.set()
