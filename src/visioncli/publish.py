"""Outcomes -> files and records, in input order: pictures are written in threads, records by the caller's thread."""

import dataclasses
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from visioncli.errors import InputError, OutputError
from visioncli.results import Record
from visioncli.runner import Outcome, describe, failure
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink, RecordSink
from visioncli.sinks.journal import bytes_of
from visioncli.sinks.video import VideoSink
from visioncli.videos.frames import Frame

if TYPE_CHECKING:
    from PIL.Image import Image

PATIENCE_SECONDS = 1.0
"""How long pictures that are being written may hold up an interrupt."""


def publish(
    outcomes: Iterable[Outcome],
    out: OutputFolder | None,
    picture_sinks: list[PictureSink],
    record_sinks: list[RecordSink],
    *,
    videos: VideoSink | None = None,
    writers: int = 2,
    undisturbed: Callable[[], AbstractContextManager[object]] = nullcontext,
    written: Callable[[Outcome, Record], None] = lambda outcome, record: None,
) -> Generator[tuple[Outcome, Record], None, None]:
    """Writes everything about each outcome, then yields it with its final record.

    A picture that cannot be written makes its input a failure; a record that cannot be written ends the run with
    OutputError. Frames of videos go to `videos` in their order. `undisturbed` guards the writing of a record against
    being interrupted half-way, and `written`, which is told of each: an interrupt may come before it is yielded.
    """
    pool = ThreadPoolExecutor(writers, thread_name_prefix="write")
    pending: deque[tuple[Outcome, Future[tuple[Record, Image | None]]]] = deque()

    def finish() -> tuple[Outcome, Record]:
        outcome, future = pending.popleft()
        record, drawn = future.result()
        if videos is not None:
            record = videos.write(outcome, drawn, record)
        with undisturbed():
            for sink in record_sinks:
                sink.write(record)
            written(outcome, record)
        return outcome, record

    try:
        for outcome in outcomes:
            base = out.claim(outcome.item) if out and outcome.record.ok and not outcome.resumed else None
            writing: Future[tuple[Record, Image | None]]
            in_video = videos is not None and isinstance(outcome.item, Frame)
            if (in_video or (picture_sinks and outcome.record.ok)) and not outcome.resumed:
                writing = pool.submit(_write_all, outcome, out, base, picture_sinks, videos)
            else:
                writing = Future()
                writing.set_result((_write_pictures(outcome, out, base, picture_sinks), None))
            # From here on only the writing thread holds the picture, so its memory is free once it is written.
            pending.append((dataclasses.replace(outcome, picture=None, arrays={}), writing))
            pause = outcome.pause
            del outcome, writing
            while pending and (pause or len(pending) > 2 * writers or pending[0][1].done()):
                yield finish()
        while pending:
            yield finish()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        # After an interrupt: a picture that is half written would leave its temporary file behind.
        wait([writing for _, writing in pending], PATIENCE_SECONDS)


def _write_all(
    outcome: Outcome, out: OutputFolder | None, base: str | None, sinks: list[PictureSink], videos: VideoSink | None
) -> tuple[Record, "Image | None"]:
    """The record with what was written for it, and the drawing that its video needs."""
    record = _write_pictures(outcome, out, base, sinks)
    if videos is None:
        return record, None
    try:
        return record, videos.drawn(dataclasses.replace(outcome, record=record))
    except Exception as problem:  # noqa: BLE001 - as with pictures
        words = f"Its annotated picture could not be made ({describe(problem)})."
        return failure(record.task, outcome.item, "output_not_written", words), None


def _write_pictures(outcome: Outcome, out: OutputFolder | None, base: str | None, sinks: list[PictureSink]) -> Record:
    record = outcome.record
    if outcome.resumed or not record.ok:
        return record
    try:
        record.to_json()
        if out is None or base is None:
            return record
        record = dataclasses.replace(record, output=base)
        files: dict[str, str] = {}
        if sinks:
            out.check_apart(outcome.item, base)
        with out.undone_on_error():
            for sink in sinks:
                files |= sink.write(dataclasses.replace(outcome, record=record), out, base)
            sizes = {kind: bytes_of(path) for kind, path in files.items()}
        return dataclasses.replace(record, files=files, sizes=sizes)
    except InputError as problem:
        return failure(record.task, outcome.item, problem.kind, str(problem))
    except OutputError as problem:
        return failure(record.task, outcome.item, "output_not_written", str(problem))
    except ValueError as problem:
        return failure(record.task, outcome.item, "prediction_failed", f"The result is unusable: {problem}.")
    except Exception as problem:  # noqa: BLE001 - one picture that cannot be drawn does not end the batch
        words = f"Its annotated picture could not be made ({describe(problem)})."
        return failure(record.task, outcome.item, "output_not_written", words)
