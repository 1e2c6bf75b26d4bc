"""Runs a task over a stream of inputs: decode in threads -> batches -> task -> outcomes, in input order.

Knows no terminal and no files but the inputs. One outcome comes out for each item that goes in, whatever happens.
"""

import dataclasses
import functools
import hashlib
import json
import math
import os
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visioncli import __version__, pictures
from visioncli.errors import InputError, VisionError
from visioncli.inputs.addresses import fingerprint
from visioncli.inputs.sources import Item
from visioncli.pictures import Picture, footprint
from visioncli.pictures.patience import DEFAULT_SECONDS, Patience
from visioncli.results import Failure, Record
from visioncli.runner.budget import MemoryBudget, Share
from visioncli.runner.hands import Hands
from visioncli.tasks.interface import Answer, Task

BYTES_IN_FLIGHT = 384_000_000
"""What decoding may take at one time, with the pictures that wait for the network or for writing."""
GRACE_SECONDS = 1.0
"""An input that does not end by itself when its time is over is given up so much later."""
IMPATIENCE_SECONDS = 0.05
"""A batch that is not full goes to the network when the next picture takes longer than this."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item. `picture` is None for failures and for records of an earlier run (`resumed`).

    `arrays` are those of the task's answer, for sinks that make files of them.
    After a `pause` outcome the next one may be long in coming: whoever gathers outcomes should not keep this one.
    """

    item: Item
    record: Record
    picture: Picture | None = None
    resumed: bool = False
    pause: bool = False
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run. `batch_size` and `workers` never change a result. Reading one input may take `timeout` seconds.

    With `reduce`, pictures are decoded smaller than they are where the task can do with less; scores then differ a
    little from those of a full decoding.
    """

    batch_size: int = 8
    workers: int = 2
    max_pixels: int = pictures.DEFAULT_MAX_PIXELS
    allow_truncated: bool = False
    reduce: bool = False
    timeout: float = DEFAULT_SECONDS


@dataclass(slots=True)
class _Decoded:
    """What a decoding thread hands over."""

    item: Item
    key: str | None = None
    picture: Picture | None = None
    prepared: Any = None
    record: Record | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class _Reading:
    """An input on its way through a decoding thread."""

    def __init__(self, item: Item, seconds: float, share: Share) -> None:
        self.item, self.share, self.patience = item, share, Patience(seconds)
        self.future: Future[_Decoded]

    @property
    def overdue(self) -> float:
        """Seconds since it should have ended at the latest; negative until then."""
        return -self.patience.left - GRACE_SECONDS


def run(
    items: Iterable[Item],
    task: Task,
    options: RunOptions,
    *,
    key_extra: dict[str, Any] | None = None,
    finished: Callable[[str], Record | None] | None = None,
) -> Generator[Outcome, None, None]:
    """One outcome for each item, in order. `finished` looks up the record of an earlier run by its key."""
    reader = _Reader(task, options, key_extra or {}, finished)
    intake = _Intake(items, reader, options.workers, options.batch_size + options.workers)
    crew = _Crew(task)
    # So many pictures are at the network at one time, however many threads work on them.
    batch_size = max(1, options.batch_size // task.parallel)
    batch: list[_Decoded] = []
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


class _Crew:
    """Has batches predicted, several at the same time where the task gains by it; gives them back in order."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._pool = ThreadPoolExecutor(task.parallel, thread_name_prefix="predict") if task.parallel > 1 else None
        self._batches: deque[tuple[list[_Decoded], Future[None] | None]] = deque()

    @property
    def busy(self) -> int:
        """Batches that were not given back yet."""
        return len(self._batches)

    def predict(self, batch: list[_Decoded]) -> None:
        """Begins with a batch. A single thread is the caller's: the batch is done on return."""
        if self._pool is None or all(d.record is not None for d in batch):
            _predict(batch, self._task)
            self._batches.append((batch, None))
        else:
            self._batches.append((batch, self._pool.submit(_predict, batch, self._task)))

    def has_done(self) -> bool:
        """Whether `first` would answer at once."""
        return bool(self._batches) and ((future := self._batches[0][1]) is None or future.done())

    def first(self) -> list[_Decoded]:
        """The oldest batch, every input of it with its record; waits for it."""
        batch, future = self._batches.popleft()
        if future is not None:
            future.result()
        return batch

    def stop(self) -> None:
        """Lets go of what was not begun."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


class _Intake:
    """Reads the source in a thread (it may block on a slow pipe) and decodes in others, a bounded way ahead."""

    def __init__(self, items: Iterable[Item], reader: "_Reader", workers: int, ahead: int) -> None:
        self._items, self._reader = items, reader
        self._waiting: queue.Queue[_Reading | BaseException] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._hands = Hands(workers, "decode")
        self._head: _Reading | BaseException | None = None
        threading.Thread(target=self._feed, name="feeder", daemon=True).start()

    def next(self, seconds: float | None) -> _Decoded:
        """The next input in order. Raises StopIteration at the end, TimeoutError after `seconds`, and what the
        source raised."""
        if self._head is None:
            try:
                self._head = self._waiting.get(timeout=seconds)
            except queue.Empty:
                raise TimeoutError from None
        if isinstance(self._head, BaseException):
            raise self._head
        decoded = self._result(self._head, math.inf if seconds is None else seconds)
        self._head = None
        return decoded

    def _result(self, reading: _Reading, seconds: float) -> _Decoded:
        end = time.monotonic() + seconds
        while True:
            try:
                return reading.future.result(timeout=max(min(-reading.overdue, end - time.monotonic()), 0))
            except TimeoutError:
                if reading.overdue >= 0:
                    # It may be anywhere, in a decoder or a file system that hangs.
                    self._hands.give_up(reading.future)
                    return self._reader.give_up(reading)
                if time.monotonic() >= end:
                    raise

    def is_ready(self) -> bool:
        """Whether `next` would answer at once."""
        if self._head is None:
            with suppress(queue.Empty):
                self._head = self._waiting.get_nowait()
        return isinstance(self._head, BaseException) or (self._head is not None and self._head.future.done())

    def stop(self) -> None:
        """Ends the threads as soon as they notice; does not wait for them."""
        self._stopped.set()
        self._hands.stop()

    def _feed(self) -> None:
        end: BaseException = StopIteration()
        try:
            for turn, item in enumerate(self._items):
                reading = self._reader.begin(turn, item)
                # RuntimeError: no job is taken any more, because the consumer has gone.
                reading.future = self._hands.submit(functools.partial(self._reader.read, reading))
                if not self._put(reading):
                    return
        except BaseException as problem:  # noqa: BLE001 - handed to the consumer, which raises it
            end = problem
        self._put(end)

    def _put(self, entry: "_Reading | BaseException") -> bool:
        while not self._stopped.is_set():
            try:
                self._waiting.put(entry, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False


class _Reader:
    """Decodes and prepares one input; whatever goes wrong becomes its record."""

    def __init__(
        self,
        task: Task,
        options: RunOptions,
        key_extra: dict[str, Any],
        finished: Callable[[str], Record | None] | None,
    ) -> None:
        self._task, self._options, self._finished = task, options, finished
        self._enough = task.enough if options.reduce else None
        self.budget = MemoryBudget(BYTES_IN_FLIGHT)
        shaping = {
            "version": __version__,
            "task": task.name,
            "model": dataclasses.asdict(task.model),
            "labels": list(task.labels.items()),
            "settings": task.settings,
            "allow_truncated": options.allow_truncated,
            "enough": self._enough,
            **key_extra,
        }
        self._key_base = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).digest()

    def begin(self, turn: int, item: Item) -> _Reading:
        """Number `turn` of the inputs, to be read."""
        return _Reading(item, self._options.timeout, self.budget.share(turn))

    def give_up(self, reading: _Reading) -> _Decoded:
        """The record of an input that is still being read when its time is over."""
        reading.share.end()
        problem = reading.patience.ended()
        return self._failed(reading.item, problem.kind, str(problem))

    def read(self, reading: _Reading) -> _Decoded:
        """The item decoded and prepared, or with its record where the network is not needed."""
        item, share = reading.item, reading.share
        reading.patience.start()
        held = True
        try:
            key = self._key(item)
            record = self._finished(key) if self._finished is not None and key is not None else None
            if record is not None and record.task == self._task.name:
                return _Decoded(item, key, record=record)
            picture = pictures.read(
                item.path,
                max_pixels=self._options.max_pixels,
                allow_truncated=self._options.allow_truncated,
                admit=share.admit,
                enough=self._enough,
                patience=reading.patience,
            )
            share.shrink(footprint.as_rgb(*picture.image.size))
            decoded = _Decoded(item, key, picture, self._task.prepare(picture))
            weakref.finalize(picture, share.end).atexit = False
            held = False
        except InputError as problem:
            return self._failed(item, problem.kind, str(problem))
        except MemoryError:
            return self._failed(item, "too_large", "It needs more memory than there is. Make the picture smaller.")
        except Exception as problem:  # noqa: BLE001 - a batch goes on, whatever one input does
            return self._failed(item, "unreadable_picture", describe(problem))
        else:
            return decoded
        finally:
            share.leave()
            if held:
                share.end()

    def _failed(self, item: Item, kind: str, message: str) -> _Decoded:
        return _Decoded(item, record=failure(self._task.name, item, kind, message))

    def _key(self, item: Item) -> str | None:
        digest = hashlib.sha256(self._key_base)
        digest.update(os.fsencode(item.shown))
        digest.update(fingerprint(item.path))
        if not item.is_url:
            try:
                facts = os.stat(item.path)
            except OSError:
                return None  # Decoding will say what is wrong.
            digest.update(f"|{facts.st_size}|{facts.st_mtime_ns}".encode())
        return digest.hexdigest()[:24]


def failure(task: str, item: Item, kind: str, message: str) -> Record:
    """The record of an input without predictions."""
    return Record(task, item.shown, error=Failure(kind, message))


def describe(problem: BaseException) -> str:
    """An exception that nobody foresaw, as one line."""
    words = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {words}"[:400] if words else type(problem).__name__


def _predict(batch: list[_Decoded], task: Task) -> None:
    """Gives every input of a batch its record. Where the batch as a whole fails, each picture is tried alone."""
    waiting = [d for d in batch if d.record is None]
    start = time.perf_counter()
    answers: list[Answer | Exception] = []
    try:
        answers.extend(task.predict([d.prepared for d in waiting]) if waiting else [])
    except Exception as problem:  # noqa: BLE001 - one picture's trouble must not cost its neighbours
        answers = [_predict_alone(d, task) for d in waiting] if len(waiting) > 1 else [problem]
    each = (time.perf_counter() - start) * 1000 / max(len(waiting), 1)
    for decoded, answer in zip(waiting, answers, strict=True):
        decoded.record = _record(decoded, answer, task, each)
        decoded.prepared = None
        if isinstance(answer, Answer):
            decoded.arrays = answer.arrays


def _outcomes(batch: list[_Decoded], more: Callable[[], bool], crew: _Crew) -> Iterator[Outcome]:
    while batch:
        decoded = batch.pop(0)
        record = decoded.record
        assert record is not None  # every input has one by now
        resumed = decoded.picture is None and record.ok
        if resumed and record.input != decoded.item.shown:
            record = dataclasses.replace(record, input=decoded.item.shown)
        picture = decoded.picture if record.ok else None
        pause = not batch and not crew.busy and not more()
        yield Outcome(decoded.item, record, picture, resumed, pause, decoded.arrays)


def _predict_alone(decoded: _Decoded, task: Task) -> Answer | Exception:
    try:
        return task.predict([decoded.prepared])[0]
    except Exception as problem:  # noqa: BLE001 - becomes this input's record
        return problem


def _record(decoded: _Decoded, answer: Answer | Exception, task: Task, predict_ms: float) -> Record:
    picture = decoded.picture
    assert picture is not None
    if isinstance(answer, Exception):
        kind = answer.kind if isinstance(answer, InputError) else "prediction_failed"
        words = str(answer) if isinstance(answer, VisionError) else f"The network failed ({describe(answer)})."
        return failure(task.name, decoded.item, kind, words)
    return Record(
        task=task.name,
        input=decoded.item.shown,
        width=picture.width,
        height=picture.height,
        model=task.model,
        predictions=answer.predictions,
        extra=answer.extra,
        ms={"decode": round(picture.decode_ms, 2), "predict": round(predict_ms, 2)},
        key=decoded.key,
    )
