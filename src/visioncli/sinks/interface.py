"""Where results go. A new output is one class here's child, one file."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from visioncli.results import Record

if TYPE_CHECKING:
    from visioncli.runner import Outcome
    from visioncli.sinks.folder import OutputFolder


class PictureSink(ABC):
    """Writes files about one picture. `write` may be called from several threads at once."""

    @abstractmethod
    def write(self, outcome: "Outcome", out: "OutputFolder", base: str) -> dict[str, str]:
        """Writes the files of one success below `out`, named after `base`; returns kind -> path for the record."""


class RecordSink(ABC):
    """Takes every finished record, in input order, from one thread."""

    @abstractmethod
    def write(self, record: Record) -> None:
        """Takes one record. Raises OutputError where it cannot be kept."""

    @abstractmethod
    def close(self) -> None:
        """Makes what was written whole and visible; also called after an interrupt."""
