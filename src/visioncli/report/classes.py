"""The classes of a page: one table for all runs and the truth, by name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from visioncli.evaluation.classes import folded
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.render.colours import class_colour
from visioncli.report.outputs import Output
from visioncli.results import Record
from visioncli.weights.runs import is_run, read_run


def labels_of(output: Output) -> dict[int, str]:
    """Category id -> name of a run's classes: all that its network knows where it is one of ours, else those that
    its records name."""
    seen: dict[int, str] = {}
    for record in output.records:
        for prediction in record.predictions or ():
            if getattr(prediction, "label_id", None) is not None:
                seen.setdefault(prediction.label_id, prediction.label)
    known: dict[int, str] = {}
    if is_run(output.folder):
        known = load_labels(read_run(output.folder, check=False).labels)
    else:
        rows = {row.name: row for row in registry.all_rows()}
        if (row := rows.get(output.model)) is not None:
            known = load_labels(row.labels)
    # Records may be of a network of the same name with other labels (--labels): what they say counts.
    fits = all(known.get(number) == label for number, label in seen.items())
    return known if fits and known else seen


class ClassTable:
    """Codes of classes, in the order in which they first come; names that differ in case and blanks are one class.

    Of two classes of one network with the same name (ImageNet's cranes) each is called with its number.
    """

    def __init__(self, labels: Iterable[Mapping[int, str]]) -> None:
        self._codes: dict[str, int] = {}
        self._names: list[str] = []
        self._numbers: list[int] = []
        self._twice: set[str] = set()
        for one in labels:
            seen: set[str] = set()
            for name in map(folded, one.values()):
                (self._twice if name in seen else seen).add(name)

    def __len__(self) -> int:
        return len(self._names)

    def code(self, label: str, number: int | None = None) -> int:
        """The code of a class, entered where it is new. `number` is its category id where it has one."""
        key = folded(label)
        if key in self._twice and number is not None:
            label, key = f"{label} ({number})", f"{key} ({number})"
        if key not in self._codes:
            self._codes[key] = len(self._names)
            self._names.append(label)
            self._numbers.append(len(self._names) - 1 if number is None else number)
        return self._codes[key]

    def to_json(self) -> dict[str, Any]:
        """Names, and a colour for each: that of the annotated pictures."""
        colours = [class_colour(name, number) for name, number in zip(self._names, self._numbers, strict=True)]
        return {"names": self._names, "colours": [f"#{bytes(colour).hex()}" for colour in colours]}


def codes_of(record: Record, table: ClassTable) -> list[int]:
    """The classes of a record's predictions."""
    found: Sequence[Any] = record.predictions or ()
    return [table.code(p.label, p.label_id) for p in found]
