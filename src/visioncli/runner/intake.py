"""Inputs in order, read by threads a bounded way ahead of the network."""

import functools
import math
import queue
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from visioncli.inputs.sources import Item
from visioncli.runner.hands import Hands
from visioncli.runner.reader import Decoded, Reader, Reading


class Intake:
    """Reads the source in a thread (it may block on a slow pipe) and decodes in others, a bounded way ahead."""

    def __init__(self, items: Iterable[Item], reader: Reader, workers: int, ahead: int) -> None:
        self._items, self._reader = items, reader
        self._waiting: queue.Queue[Reading | BaseException] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._hands = Hands(workers, "decode")
        self._head: Reading | BaseException | None = None
        threading.Thread(target=self._feed, name="feeder", daemon=True).start()

    def next(self, seconds: float | None) -> Decoded:
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

    def _result(self, reading: Reading, seconds: float) -> Decoded:
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
                del reading  # and with it a picture, whose memory the next one may need
        except BaseException as problem:  # noqa: BLE001 - handed to the consumer, which raises it
            end = problem
        self._put(end)

    def _put(self, entry: Reading | BaseException) -> bool:
        while not self._stopped.is_set():
            try:
                self._waiting.put(entry, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False
