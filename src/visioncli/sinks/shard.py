"""`predictions.shard.json`: which part of a run a folder holds, and where each record belongs in the whole.

One line an input, between a first and a last line that make the file one JSON document: no reader must hold it.
"""

import json
import os
from typing import Any

from visioncli.inputs.shards import Listing, Place
from visioncli.results import Record, dump_line
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.videos.frames import MARK

SCHEMA = "vision-shard/1"
DOCUMENT = "predictions.shard.json"
HEAD = b'{"schema": "' + SCHEMA.encode() + b'", "inputs": [\n'
FACTS = b'], "facts": '


class ShardSink(DocumentSink):
    """Line k is record k of `predictions.jsonl`: `{"at", "input", "name", "root", "files"}`.

    `at` is the input's place in the listing of all shards, `name` and `root` what its results are called after,
    `files` their names below the folder. The last line holds the facts that `vision merge` compares. Of a run that
    was cut short, the records of earlier runs that it took over have no line.
    """

    suffix = "shard.json"

    def __init__(self, out: OutputFolder, listing: Listing, facts: dict[str, Any]) -> None:
        self._listing, self._facts, self._folder = listing, facts, os.path.abspath(out.path)
        self._separator = b""
        self._video: tuple[str, int, Place | None] = ("", -1, None)
        self.complete = False
        super().__init__(out)

    def begin(self) -> None:
        self.put(HEAD)

    def write(self, record: Record) -> None:
        place = self._place_of(record)
        entry: dict[str, Any] = {"at": place.at, "input": record.input, "name": place.relative, "root": place.root}
        if record.files:
            entry["files"] = {kind: os.path.relpath(path, self._folder) for kind, path in record.files.items()}
        self.put(self._separator + dump_line(entry).rstrip(b"\n"))
        self._separator = b",\n"

    def _place_of(self, record: Record) -> Place:
        """The frames of a video, and what became of the rest of it, have its place in common."""
        video, _, number = record.input.rpartition(MARK)
        before, last, place = self._video
        if record.frame is not None and number:
            if place is None or before != video or record.frame <= last:
                place = self._listing.next_place()
            self._video = video, record.frame, place
            return place._replace(relative=f"{place.relative}{MARK}{number}")
        self._video = "", -1, None
        return place if place is not None and record.error and record.input == before else self._listing.next_place()

    def finish(self) -> None:
        shard = self._listing.shard
        facts = {
            "shard": shard.index,
            "of": shard.count,
            "complete": self.complete,
            "listed": self._listing.listed,
            "listing": self._listing.digest,
            **self._facts,
        }
        line = json.dumps(facts, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
        self.put((b"\n" if self._separator else b"") + FACTS + line + b"}\n")
