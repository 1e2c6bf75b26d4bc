"""One run of a task from the command line: sources -> runner -> sinks, with words for people on stderr."""

import dataclasses
import functools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import typer

from visioncli.api import build_task
from visioncli.cli.downloading import download_progress
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import AnnotatedKind, FrameOptions
from visioncli.cli.printing import printer
from visioncli.cli.request import (
    Request,
    facts_of,
    left_out,
    output_folder,
    protect_inputs,
    report_at_the_end,
    say_how_it_ended,
)
from visioncli.cli.shaping import shaping
from visioncli.cli.tally import Tally
from visioncli.cli.terminal import Console
from visioncli.cli.uploading import uploading, with_store_names
from visioncli.cli.watching import watched, without_resumed
from visioncli.engines.interface import EngineOptions
from visioncli.errors import InputsGone, OutputError, UsageError
from visioncli.inputs.shards import Listing
from visioncli.publish import publish
from visioncli.runner import run
from visioncli.sinks.annotated import AnnotatedSink, Draw
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import SinkOptions, document_sinks, picture_sinks, tidy
from visioncli.sinks.growing import GrowingJournal
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.journal import Finished, Journal, check_resume
from visioncli.sinks.shard import ShardSink
from visioncli.sinks.video import VideoSink
from visioncli.tasks.interface import Medium, Task
from visioncli.videos.frames import MARK

DAMAGED = "packets or frames are damaged; what is seen there may be wrong."


class Outputs:
    """Everything that a run writes to: files of pictures, records, documents, standard output."""

    def __init__(self, request: Request, out: OutputFolder | None, task: Task, console: Console) -> None:
        frame, formats = request.frame, request.formats
        check_resume(frame.resume, out)
        if out:
            protect_inputs(out, request)
        self.folder = out
        resume = frame.resume or request.watching is not None
        journal = GrowingJournal if request.watching else Journal
        self.journal = journal(out, request.task, resume=resume) if out else None
        self.finished = Finished(self.journal.sources, out) if out and self.journal and resume else None
        self.pictures = picture_sinks(formats, out, task.labels, request.sink_options) if out else []
        if out and request.draw and frame.annotated is not AnnotatedKind.NONE:
            self.pictures.append(AnnotatedSink(request.draw, frame.annotated.value))
        self.videos = None
        if out and request.draw and frame.annotated is not AnnotatedKind.NONE and request.options.choice is not None:
            self.videos = VideoSink(out, request.task, request.draw)
        self.documents = document_sinks(formats, request.task, out, task.labels, request.sink_options)
        printed = printer(request.printed, console, task, null=frame.null)
        self.listing = Listing(request.shard, placed=out is not None) if request.shard else None
        self.shard = ShardSink(out, self.listing, facts_of(request, task)) if out and self.listing else None
        own = (self.journal, *self.documents, self.shard)
        self.records: list[RecordSink] = [*(sink for sink in own if sink), *printed]
        if request.task == "embed" and not request.sink_options.vectors:
            from visioncli.sinks.vectors import WithoutVectors

            self.records = [WithoutVectors.around(sink) for sink in self.records]
        self.records = with_store_names(self.records, request.remote, request.task)

    def close(self, ended: BaseException | None, *, complete: bool) -> None:
        """Gives every file its name, also after an interrupt."""
        if self.videos:
            self.videos.close()
        if self.shard:
            self.shard.complete = complete
        if self.journal and self.finished:
            self.journal.settle(self.finished, complete=complete)
        for sink in self.records:
            # Trouble that comes of the trouble that ended the run is not worth a second sentence.
            with suppress(*((BrokenPipeError,) if ended is None else (OutputError, BrokenPipeError))):
                sink.close()


def run_task(
    name: str,
    frame: FrameOptions,
    settings: dict[str, Any],
    draw: Draw | None,
    sink_options: SinkOptions = SinkOptions(),  # noqa: B008 - frozen
    track: float | None = None,
) -> None:
    """Runs a task over the inputs and leaves with the exit status that the contract names."""
    console = Console(quiet=frame.quiet)
    request = Request.of(name, frame, settings, draw, sink_options, track)
    media = request.media()
    task = load_task(request.task, frame, request.settings, console, media)
    make = functools.partial(task_elsewhere, request.task, frame, request.settings, media) if frame.on else None
    run_request(request, task, console, make)


def run_request(
    request: Request, task: Task, console: Console, make: Callable[[int | None], Task] | None = None
) -> None:
    """As `run_task`, with a task that is ready; `make` makes it again on another machine, where it cannot travel."""
    name, frame = request.task, request.frame
    if frame.on:
        from visioncli.cli.on_ray import run_on_ray

        run_on_ray(request, task, make or (lambda threads: task), console)
    interrupts.begin()
    tally = Tally()
    with uploading(request.remote, frame, request.formats, console) as upload:
        with output_folder(request.out) as out:
            outputs = Outputs(request, out, task, console)
            ended, complete = _work(request, task, outputs, tally, console)
            tally.elsewhere = outputs.listing.listed - tally.total if outputs.listing else 0
            outputs.close(ended, complete=complete)
            afresh = complete and not ended and tally.succeeded and not frame.resume
            notes = notes_of(request, outputs) + (tidy(out, name, request.formats) if out and afresh else [])
        say_how_it_ended(console, tally, request, outputs.documents, notes, ended)
        status = upload.status(report_at_the_end(request, tally, ended, console))
    raise typer.Exit(int(status))


def _work(
    request: Request, task: Task, outputs: Outputs, tally: Tally, console: Console
) -> tuple[BaseException | None, bool]:
    """Sends every input through the task to the outputs. What ended it early, and whether it came to its end.

    Raises UsageError where nothing was done yet, so that nothing is written.
    """
    out, frame, listing = outputs.folder, request.frame, outputs.listing
    if request.watching:
        items = watched(request.watching, request.expansion, frame.inputs, console)
    else:
        items = listing.of(request.expansion.items(frame.inputs)) if listing else request.items()
    outcomes = run(
        out.protected(items) if out else items,
        task,
        request.options,
        key_extra={"options": shaping(frame.given), "files": [type(s).__name__ for s in outputs.pictures]},
        finished=outputs.finished.get if outputs.finished else None,
    )
    if request.track is not None:
        from visioncli.runner.tracks import tracked

        outcomes = tracked(outcomes, request.track)
    new = without_resumed(outcomes, tally) if request.watching else outcomes
    published = publish(
        new, out, outputs.pictures, outputs.records,
        videos=outputs.videos, undisturbed=interrupts.held, written=tally.add,
    )  # fmt: skip
    ended: BaseException | None = None
    complete = False
    try:
        with console.silent_decoders(), interrupts.armed(), console.progress(request.count) as advance:
            for _, record in published:
                if record.error:
                    console.failure(record.input, record.error.message)
                elif damaged := record.extra.get("video", {}).get("damaged"):
                    console.warning(f"{record.input.rpartition(MARK)[0]}: {damaged:,} {DAMAGED}")
                advance()
                interrupts.check()
                if record.error and frame.fail_fast:
                    break
            else:
                complete = True
    except (KeyboardInterrupt, BrokenPipeError, OutputError, UsageError, InputsGone) as problem:
        ended = problem
    published.close()
    new.close()
    outcomes.close()
    if isinstance(ended, UsageError) and not tally.total:
        raise ended
    return ended, complete


def notes_of(request: Request, outputs: Outputs) -> list[str]:
    """Sentences about results of earlier runs: those that were not taken as inputs, and where records are now."""
    return left_out(request.expansion) + (outputs.journal.kept if outputs.journal else [])


def engine_options(frame: FrameOptions, tell: Callable[[str], None]) -> EngineOptions:
    """How the user wants networks to be run."""
    where = frame.device, frame.threads, frame.engine.value, frame.precision.value
    return EngineOptions(*where, tell, timeout=frame.timeout)


def load_task(
    name: str, frame: FrameOptions, settings: dict[str, Any], console: Console, media: set[Medium] | None = None
) -> Task:
    """The task with its network. Raises UsageError and ModelUnavailable."""
    with console.captured_warnings(), download_progress(quiet=frame.quiet) as progress:
        return build_task(
            name,
            frame.model,
            engine_options(frame, console.note),
            weights=frame.weights,
            labels=frame.labels,
            offline=frame.offline,
            progress=progress,
            media=media,
            **settings,
        )


def task_elsewhere(
    name: str, frame: FrameOptions, settings: dict[str, Any], media: set[Medium] | None, threads: int | None
) -> Task:
    """As `load_task`, on a machine where nobody reads sentences; `threads` are those that it gives."""
    own = engine_options(dataclasses.replace(frame, threads=frame.threads or threads), lambda sentence: None)
    paths: dict[str, Any] = {"weights": frame.weights, "labels": frame.labels, "offline": frame.offline}
    return build_task(name, frame.model, own, **paths, media=media, **settings)
