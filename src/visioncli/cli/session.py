"""One run of a task from the command line: sources -> runner -> sinks, with words for people on stderr."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer

from visioncli.api import build_task, run_options
from visioncli.cli.downloading import download_progress
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import AnnotatedKind, FrameOptions
from visioncli.cli.printing import print_kind, printer
from visioncli.cli.shaping import shaping
from visioncli.cli.tally import Tally
from visioncli.cli.terminal import Console
from visioncli.earlier_results import PREDICTIONS
from visioncli.engines.interface import EngineOptions
from visioncli.errors import OutputError, UsageError
from visioncli.inputs.sources import Expansion, fixed_part
from visioncli.publish import publish
from visioncli.runner import run
from visioncli.sinks.annotated import AnnotatedSink, Draw
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import SinkOptions, document_sinks, parse_formats, picture_sinks, tidy
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.journal import Finished, Journal, check_resume
from visioncli.tasks.interface import Task


def run_task(
    name: str,
    frame: FrameOptions,
    settings: dict[str, Any],
    draw: Draw,
    sink_options: SinkOptions = SinkOptions(),  # noqa: B008 - frozen
) -> None:
    """Runs a task over the inputs and leaves with the exit status that the contract names."""
    console = Console(quiet=frame.quiet)
    out_path = None if frame.out == "-" else Path(frame.out)
    formats = parse_formats(frame.format, name, to_stdout=out_path is None)
    printed = print_kind(frame, formats)
    _check_inputs(frame, out_path)
    expansion = Expansion(None if out_path is None else str(out_path), tuple(frame.exclude), frame.null)
    options = run_options(
        frame.batch_size,
        frame.workers,
        frame.max_pixels,
        frame.allow_truncated,
        not frame.exact_decode,
        frame.timeout,
    )
    task = _load_task(name, frame, settings, console)
    interrupts.begin()

    with _output_folder(out_path) as out:
        check_resume(frame.resume, out)
        if out:
            _protect_inputs(out, frame, sink_options, expansion)
        journal = Journal(out, name, resume=frame.resume) if out else None
        finished = Finished(journal.sources, out) if out and journal and frame.resume else None
        sinks = picture_sinks(formats, out, task.labels, sink_options) if out else []
        if out and frame.annotated is not AnnotatedKind.NONE:
            sinks.append(AnnotatedSink(draw, frame.annotated.value))
        documents = document_sinks(formats, name, out, task.labels, sink_options)
        out_loud = printer(printed, console, task, null=frame.null)
        record_sinks: list[RecordSink] = [*([journal] if journal else []), *documents, *out_loud]
        outcomes = run(
            out.protected(expansion.items(frame.inputs)) if out else expansion.items(frame.inputs),
            task,
            options,
            key_extra={"options": shaping(frame.given), "files": [type(s).__name__ for s in sinks]},
            finished=finished.get if finished else None,
        )
        tally = Tally()
        ended: BaseException | None = None
        complete = False
        published = publish(outcomes, out, sinks, record_sinks, undisturbed=interrupts.held)
        try:
            with (
                console.silent_decoders(),
                interrupts.armed(),
                console.progress(_count(expansion, frame.inputs)) as advance,
            ):
                for outcome, record in published:
                    tally.add(outcome, record)
                    if record.error:
                        console.failure(record.input, record.error.message)
                    advance()
                    interrupts.check()
                    if record.error and frame.fail_fast:
                        break
                else:
                    complete = True
        except (KeyboardInterrupt, BrokenPipeError, OutputError, UsageError) as problem:
            ended = problem
        published.close()
        outcomes.close()
        if isinstance(ended, UsageError) and not tally.total:
            raise ended  # nothing was done, so nothing is written
        if journal and finished:
            journal.settle(finished, complete=complete)
        _close(record_sinks, ended)
        afresh = complete and not ended and tally.succeeded and not frame.resume
        notes = _notes(expansion, journal) + (tidy(out, name, formats) if out and afresh else [])
    _say_how_it_ended(console, tally, out_path, documents, notes, ended)
    raise typer.Exit(int(tally.status(ended)))


def _notes(expansion: Expansion, journal: Journal | None) -> list[str]:
    """Sentences about results of earlier runs: those that were not taken as inputs, and where records are now."""
    kept = journal.kept if journal else []
    if not (folders := list(expansion.skipped)):
        return kept
    named = ", ".join(folders[:3]) + (", …" if len(folders) > 3 else "")
    return [f"Left out results of earlier runs in {named}. Name such a folder to take them as inputs.", *kept]


def _say_how_it_ended(
    console: Console,
    tally: Tally,
    out: Path | None,
    documents: Sequence[DocumentSink],
    notes: list[str],
    ended: BaseException | None,
) -> None:
    if isinstance(ended, OutputError | UsageError):
        console.error(str(ended))
    elif not isinstance(ended, BrokenPipeError):
        for sentence in notes:
            console.note(sentence)
        where = str(out / PREDICTIONS) if out else None
        console.summary(tally, where, documents, interrupted=isinstance(ended, KeyboardInterrupt))


def _close(sinks: list[RecordSink], ended: BaseException | None) -> None:
    for sink in sinks:
        # Trouble that comes of the trouble that ended the run is not worth a second sentence.
        with suppress(*((BrokenPipeError,) if ended is None else (OutputError, BrokenPipeError))):
            sink.close()


def engine_options(frame: FrameOptions, tell: Callable[[str], None]) -> EngineOptions:
    """How the user wants networks to be run."""
    where = frame.device, frame.threads, frame.engine.value, frame.precision.value
    return EngineOptions(*where, tell, timeout=frame.timeout)


def _load_task(name: str, frame: FrameOptions, settings: dict[str, Any], console: Console) -> Task:
    with console.captured_warnings(), download_progress(quiet=frame.quiet) as progress:
        return build_task(
            name,
            frame.model,
            engine_options(frame, console.note),
            weights=frame.weights,
            labels=frame.labels,
            offline=frame.offline,
            progress=progress,
            **settings,
        )


@contextmanager
def _output_folder(path: Path | None) -> Iterator[OutputFolder | None]:
    if path is None:
        yield None
        return
    out = OutputFolder(path)
    try:
        yield out
    except BaseException:
        out.abandon()
        raise
    out.close()


def _check_inputs(frame: FrameOptions, out: Path | None) -> None:
    if frame.inputs.count("-") > 1:
        raise UsageError("Standard input can be read once: give - only once.")
    for text in frame.inputs:
        # A quoted pattern names the folder in which it begins: nothing that it matches there would be an input.
        folder = Path(text if os.path.lexists(text) else fixed_part(text))
        with suppress(OSError):
            if out is not None and folder.is_dir() and out.exists() and folder.samefile(out):
                raise UsageError(
                    f"The output folder {out} is itself an input, so results would become inputs. "
                    "Choose another folder with -o."
                )


def _protect_inputs(out: OutputFolder, frame: FrameOptions, options: SinkOptions, expansion: Expansion) -> None:
    """Names in the output folder that are inputs, before anything is written; those of a pipe follow as they come."""
    model = (frame.model or "").partition(":")[2]
    for path in (frame.weights, frame.labels, options.images, options.background, model):
        if path:
            out.protect(str(path))
    if out.has_own:  # what vision did not write is not replaced anyway
        for item in expansion.items(text for text in frame.inputs if text != "-"):
            out.protect(item.path)


def _count(expansion: Expansion, inputs: list[str]) -> Callable[[], int | None]:
    """How many inputs there will be, where that can be known: not for a pipe."""

    def count() -> int | None:
        return None if "-" in inputs else sum(1 for _ in expansion.items(inputs))

    return count
