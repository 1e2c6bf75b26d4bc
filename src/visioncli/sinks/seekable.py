"""Documents whose beginning, or all, is known last."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import IO

from visioncli.files import explain
from visioncli.sinks.documents import DocumentSink


class SeekableSink(DocumentSink):
    """One that goes back in its file: on standard output, which has no way back, it goes out when it is whole."""

    def standard_output(self) -> IO[bytes]:
        return tempfile.TemporaryFile()

    def close(self) -> None:
        super().close()
        if self._out is None:
            self._file.seek(0)
            shutil.copyfileobj(self._file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def with_disk_errors(step: Callable[[], object], sink: DocumentSink) -> None:
    """Does what writes a document past `put`. Raises OutputError."""
    try:
        step()
    except OSError as problem:
        raise explain(problem, sink.target) from problem
