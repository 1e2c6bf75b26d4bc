import gc
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakes import MeanColour, items
from visioncli.inputs.sources import Item
from visioncli.pictures import Picture
from visioncli.results import Record
from visioncli.runner import Outcome, RunOptions, describe, run
from visioncli.tasks.interface import Answer

Make = Callable[..., list[Path]]


def answers(paths: list[Path], task: MeanColour | None = None, **options: int) -> list[dict[str, Any]]:
    outcomes = run(items(paths), task or MeanColour(), RunOptions(**options))
    records = [outcome.record.to_json() for outcome in outcomes]
    return [{k: v for k, v in record.items() if k != "ms"} for record in records]


@pytest.fixture
def mixed(pictures: Make, tmp_path: Path) -> list[Path]:
    """Pictures with failures of several kinds among them."""
    good = pictures(9)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    (tmp_path / "empty.png").touch()
    return [tmp_path / "broken.png", *good[:4], tmp_path / "empty.png", tmp_path / "missing", *good[4:], tmp_path]


def test_one_outcome_comes_out_for_each_item_in_order(mixed: list[Path]) -> None:
    records = answers(mixed)
    assert [r["input"] for r in records] == [str(p) for p in mixed]
    kinds = [r["error"] and r["error"]["kind"] for r in records]
    assert kinds == ["unreadable_picture", *[None] * 4, "empty_file", "not_found", *[None] * 5, "not_a_file"]


@pytest.mark.parametrize("batch_size", [1, 2, 16])
@pytest.mark.parametrize("workers", [1, 8])
def test_batch_size_and_workers_change_nothing(mixed: list[Path], batch_size: int, workers: int) -> None:
    assert answers(mixed, batch_size=batch_size, workers=workers) == answers(mixed)


def test_the_order_of_inputs_changes_no_answer(mixed: list[Path]) -> None:
    assert answers(mixed[::-1])[::-1] == answers(mixed)


def test_batches_are_full_while_pictures_wait(pictures: Make) -> None:
    task = MeanColour(slow=0.03)
    answers(pictures(20), task, batch_size=4)
    assert sum(task.batches) == 20
    assert max(task.batches) == 4
    assert len(task.batches) <= 8


def test_a_picture_that_the_network_chokes_on_does_not_cost_its_neighbours(pictures: Make) -> None:
    paths = [*pictures(3, "a"), *pictures(1, "odd", (20, 10)), *pictures(3, "b")]
    records = answers(paths, MeanColour(fail_on=(20, 10)), batch_size=8)
    assert [bool(r["error"]) for r in records] == [False] * 3 + [True] + [False] * 3
    assert records[3]["error"]["kind"] == "prediction_failed"
    assert "ValueError: the network did not like it" in records[3]["error"]["message"]


def test_a_picture_that_cannot_be_prepared_fails_with_its_kind(pictures: Make) -> None:
    (record,) = answers(pictures(1, size=(13, 13)))
    assert record["error"] == {"kind": "unlucky", "message": "Thirteen."}


def test_an_unforeseen_error_while_reading_is_a_record(pictures: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*args: object, **options: object) -> None:
        raise RuntimeError("what\nis this")

    monkeypatch.setattr("visioncli.pictures.read", explode)
    (record,) = answers(pictures(1))
    assert record["error"]["message"] == "RuntimeError: what is this"


def test_what_the_source_raises_reaches_the_caller(pictures: Make) -> None:
    def source() -> Iterator[Item]:
        yield from items(pictures(2))
        raise KeyError("source")

    outcomes = run(source(), MeanColour(), RunOptions())
    with pytest.raises(KeyError, match="source"):
        list(outcomes)


def test_no_items_give_no_outcomes() -> None:
    assert answers([]) == []


def test_an_answer_does_not_wait_for_the_next_input(pictures: Make) -> None:
    paths, gate = pictures(3), threading.Semaphore(1)

    def source() -> Iterator[Item]:
        for item in items(paths):
            assert gate.acquire(timeout=10)
            yield item

    pauses = []
    for outcome in run(source(), MeanColour(), RunOptions(batch_size=8)):
        pauses.append(outcome.pause)
        gate.release()
    assert pauses[:2] == [True, True]


def test_the_source_is_read_only_a_little_ahead(pictures: Make) -> None:
    drawn: list[int] = []
    path = pictures(1)[0]

    def source() -> Iterator[Item]:
        for n in itertools.count():
            drawn.append(n)
            yield Item(str(path), "a.png")

    outcomes = run(source(), MeanColour(), RunOptions(batch_size=2, workers=2))
    next(outcomes)
    time.sleep(0.1)
    assert len(drawn) < 20
    outcomes.close()


def test_closing_a_run_ends_its_threads(pictures: Make) -> None:
    before = threading.active_count()
    outcomes = run(items(pictures(9)), MeanColour(), RunOptions(workers=4))
    next(outcomes)
    outcomes.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before


def keys(paths: list[Path], task: MeanColour | None = None, extra: Any = None, **options: Any) -> list[str | None]:
    return [o.record.key for o in run(items(paths), task or MeanColour(), RunOptions(**options), key_extra=extra)]


def test_the_key_follows_content_options_and_model_but_not_the_way_of_running(pictures: Make) -> None:
    paths = pictures(2)
    first = keys(paths)
    assert len(set(first)) == 2
    assert keys(paths, batch_size=1, workers=1) == first
    other = MeanColour()
    other.settings = {"top_k": 2}
    for changed in (keys(paths, other), keys(paths, extra={"annotated": "png"}), keys(paths, allow_truncated=True)):
        assert not set(changed) & set(first)
    paths[0].write_bytes(paths[0].read_bytes() + b" ")
    assert keys(paths)[0] != first[0]
    assert keys(paths)[1] == first[1]


def test_finished_inputs_are_not_read_again(pictures: Make) -> None:
    paths = pictures(3)
    done = {o.record.key: o.record for o in run(items(paths), MeanColour(), RunOptions())}
    task = MeanColour()
    outcomes = list(run(items(paths), task, RunOptions(), finished=done.get))
    assert all(o.resumed for o in outcomes)
    assert [o.record for o in outcomes] == list(done.values())
    assert task.batches == []


def test_pictures_are_free_once_they_are_let_go(pictures: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncli.runner.reader.BYTES_IN_FLIGHT", 48 * 40 * 4 * 4)
    outcomes = run(items(pictures(12)), MeanColour(), RunOptions(batch_size=2, workers=4))
    count = sum(1 for _ in outcomes)
    gc.collect()
    assert count == 12


def test_pictures_that_fail_are_let_go_without_garbage_collection(
    pictures: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncli.runner.reader.BYTES_IN_FLIGHT", 1)
    monkeypatch.setattr("visioncli.runner.budget.GARBAGE_SECONDS", 1e6)
    paths, done = pictures(4), []
    gc.disable()
    try:
        for batch_size in (1, 4):
            task = MeanColour(fail_on=(48, 40))
            running = threading.Thread(
                target=lambda: done.extend(answers(paths, task, batch_size=batch_size)),  # noqa: B023 - joined
                daemon=True,
            )
            running.start()
            running.join(20)
    finally:
        gc.enable()
    assert [bool(record["error"]) for record in done] == [True] * 8


def test_records_of_a_run_hold_model_size_and_times(pictures: Make) -> None:
    (outcome,) = run(items(pictures(1)), MeanColour(), RunOptions())
    assert isinstance(outcome, Outcome)
    body = outcome.record.to_json()
    assert (body["width"], body["height"], body["model"]["name"]) == (48, 40, "mean_colour")
    assert set(body["ms"]) == {"decode", "predict"}
    assert Record.from_json(json.loads(json.dumps(body))).to_json() == body


def test_a_description_is_one_line() -> None:
    assert describe(ValueError("a\n  b")) == "ValueError: a b"
    assert describe(MemoryError()) == "MemoryError"
    assert len(describe(ValueError("x" * 9999))) == 400


class InParallel(MeanColour):
    """Predicts in three threads; the first pictures take longest, so that batches end out of order."""

    parallel = 3

    def __init__(self) -> None:
        super().__init__(fail_on=(13, 17))
        self.threads: set[str] = set()
        self._lock = threading.Lock()

    def predict(self, batch: Sequence[Any]) -> list[Answer]:
        with self._lock:
            self.threads.add(threading.current_thread().name)
            delay = 0.05 if not self.batches else 0.01
            self.batches.append(len(batch))
        time.sleep(delay)
        return super().predict(batch)


def test_batches_predicted_at_the_same_time_come_out_in_order(mixed: list[Path]) -> None:
    task = InParallel()
    assert answers(mixed, task, batch_size=3) == answers(mixed)
    assert len(task.threads) > 1


def test_a_consumer_that_leaves_ends_the_predicting_threads(pictures: Make) -> None:
    outcomes = run(items(pictures(12)), InParallel(), RunOptions(batch_size=3))
    next(outcomes)
    outcomes.close()
    end = time.monotonic() + 5
    while any(t.name.startswith("predict") for t in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.01)
    assert not [t for t in threading.enumerate() if t.name.startswith("predict")]


class Glancing(MeanColour):
    """Can do with few pixels."""

    enough = 50


@pytest.mark.parametrize(("reduce", "shape"), [(False, (400, 600)), (True, (50, 75))])
def test_pictures_are_decoded_smaller_only_where_the_run_allows(
    tmp_path: Path, reduce: bool, shape: tuple[int, int]
) -> None:
    Image.new("RGB", (600, 400), "teal").save(tmp_path / "large.jpg")
    (outcome,) = run(items([tmp_path / "large.jpg"]), Glancing(), RunOptions(reduce=reduce))
    assert outcome.picture is not None
    assert outcome.picture.rgb.shape[:2] == shape
    assert (outcome.record.width, outcome.record.height) == (600, 400)


def test_the_key_tells_reduced_decoding_from_exact(pictures: Make) -> None:
    (path,) = pictures(1)
    keys = [next(run(items([path]), Glancing(), RunOptions(reduce=r))).record.key for r in (False, True)]
    assert keys[0] != keys[1]


def without_pictures(outcomes: Iterator[Outcome]) -> Iterator[Record]:
    """The records, of outcomes that are let go at once."""
    for outcome in outcomes:
        record = outcome.record
        del outcome
        yield record


class Stuck(MeanColour):
    """Preparing a picture of 9 x 9 does not end before the test does; nor does predicting."""

    def __init__(self) -> None:
        super().__init__()
        self.end = threading.Event()

    def prepare(self, picture: Picture) -> Any:
        if picture.width == 9:
            self.end.wait(20)
        return super().prepare(picture)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_input_that_never_ends_costs_only_itself(
    pictures: Make, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncli.runner.reader.GRACE_SECONDS", 0.05)
    monkeypatch.setattr("visioncli.runner.reader.BYTES_IN_FLIGHT", 1)
    stuck = pictures(3, "stuck", (9, 9))
    paths = [*pictures(2, "a"), *stuck, *pictures(3, "b")]
    task = Stuck()
    outcomes = run(items(paths), task, RunOptions(workers=workers, timeout=0.1))
    try:
        records = list(without_pictures(outcomes))
    finally:
        task.end.set()
    assert [r.input for r in records] == [str(p) for p in paths]
    assert [r.error.kind if r.error else None for r in records] == [None] * 2 + ["timed_out"] * 3 + [None] * 3


def test_waiting_for_others_is_not_counted(pictures: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncli.runner.reader.BYTES_IN_FLIGHT", 1)
    monkeypatch.setattr("visioncli.runner.reader.GRACE_SECONDS", 0.05)
    outcomes = run(items(pictures(4)), MeanColour(slow=0.2), RunOptions(batch_size=1, workers=4, timeout=0.15))
    assert [record.error for record in without_pictures(outcomes)] == [None] * 4


def test_the_key_does_not_follow_the_time_limit(pictures: Make) -> None:
    paths = pictures(1)
    assert keys(paths, timeout=5) == keys(paths, timeout=50)


def test_a_picture_whose_preparation_fills_the_memory_is_too_large(pictures: Make) -> None:
    class Greedy(MeanColour):
        def prepare(self, picture: Picture) -> Any:
            raise MemoryError

    (record,) = answers(pictures(1), Greedy())
    assert record["error"]["kind"] == "too_large"
    assert record["error"]["message"].endswith("Make the picture smaller.")
