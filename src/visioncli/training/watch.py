"""Who is told how training goes: whoever watches, and the run's log."""

import json
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from visioncli.errors import OutputError
from visioncli.files import explain

LOG = "log.jsonl"


class Watcher:
    """Is told what happens; by itself it is told in vain. A command line overrides what it shows."""

    def say(self, sentence: str) -> None:
        """A sentence for a person."""

    def failure(self, path: str, message: str) -> None:
        """A picture that cannot be read, and why."""

    def progress(self, what: str, done: int, total: int) -> None:
        """How far something is that takes long; it ends with `done` equal to `total`."""

    def undisturbed(self) -> AbstractContextManager[object]:
        """Guards the writing of a model, of two files, against being interrupted between them."""
        return nullcontext()

    def event(self, event: str, **facts: Any) -> None:
        """What the log holds, and `step`, which it does not: `data`, `features`, `head`, `start`, `forecast`,
        `epoch`, `cost`, `result`."""


class Log:
    """`log.jsonl`: a line an event, with the seconds since the run began; passes everything on to a watcher."""

    def __init__(self, run: Path, watcher: Watcher, *, keep: bool = False) -> None:
        """With `keep` an earlier log is gone on with; else it is begun anew."""
        self._path, self._watcher = run / LOG, watcher
        self._start = time.monotonic()
        if not keep:
            self.truncate(0)

    def truncate(self, size: int) -> None:
        """Forgets all but the first `size` bytes: what happened after the checkpoint will happen again."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.truncate(min(size, file.tell()))
        except OSError as problem:
            raise explain(problem, self._path) from problem

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._path.stat().st_size if self._path.is_file() else 0

    def __call__(self, event: str, **facts: Any) -> None:
        """Notes the event, but for single steps, of which there are too many. Raises OutputError."""
        if event != "step":
            self._write({"event": event, "seconds": round(time.monotonic() - self._start, 2)} | _rounded(facts))
        self._watcher.event(event, **facts)

    def _write(self, line: dict[str, Any]) -> None:
        try:
            with self._path.open("ab") as file:
                file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        except OSError as problem:
            raise explain(problem, self._path) from problem


def read_log(run: Path) -> list[dict[str, Any]]:
    """The events of a run. Raises OutputError."""
    try:
        lines = (run / LOG).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
    except (OSError, ValueError) as problem:
        raise OutputError(f"{run / LOG} cannot be read: {problem}.") from None


def _rounded(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{v:.6g}") if isinstance(v, float) else v for name, v in facts.items()}
