"""`predictions.csv`: one row a prediction, and one row for each input without any (RFC 4180, UTF-8).

No cell is a formula to spreadsheets (https://owasp.org/www-community/attacks/CSV_Injection).
"""

import csv
import io
import re
from typing import Any

from visioncli.results import Record
from visioncli.sinks.documents import DocumentSink

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""How a text begins that a spreadsheet would compute, or that would look like such a text defused."""
_BOX = ("x1", "y1", "x2", "y2")


class CsvSink(DocumentSink):
    """Columns follow the task's prediction; `error` holds the sentence of a failed input. `last` are columns of
    videos, which came later: those before keep their places."""

    suffix = "csv"

    def __init__(self, out: Any, columns: tuple[str, ...], last: tuple[str, ...] = ()) -> None:
        self._columns = ("input", *columns, "error", *last)
        super().__init__(out)

    def begin(self) -> None:
        self._row(self._columns)

    def write(self, record: Record) -> None:
        rows = record.to_json()["predictions"] or [{}]
        about: dict[str, Any] = {"input": record.input}
        if record.frame is not None:
            about |= {"frame": record.frame, "time_s": record.time_s}
        for prediction in rows:
            cells = flatten(prediction) | about
            if record.error:
                cells["error"] = f"{record.error.kind}: {record.error.message}"
            self._row(tuple(defused(cells.get(name, "")) for name in self._columns))

    def finish(self) -> None:
        """A table has no end mark."""

    def _row(self, cells: tuple[Any, ...]) -> None:
        text = io.StringIO()
        csv.writer(text).writerow(cells)
        self.put(text.getvalue().encode("utf-8", errors="backslashreplace"))


def defused(cell: Any) -> Any:
    """A text that spreadsheets take for a formula gets an apostrophe in front; numbers stay as they are."""
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def flatten(prediction: dict[str, Any]) -> dict[str, Any]:
    """Nested values as cells: a box as x1, y1, x2, y2; keypoints as `nose_x`, `nose_y`, `nose_score`."""
    cells: dict[str, Any] = {}
    for name, value in prediction.items():
        if name == "box":
            cells |= dict(zip(_BOX, value, strict=True))
        elif name == "keypoints":
            for point in value:
                cells |= {f"{point['name']}_{part}": point[part] for part in ("x", "y", "score")}
        elif name == "peak":
            cells |= dict(zip(("peak_x", "peak_y"), value, strict=True))
        elif name == "angles":
            cells |= value
        elif not isinstance(value, dict | list):
            cells[name] = value
    return cells
