"""From folders to verdicts, as `build` does it."""

from collections.abc import Sequence
from pathlib import Path

from visioncli.report.classes import ClassTable, labels_of
from visioncli.report.objects import Answers, answers
from visioncli.report.outputs import Output, Pictures, read_outputs, together
from visioncli.report.truth import Truth, truth_of


def loaded(folders: Sequence[Path], truth: Path | None = None) -> tuple[list[Answers], ClassTable, Truth | None]:
    """The runs' answers, the table of their classes, and the truth."""
    outputs = read_outputs([str(folder) for folder in folders])
    pictures = together(outputs)
    found = truth_of(None if truth is None else str(truth), outputs, pictures)
    table = ClassTable(labels_of(output) for output in outputs)
    return _answers(outputs, pictures, table), table, found


def _answers(outputs: Sequence[Output], pictures: Pictures, table: ClassTable) -> list[Answers]:
    return [
        answers(output, places, len(pictures.names), table)
        for output, places in zip(outputs, pictures.places, strict=True)
    ]
