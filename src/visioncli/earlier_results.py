"""What earlier runs wrote into a folder that is walked: results are no inputs, unless their folder is named.

So are the drawings, contact sheets and tables beside a network that `vision train` wrote.
"""

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass

LIST = ".visionfiles"
END = b"\0"
EVERYTHING = "."
"""An entry for all files of a folder: its records are of a version that kept no list."""
PREDICTIONS = "predictions.jsonl"
RECORD_MARK = b'"vision/1"'
BEGINNING = 1 << 20
"""Bytes of a file of records in which at least one is looked for."""

PICTURES = (".jpg", ".png")
"""What vision's pictures are called."""
RUN_NOTES = "model.json"
RUN_MARK = b'"vision-model/'
MARKS = (LIST, PREDICTIONS, RUN_NOTES)
"""Files that say that something of vision's lies in a folder."""
RUN_NAMES = frozenset(
    {
        *(RUN_NOTES, "model.safetensors", "MODEL_CARD.md", "log.jsonl", "val.jsonl", "test.jsonl", "files.jsonl"),
        *("split.csv", "suspects.csv", "confusion.csv", "confusion.png", "curves.png", "augmented.jpg"),
        "nearest.png",
    }
)
"""What `vision train` writes."""
RUN_FOLDERS = ("tensorboard", "samples")
"""All in here is vision's too."""
_TASK = re.compile(rb'"schema": ?"vision/1", ?"task": ?"([a-z]+)"')
_OUTPUT = re.compile(rb'"output": ?"([^"\0]*)"')


@dataclass(frozen=True, slots=True)
class Results:
    """The files that vision wrote below `folder`, by their names there, `/` between folders.

    Where the user has `named` the folder, its pictures are wanted, and the documents beside them are still none.
    """

    folder: str
    names: frozenset[str]
    named: bool = False

    def __contains__(self, path: str) -> bool:
        """Whether the file at `path`, which begins with the folder's own, is one of them and so no input."""
        name = path[len(self.folder.rstrip("/")) + 1 :]
        listed = name in self.names or f"{name.partition('/')[0]}/" in self.names
        if self.named:
            return listed and not path.endswith(PICTURES)
        return listed or EVERYTHING in self.names


def results_in(folder: str, entries: Iterable[str], *, named: bool = False) -> Results | None:
    """What vision wrote into `folder`, in which `entries` lie; None where nothing says that it did.

    A folder with records but without a list is vision's as a whole, unless they were brought to the pictures that
    they are about. Of the folder of a trained network what training wrote is vision's.
    """
    entries = list(entries)
    trained = RUN_NAMES | {f"{folder}/" for folder in RUN_FOLDERS} if is_trained(folder, entries) else frozenset()
    records = []
    for name in entries:
        if name == LIST:
            return Results(folder, _listed(os.path.join(folder, name)) | trained, named)
        if name.startswith("predictions.") and name.endswith(".jsonl"):
            records.append(os.path.join(folder, name))
    if any(_written_here(path) for path in records):
        return Results(folder, frozenset({EVERYTHING}) | trained, named)
    return Results(folder, trained, named) if trained else None


def is_trained(folder: str, entries: Iterable[str]) -> bool:
    """Whether `folder`, in which `entries` lie, holds a network that `vision train` wrote."""
    return RUN_NOTES in entries and RUN_MARK in _beginning(os.path.join(folder, RUN_NOTES))


def _written_here(path: str) -> bool:
    """Whether records lie where they were written: those of standard output say nothing about files."""
    start = _beginning(path)
    found = _OUTPUT.search(start) if RECORD_MARK in start else None
    # Results are called after their input, and never the same.
    return found is not None and not os.path.lexists(os.path.join(os.path.dirname(path), os.fsdecode(found[1])))


def names_in(content: bytes) -> set[str]:
    """The names in the content of a list."""
    return {os.fsdecode(name) for name in content.split(END) if name}


def _listed(path: str) -> frozenset[str]:
    if not _is_file(path):
        return frozenset()
    try:
        with open(path, "rb") as file:
            return frozenset(names_in(file.read()) | {LIST})
    except OSError:
        return frozenset({EVERYTHING})  # it says that the folder is vision's, and no more


def holds_records(path: str) -> bool:
    """Whether a file begins with records of vision's, damaged ones between them or not."""
    return RECORD_MARK in _beginning(path)


def task_of(path: str) -> str | None:
    """The task of the first record in a file; None where there is none."""
    found = _TASK.search(_beginning(path))
    return found[1].decode() if found else None


def _beginning(path: str) -> bytes:
    if not _is_file(path):
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(BEGINNING)
    except OSError:
        return b""


def _is_file(path: str) -> bool:
    """Not a pipe, which would keep whoever reads it waiting."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
