"""Formats that are one document for the whole run: written as records come, visible when complete."""

import sys
from abc import abstractmethod
from pathlib import Path
from typing import IO, ClassVar

from visioncli.files import explain, new_file
from visioncli.results import Record
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import RecordSink


class DocumentSink(RecordSink):
    """`predictions.<suffix>` in the output folder, or standard output where there is none."""

    suffix: ClassVar[str]

    def __init__(self, out: OutputFolder | None) -> None:
        self._out, self._name = out, f"predictions.{self.suffix}"
        self._target = out.check(self._name) if out else None
        self._temporary = out.partial / f".vision-document.{self.suffix}" if out else None
        try:
            self._file: IO[bytes] = new_file(self._temporary) if self._temporary else self.standard_output()
        except OSError as problem:
            raise explain(problem, self._temporary) from problem  # type: ignore[arg-type]
        self.begin()

    @property
    def target(self) -> Path:
        """Where it will stand, for sentences."""
        return self._target or Path("standard output")

    def standard_output(self) -> IO[bytes]:
        """What is written to where there is no folder."""
        return sys.stdout.buffer

    @property
    def remark(self) -> str | None:
        """A sentence that the user should know when the run is over."""
        return None

    def put(self, data: bytes) -> None:
        """Appends to the document. Raises OutputError."""
        try:
            self._file.write(data)
        except BrokenPipeError:
            raise
        except OSError as problem:
            raise explain(problem, self._target) from problem  # type: ignore[arg-type]

    def close(self) -> None:
        """Ends the document and gives it its name."""
        self.finish()
        if self._out is None or self._temporary is None or self._target is None:
            self._file.flush()
            return
        try:
            self._file.close()
            self._out.note(self._name)
            self._temporary.replace(self._target)
        except OSError as problem:
            raise explain(problem, self._target) from problem

    @abstractmethod
    def begin(self) -> None:
        """Called once, before the first record."""

    @abstractmethod
    def write(self, record: Record) -> None:
        """Adds one record."""

    @abstractmethod
    def finish(self) -> None:
        """Called once, after the last record."""
