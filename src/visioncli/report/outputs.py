"""The records of runs: what lies in an output folder, in a RUN of `vision train`, in a folder of `vision eval`."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from visioncli.datasets.interface import DatasetError
from visioncli.earlier_results import PREDICTIONS
from visioncli.errors import InputError, UsageError
from visioncli.evaluation.documents import NUMBERS, RECORDS
from visioncli.results import Record
from visioncli.weights.runs import is_run

MOST_RUNS = 3
VALIDATED = "val.jsonl"
"""In a RUN, the records of its validation part."""
MOST_DAMAGED = 3
NOT_SHOWN = frozenset({"embed", "stylize", "generate"})
"""Tasks whose answers are nothing to look at, or pictures of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What one network answered: `records` in their order, and of each the names of its classes where the truth
    stands beside it, else None. `maps` are the true masks that stand beside each instead.

    `path` is the file of the records, `folder` the one it lies in, `name` what the run is called on the page.
    `says` is a sentence of what there is.
    """

    name: str
    path: Path
    folder: Path
    task: str
    records: tuple[Record, ...]
    truths: tuple[tuple[str, ...] | None, ...]
    maps: tuple[dict[str, Any] | None, ...] = ()
    warnings: tuple[str, ...] = ()
    says: str = ""

    @property
    def model(self) -> str:
        """The network that answered; empty where every picture failed."""
        return next((record.model.name for record in self.records if record.model is not None), "")

    @property
    def precision(self) -> str:
        """The numbers that the network computed in, where they are not the usual ones of 32 bits."""
        found = next((r.model.precision for r in self.records if r.model is not None and r.model.precision), "")
        return "" if found == "fp32" else found

    @property
    def has_truth(self) -> bool:
        """Whether any record has its truth beside it."""
        return any(truth is not None for truth in self.truths)


def read_outputs(names: Sequence[str]) -> list[Output]:
    """One to three runs of one task, each under a name of its own. Raises InputError and UsageError."""
    files = [file for name in names for file in _record_files(Path(name))]
    if len(files) > MOST_RUNS:
        raise UsageError(f"There are {len(files)} runs here, and a report compares at most {MOST_RUNS}.")
    found = [_read(file) for file in files]
    tasks = list(dict.fromkeys(one.task for one in found))
    if len(tasks) > 1:
        kinds = " and ".join(f"{one.folder} (vision {one.task})" for one in found)
        raise UsageError(f"Only runs of one task can be compared, not {kinds}. Make a report of each.")
    if tasks and tasks[0] in NOT_SHOWN:
        raise UsageError(f"{found[0].folder} is of vision {tasks[0]}, of which no report can be made.")
    return _told_apart(found)


def _record_files(path: Path) -> list[Path]:
    """The files of records that a path stands for."""
    if not path.exists():
        raise InputError("not_found", f"{path}: there is no such file or folder. Give the -o of an earlier run.")
    if path.is_file():
        return [path]
    if is_run(path):
        if not (path / VALIDATED).is_file():
            raise InputError(
                "not_found", f"{path}: this RUN has no {VALIDATED}: its training has not come to its end (--resume)."
            )
        return [path / VALIDATED]
    if (path / NUMBERS).is_file():
        return sorted(p for p in path.glob(f"*{RECORDS}") if p.is_file())
    if not (path / PREDICTIONS).is_file():
        raise InputError(
            "not_found",
            f"{path}: there is no {PREDICTIONS} in this folder. Give the -o of an earlier run, or a RUN of "
            "vision train.",
        )
    return [path / PREDICTIONS]


def _read(path: Path) -> Output:
    records: list[Record] = []
    truths: list[tuple[str, ...] | None] = []
    maps: list[dict[str, Any] | None] = []
    damaged: list[int] = []
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    try:
                        record = Record.from_json(json.loads(line, parse_constant=_refuse))
                        truth, true_map = _truth_beside(record.extra), _map_beside(record.extra)
                    except (ValueError, RecursionError):
                        damaged.append(number)
                        continue
                    records.append(record)
                    truths.append(truth)
                    maps.append(true_map)
    except OSError as problem:
        raise InputError("read_failed", f"{path}: it cannot be read: {problem.strerror or problem}.") from None
    if not records:
        raise DatasetError(f"{path}: there are no records of vision's in this file.")
    folder = path.parent
    tasks = {record.task for record in records}
    if len(tasks) > 1:
        raise DatasetError(f"{path}: it holds records of {' and '.join(sorted(tasks))}.")
    name = folder.resolve().name if path.name in (PREDICTIONS, VALIDATED) else path.stem
    return Output(
        name, path, folder, tasks.pop(), tuple(records), tuple(truths), tuple(maps), tuple(_about(path, damaged))
    )


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _about(path: Path, damaged: list[int]) -> Iterator[str]:
    if damaged:
        lines = ", ".join(map(str, damaged[:MOST_DAMAGED])) + (", …" if len(damaged) > MOST_DAMAGED else "")
        yield f"{path}: left out what is no whole record: {len(damaged):,} in all, on line {lines}."


def _truth_beside(extra: dict[str, Any]) -> tuple[str, ...] | None:
    """The names of the classes that `vision train` and `vision eval` put beside a record. Raises ValueError."""
    truth = extra.get("truth")
    if truth is None or (isinstance(truth, dict) and isinstance(truth.get("mask"), str)):
        return None
    labels = truth.get("labels") if isinstance(truth, dict) else None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError("the truth beside it is not a list of class names")
    return tuple(labels)


def _map_beside(extra: dict[str, Any]) -> dict[str, Any] | None:
    """The true masks that `vision train` puts beside a record. Raises ValueError."""
    truth = extra.get("truth")
    if not isinstance(truth, dict) or "segments" not in truth:
        return None
    parts = truth["segments"]
    if not isinstance(parts, list) or not all(
        isinstance(part, dict) and type(part.get("label_id")) is int and isinstance(part.get("mask"), dict)
        for part in parts
    ):
        raise ValueError("the truth beside it is no list of masks")
    return truth


def _told_apart(found: Sequence[Output]) -> list[Output]:
    """No two under one name: by the folder, then by the network, then by a number."""
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        names = [f"{one.name} ({one.model})" for one in found]
    taken: set[str] = set()
    out = []
    for one, name in zip(found, names, strict=True):
        tries = (name if n == 1 else f"{name} {n}" for n in range(1, len(found) + 1))
        own = next(t for t in tries if t not in taken)
        taken.add(own)
        out.append(Output(own, one.path, one.folder, one.task, one.records, one.truths, one.maps, one.warnings))
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """All pictures of some runs, N of them, in the order in which they first come.

    `names` are the inputs as they were given. `places` has for each run the place of each of its records' pictures.
    """

    names: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]


def together(outputs: Iterable[Output]) -> Pictures:
    """The pictures of all runs, each once: two inputs are one picture where they are the same path.

    Where one run was given paths as `photos/1.jpg` and another as `/home/me/photos/1.jpg`, both are made whole.
    """
    table: dict[str, int] = {}
    names: list[str] = []
    places = []
    for one in outputs:
        own: list[int] = []
        seen: dict[str, int] = {}
        for record in one.records:
            key = record.input if "://" in record.input else os.path.abspath(record.input)
            again = seen[key] = seen.get(key, -1) + 1
            key = f"{key}\0{again}" if again else key  # given twice, a picture has two records
            if key not in table:
                table[key] = len(names)
                names.append(record.input)
            own.append(table[key])
        places.append(tuple(own))
    return Pictures(tuple(names), tuple(places))
