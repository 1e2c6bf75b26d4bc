"""Runs a task over a stream of inputs: decode in threads -> batches -> task -> outcomes, in input order.

Knows no terminal and no files but the inputs. One outcome comes out for each item that goes in, whatever happens.
"""

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from visioncli.errors import InputError, VisionError
from visioncli.inputs.sources import Item
from visioncli.results import Failure, Record
from visioncli.runner.intake import Intake
from visioncli.runner.interface import Outcome, RunOptions, describe, place_of
from visioncli.runner.reader import Decoded, Reader
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.views import told
from visioncli.videos.frames import Frame, expand

IMPATIENCE_SECONDS = 0.05
"""A batch that is not full goes to the network when the next picture takes longer than this."""


def run(
    items: Iterable[Item],
    task: Task,
    options: RunOptions,
    *,
    key_extra: dict[str, Any] | None = None,
    finished: Callable[[str], Record | None] | None = None,
) -> Generator[Outcome, None, None]:
    """One outcome for each item, in order; for each frame of a video, where those are wanted.

    `finished` looks up the record of an earlier run by its key.
    """
    reader = Reader(task, options, key_extra or {}, finished)
    if (choice := options.choice) is not None:
        items = (one for item in items for one in expand(item, choice, reader.earlier))
    intake = Intake(items, reader, options.workers, options.batch_size + options.workers)
    crew = _Crew(task)
    # So many pictures are at the network at one time, however many threads work on them.
    batch_size = max(1, options.batch_size // task.parallel)
    batch: list[Decoded] = []
    try:
        while True:
            while crew.has_done():
                yield from _outcomes(crew.first(), intake.is_ready, crew)
            try:
                decoded = intake.next(IMPATIENCE_SECONDS if batch or crew.busy else None)
            except TimeoutError:
                decoded = None
            if decoded is not None:
                batch.append(decoded)
            full = sum(d.record is None for d in batch) == batch_size
            # Inputs that need no network are not held back when nothing is waiting for it.
            if batch and (decoded is None or full or all(d.record is not None for d in batch)):
                while crew.busy > task.parallel:
                    yield from _outcomes(crew.first(), intake.is_ready, crew)
                crew.predict(batch)
                batch = []
            del decoded
    except StopIteration:
        crew.predict(batch)
        while crew.busy:
            yield from _outcomes(crew.first(), intake.is_ready, crew)
    finally:
        reader.budget.stop()
        intake.stop()
        crew.stop()
        task.keep()


class _Crew:
    """Has batches predicted, several at the same time where the task gains by it; gives them back in order."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._pool = ThreadPoolExecutor(task.parallel, thread_name_prefix="predict") if task.parallel > 1 else None
        self._batches: deque[tuple[list[Decoded], Future[None] | None]] = deque()

    @property
    def busy(self) -> int:
        """Batches that were not given back yet."""
        return len(self._batches)

    def predict(self, batch: list[Decoded]) -> None:
        """Begins with a batch. A single thread is the caller's: the batch is done on return."""
        if self._pool is None or all(d.record is not None for d in batch):
            _predict(batch, self._task)
            self._batches.append((batch, None))
        else:
            self._batches.append((batch, self._pool.submit(_predict, batch, self._task)))

    def has_done(self) -> bool:
        """Whether `first` would answer at once."""
        return bool(self._batches) and ((future := self._batches[0][1]) is None or future.done())

    def first(self) -> list[Decoded]:
        """The oldest batch, every input of it with its record; waits for it."""
        batch, future = self._batches.popleft()
        if future is not None:
            future.result()
        return batch

    def stop(self) -> None:
        """Lets go of what was not begun."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _predict(batch: list[Decoded], task: Task) -> None:
    """Gives every input of a batch its record. Where the batch as a whole fails, each picture is tried alone."""
    waiting = [d for d in batch if d.record is None]
    start = time.perf_counter()
    answers: list[Answer | Failure] = []
    try:
        answers.extend(task.predict([d.prepared for d in waiting]) if waiting else [])
    except Exception as problem:  # noqa: BLE001 - one picture's trouble must not cost its neighbours
        answers = [_predict_alone(d, task) for d in waiting] if len(waiting) > 1 else [_refusal(problem)]
    each = (time.perf_counter() - start) * 1000 / max(len(waiting), 1)
    for decoded, answer in zip(waiting, answers, strict=True):
        decoded.record = _record(decoded, answer, task, each)
        decoded.prepared = decoded.recording = None
        if isinstance(answer, Answer):
            decoded.arrays = answer.arrays


def _outcomes(batch: list[Decoded], more: Callable[[], bool], crew: _Crew) -> Iterator[Outcome]:
    while batch:
        decoded = batch.pop(0)
        record = decoded.record
        assert record is not None  # every input has one by now
        resumed = decoded.resumed
        if resumed and record.input != decoded.item.shown:
            record = dataclasses.replace(record, input=decoded.item.shown)
        picture = decoded.picture if record.ok else None
        pause = not batch and not crew.busy and not more()
        yield Outcome(decoded.item, record, picture, resumed, pause, decoded.arrays)


def _predict_alone(decoded: Decoded, task: Task) -> Answer | Failure:
    try:
        return task.predict([decoded.prepared])[0]
    except Exception as problem:  # noqa: BLE001 - becomes this input's record
        return _refusal(problem)


def _refusal(problem: Exception) -> Failure:
    # Not the exception itself: it holds on to the picture, whose memory others wait for.
    kind = problem.kind if isinstance(problem, InputError) else "prediction_failed"
    words = str(problem) if isinstance(problem, VisionError) else f"The network failed ({describe(problem)})."
    return Failure(kind, words)


def _record(decoded: Decoded, answer: Answer | Failure, task: Task, predict_ms: float) -> Record:
    if isinstance(answer, Failure):
        return Record(task.name, decoded.item.shown, error=answer, **place_of(decoded.item))
    picture, recording = decoded.picture, decoded.recording
    source = picture or recording
    assert source is not None
    return Record(
        task=task.name,
        input=decoded.item.shown,
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        model=answer.model or task.model,
        predictions=answer.predictions,
        extra=(told(task.settings) if picture else {})
        | answer.extra
        | (decoded.item.facts if isinstance(decoded.item, Frame) else {}),
        ms={"decode": round(source.decode_ms, 2), "predict": round(predict_ms, 2)},
        key=decoded.key,
        seconds=recording.seconds if recording else None,
        rate=recording.rate if recording else None,
        windows=answer.windows,
        **place_of(decoded.item),
    )
