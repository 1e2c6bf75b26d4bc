"""Tables of a run's folder that people and programs read: `confusion.csv` and `files.jsonl`."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.files import write_whole
from visioncli.labelled.interface import Example, PictureSet
from visioncli.sinks.csv_table import defused
from visioncli.training.data.look import Seen


def write_confusion(path: Path, classes: Sequence[str], counts: np.ndarray) -> None:
    """`confusion.csv`: a row a true class, a column a predicted one; `counts` is `(C, C) int`. Raises OutputError."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    names = [defused(name) for name in classes]
    table.writerow(["truth \\ predicted", *names])
    for name, row in zip(names, np.asarray(counts).tolist(), strict=True):
        table.writerow([name, *row])
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))


def write_files(path: Path, pictures: PictureSet, seen: Sequence[Seen], places: Sequence[str] | np.ndarray) -> None:
    """`files.jsonl`: a line a picture, with what was read of it or why it could not be. Raises OutputError."""
    lines = [
        json.dumps(file_line(example, pictures, one, str(place)))
        for example, one, place in zip(pictures.examples, seen, places, strict=True)
    ]
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())


def file_line(example: Example, pictures: PictureSet, seen: Seen, place: str) -> dict[str, Any]:
    """What `files.jsonl` says of one picture."""
    names = [pictures.classes[k] for k in example.labels]
    line: dict[str, Any] = {"path": example.shown}
    line |= {"labels": names} if pictures.multi_label else {"label": names[0] if names else None}
    line["split"] = place
    if example.box is not None:
        line["box"] = list(example.box)
    if seen.error is not None:
        return line | {"error": {"kind": seen.error.kind, "message": seen.error.message}}
    size = {"seconds": round(seen.seconds, 3)} if seen.seconds else {"width": seen.width, "height": seen.height}
    return line | {"sha256": seen.sha256} | size | {"error": None}
