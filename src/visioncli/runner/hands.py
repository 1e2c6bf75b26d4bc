"""Threads that take jobs in order. Unlike those of a pool, one that never comes back can be given up."""

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Hands:
    """At most `count` threads, started as they are needed. They do not keep the program from ending."""

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._given_up: set[Future[Any]] = set()
        self._started = 0
        self._stopped = False
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], T]) -> "Future[T]":
        """What `job` will answer. Raises RuntimeError after `stop`."""
        future: Future[T] = Future()
        with self._lock:
            if self._stopped:
                raise RuntimeError("no job is taken after the end")
            self._jobs.put((future, job))
            if self._started < self._count:
                self._started += 1
                self._start()
        return future

    def give_up(self, future: "Future[Any]") -> None:
        """Expects nothing of this job any more. Another thread takes the place of the one that is at it."""
        with self._lock:
            if not self._stopped and not future.done():
                self._given_up.add(future)
                self._start()

    def stop(self) -> None:
        """Lets go of what was not begun; each thread ends when its job does."""
        with self._lock:
            self._stopped = True
            with contextlib.suppress(queue.Empty):
                while True:
                    if job := self._jobs.get_nowait():
                        job[0].cancel()
            for _ in range(self._started):
                self._jobs.put(None)

    def _start(self) -> None:
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (taken := self._jobs.get()) is not None:
            future, job = taken
            try:
                future.set_result(job())
            except BaseException as problem:  # noqa: BLE001 - belongs to whoever asks for the result
                future.set_exception(problem)
            with self._lock:
                if future in self._given_up:
                    self._given_up.remove(future)
                    return
            del taken, future, job  # the next one may be long in coming, and a picture is large
