"""Ends a run of ONNX Runtime that takes too long: a network may hold a loop without end."""

import itertools
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from visioncli.errors import InputError


class _Watch:
    """One thread that ends runs whose time is over. It sleeps meanwhile, and is woken only when nothing was running
    at the end of its last sleep, so that watching a run costs a microsecond."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[float, Any]] = {}
        self._numbers = itertools.count()
        self._change = threading.Condition()
        self._wakes = math.inf
        self._started = False

    def begin(self, options: Any, end: float) -> int:
        """Sets `options.terminate` at the time `end`, unless `finish` is called with the answer before."""
        with self._change:
            number = next(self._numbers)
            self._running[number] = (end, options)
            if not self._started:
                threading.Thread(target=self._watch, name="watch", daemon=True).start()
                self._started = True
            if end < self._wakes:
                self._change.notify()
        return number

    def finish(self, number: int) -> None:
        """The run has ended."""
        with self._change:
            self._running.pop(number, None)

    def _watch(self) -> None:
        with self._change:
            while True:
                now = time.monotonic()
                for number in [n for n, (end, _) in self._running.items() if end <= now]:
                    self._running.pop(number)[1].terminate = True
                self._wakes = min((end for end, _ in self._running.values()), default=math.inf)
                self._change.wait(None if math.isinf(self._wakes) else self._wakes - now)


_watch = _Watch()


def run_within(seconds: float, session: Any, inputs: dict[str, Any]) -> list[Any]:
    """All outputs of an ONNX Runtime session. Raises InputError("timed_out") after so many seconds."""
    if math.isinf(seconds):
        outputs: list[Any] = session.run(None, inputs)
        return outputs
    with ended_after(seconds) as options:
        try:
            outputs = session.run(None, inputs, options)
        except Exception:
            if not options.terminate:
                raise
            raise InputError(
                "timed_out",
                f"The network took longer than {seconds:g} s. Give it more with --timeout if that is normal.",
            ) from None
    return outputs


@contextmanager
def ended_after(seconds: float) -> Iterator[Any]:
    """RunOptions for runs in the block, which raise errors of ONNX Runtime's once so many seconds are over."""
    from onnxruntime import RunOptions  # a session is open, and with it the telemetry off

    options = RunOptions()
    number = _watch.begin(options, time.monotonic() + seconds)
    try:
        yield options
    finally:
        _watch.finish(number)
