"""The progress of downloads, for people."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visioncli.weights.downloads import Progress


@contextmanager
def download_progress(*, quiet: bool) -> "Iterator[Progress | None]":
    """A bar for each file on standard error, where that is a terminal; it shows when the first bytes come."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bars = _Bars()
    try:
        yield bars.show
    finally:
        bars.close()


class _Bars:
    def __init__(self) -> None:
        self._progress: Any = None
        self._rows: dict[str, Any] = {}

    def show(self, name: str, done: int, total: int | None) -> None:
        if self._progress is None:
            self._progress = _open()
        if name not in self._rows:
            self._rows[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._rows[name], completed=done, total=total)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _open() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    progress.start()
    return progress
