"""What became of a run's inputs, counted, and the exit status that follows."""

import time
from collections import Counter

from visioncli.errors import UsageError
from visioncli.results import Record
from visioncli.runner import Outcome
from visioncli.status import Status


class Tally:
    """Counts what became of the inputs."""

    def __init__(self) -> None:
        self.succeeded = self.failed = self.resumed = 0
        self.elsewhere = 0
        """Inputs that are those of other shards."""
        self.left_out: Counter[str] = Counter()
        self._start = time.perf_counter()

    def add(self, outcome: Outcome, record: Record) -> None:
        """Counts one input."""
        self.succeeded += record.ok
        self.failed += not record.ok
        self.left_out.update(record.extra.get("left_out", {}))
        self.resumed += outcome.resumed

    @property
    def total(self) -> int:
        """Inputs so far."""
        return self.succeeded + self.failed

    @property
    def seconds(self) -> float:
        """Since the run began, without the loading of the network."""
        return time.perf_counter() - self._start

    def status(self, ended: BaseException | None) -> Status:
        """The exit status of a run that ended by itself or by `ended`."""
        if isinstance(ended, KeyboardInterrupt):
            return Status.INTERRUPTED
        if isinstance(ended, BrokenPipeError):
            return Status.PIPE_CLOSED
        if isinstance(ended, UsageError):
            return Status.USAGE
        if not self.total and self.elsewhere and ended is None:
            return Status.OK  # a shard may be empty
        if not self.succeeded:
            return Status.NONE_SUCCEEDED
        return Status.SOME_FAILED if self.failed or ended else Status.OK
