"""A piece of a run, done into a folder of its own as `--shard` would do it."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visioncli.cluster.plan import Piece, PieceListing
from visioncli.inputs.sources import Expansion
from visioncli.publish import publish
from visioncli.runner import Outcome, RunOptions, failure, run
from visioncli.sinks.annotated import AnnotatedSink, Draw
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import SinkOptions, document_sinks, picture_sinks
from visioncli.sinks.interface import PictureSink, RecordSink
from visioncli.sinks.journal import Journal
from visioncli.sinks.shard import ShardSink
from visioncli.tasks.interface import Task

STOP = "stop"
"""A file whose presence beside the pieces tells all actors to end with what they have."""
LOOK_SECONDS = 0.25
MOST_WORDS = 50
"""Failures of a piece that are told one by one."""


@dataclass(frozen=True)
class Job:
    """What all pieces of a run have in common; it travels to the actors.

    `make` builds the task there, given how many threads its network may have. `room` is the absolute path of the
    folder of the pieces, `here` that of the folder in which relative paths begin.
    """

    make: Callable[[int | None], Task]
    room: str
    here: str
    token: str
    version: str
    expansion: Expansion
    options: RunOptions
    key_extra: dict[str, Any]
    formats: list[str]
    sink_options: SinkOptions
    draw: Draw | None
    annotated: str | None
    facts: dict[str, Any]
    listed: int
    digest: str
    fail_fast: bool = False
    usual_workers: bool = True
    """Whether nobody chose how many threads decode."""


@dataclass(slots=True)
class Done:
    """What became of a piece: its folder, and how many inputs have records there: all where it is `complete`."""

    folder: str
    succeeded: int = 0
    failed: int = 0
    complete: bool = False
    words: list[tuple[str, str]] = field(default_factory=list)


def is_stopped(job: Job) -> bool:
    """Whether the run was told to end."""
    return os.path.lexists(os.path.join(job.room, STOP))


def picture_sinks_of(job: Job, out: OutputFolder, labels: dict[int, str]) -> list[PictureSink]:
    """The sinks of what is written for each picture."""
    sinks = picture_sinks(job.formats, out, labels, job.sink_options)
    if job.draw and job.annotated:
        sinks.append(AnnotatedSink(job.draw, job.annotated))
    return sinks


def do(job: Job, piece: Piece, task: Task, options: RunOptions) -> Done:
    """Runs the piece. Raises OutputError."""
    with closing(run(piece.opened(job.expansion), task, options, key_extra=job.key_extra)) as outcomes:
        return _write(job, piece, task.labels, outcomes)


def refuse(job: Job, piece: Piece, task: Task, kind: str, message: str) -> Done:
    """Gives each input of a piece that nobody can do its record."""
    outcomes = [Outcome(item, failure(task.name, item, kind, message)) for _, item in piece.items]
    return _write(job, piece, task.labels, outcomes)


def _write(job: Job, piece: Piece, labels: dict[int, str], outcomes: Iterable[Outcome]) -> Done:
    done = Done(piece.folder)
    out = OutputFolder(Path(job.room) / piece.folder)
    try:
        listing = PieceListing.of_piece(piece, job.listed, job.digest)
        shard = ShardSink(out, listing, job.facts)
        name = str(job.facts["task"])
        # Other documents are made of all records together, at the end.
        documents = document_sinks(job.formats, name, out, labels, job.sink_options) if name == "embed" else []
        records: list[RecordSink] = [Journal(out, name, resume=False), *documents, shard]
        if name == "embed" and not job.sink_options.vectors:
            from visioncli.sinks.vectors import WithoutVectors

            records = [WithoutVectors.around(sink) for sink in records]
        looked = time.monotonic()
        with closing(publish(outcomes, out, picture_sinks_of(job, out, labels), records)) as published:
            for _, record in published:
                done.succeeded += record.ok
                done.failed += not record.ok
                if record.error and len(done.words) < MOST_WORDS:
                    done.words.append((record.input, record.error.message))
                if record.error and job.fail_fast:
                    break
                if time.monotonic() - looked > LOOK_SECONDS:
                    looked = time.monotonic()
                    if is_stopped(job):
                        break
        done.complete = shard.complete = done.succeeded + done.failed == len(piece.items)
        for sink in records:
            sink.close()
    except BaseException:
        out.abandon()
        raise
    out.close()
    return done
