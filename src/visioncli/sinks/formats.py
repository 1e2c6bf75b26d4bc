"""The names that `--format` takes, and what each makes."""

from visioncli.errors import UsageError
from visioncli.names import did_you_mean
from visioncli.sinks.csv_table import CsvSink
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.json_array import JsonArraySink

FORMATS: dict[str, tuple[str, ...]] = {
    "classify": ("json", "csv"),
}
"""Formats of each task beside JSON Lines, which is always written."""

CSV_COLUMNS: dict[str, tuple[str, ...]] = {
    "classify": ("label", "label_id", "score"),
}


def parse_formats(given: list[str] | None, task: str, *, to_stdout: bool) -> list[str]:
    """The formats asked for, once each. Raises UsageError for an unknown one."""
    names = [n.strip() for text in given or [] for n in text.split(",") if n.strip()]
    known = FORMATS[task]
    for name in names:
        if name not in (*known, "jsonl"):
            near = did_you_mean(name, known)
            raise UsageError(
                f"vision {task} cannot write the format {name!r}.{near} Known: jsonl, {', '.join(known)}."
            )
    chosen = [n for n in dict.fromkeys(names) if n != "jsonl"]
    if to_stdout and len(chosen) > 1:
        raise UsageError(
            f"Standard output takes one format at a time, not {' and '.join(chosen)}. Give a folder with -o."
        )
    return chosen


def document_sinks(formats: list[str], task: str, out: OutputFolder | None) -> list[DocumentSink]:
    """The sinks of the formats that are one document for the whole run."""
    sinks: list[DocumentSink] = []
    for name in formats:
        sinks.append(JsonArraySink(out) if name == "json" else CsvSink(out, CSV_COLUMNS[task]))
    return sinks
