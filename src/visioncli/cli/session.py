"""One run of a task from the command line: sources -> runner -> sinks, with words for people on stderr."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from visioncli import __version__
from visioncli.api import build_task, model_names, run_options, together
from visioncli.cli.downloading import download_progress
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import AnnotatedKind, FrameOptions, PrintKind
from visioncli.cli.printing import print_kind, printer
from visioncli.cli.shaping import shaping
from visioncli.cli.tally import Tally
from visioncli.cli.terminal import Console
from visioncli.cli.uploading import local_folder, remote_folder, uploading, with_store_names
from visioncli.cli.watching import check_watched, watched, without_resumed
from visioncli.earlier_results import PREDICTIONS
from visioncli.engines.interface import EngineOptions
from visioncli.errors import InputsGone, OutputError, UsageError
from visioncli.inputs.follow import Watching
from visioncli.inputs.pages import Paging
from visioncli.inputs.shards import Listing, Shard
from visioncli.inputs.sources import Expansion, Item, fixed_part
from visioncli.inputs.within import holds_many
from visioncli.publish import publish
from visioncli.runner import RunOptions, run
from visioncli.runner.tracks import tracked
from visioncli.sinks.annotated import AnnotatedSink, Draw
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import SinkOptions, document_sinks, parse_formats, picture_sinks, tidy
from visioncli.sinks.growing import GrowingJournal
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.journal import Finished, Journal, check_resume
from visioncli.sinks.shard import ShardSink
from visioncli.sinks.video import VideoSink
from visioncli.sounds.kinds import ENDINGS, is_named_as_sound
from visioncli.status import Status
from visioncli.tasks.interface import Medium, Task
from visioncli.videos.choice import Choice
from visioncli.videos.frames import MARK
from visioncli.videos.kinds import ENDINGS as VIDEO_ENDINGS
from visioncli.videos.kinds import has_frames
from visioncli.weights.runs import NOTES, WEIGHTS, is_run

WITH_VIDEOS = frozenset({"classify", "detect", "segment", "pose", "caption", "gradcam", "embed"})
"""Tasks that take the frames of videos."""
if TYPE_CHECKING:
    from visioncli.sinks.remote import RemoteFolder


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for on the command line, checked and put into the words of those who do it; made once a run."""

    task: str
    frame: FrameOptions
    settings: dict[str, Any]
    draw: Draw | None
    sink_options: SinkOptions
    out: Path | None
    formats: list[str]
    printed: PrintKind
    expansion: Expansion
    options: RunOptions
    shard: Shard | None = None
    watching: Watching | None = None
    track: float | None = None
    """From this score on, an object that is followed over the frames of a video is sure; None for no following."""
    remote: "RemoteFolder | None" = None

    @classmethod
    def of(
        cls,
        task: str,
        frame: FrameOptions,
        settings: dict[str, Any],
        draw: Draw | None,
        sink_options: SinkOptions,
        track: float | None = None,
    ) -> "Request":
        """Raises UsageError where options contradict each other, before anything is loaded or written."""
        out = local_folder(frame)
        formats = parse_formats(frame.format, task, to_stdout=out is None)
        printed = print_kind(frame, formats)
        if frame.report and out is None:
            raise UsageError("--report needs an output folder; with -o - nothing is kept that could be shown.")
        _check_inputs(frame, out)
        if frame.watching is not None:
            check_watched(frame.watching, frame.inputs, formats)
        shard = None if frame.shard is None else Shard.parse(frame.shard)
        # Results of no shard are inputs of another one.
        expansion = Expansion(
            None if out is None else str(out),
            tuple(frame.exclude),
            frame.null,
            _member_endings(task),
            Paging.parse(frame.pages, frame.dpi, frame.max_pixels),
            frame.column,
        )
        options = reading_options(frame)
        if task in WITH_VIDEOS:
            options = dataclasses.replace(options, choice=Choice.parse(frame.every, frame.start, frame.end))
        if out is not None and shard is not None:
            out /= shard.folder
        remote = remote_folder(frame, out, shard.folder if shard else "")
        return cls(
            task,
            frame,
            settings,
            draw,
            sink_options,
            out,
            formats,
            printed,
            expansion,
            options,
            shard,
            frame.watching,
            track,
            remote,
        )

    def shown(self, sentence: str) -> str:
        """A sentence that names output files as the user knows them."""
        return self.remote.told(sentence) if self.remote else sentence

    def items(self, *, inside: bool = True) -> Iterator[Item]:
        """The inputs, those of the other shards left out; of archives what is `inside`, or themselves."""
        items = self.expansion.items(self.frame.inputs, inside=inside)
        return items if self.shard is None else self.shard.split(items)

    def media(self) -> set[Medium] | None:
        """What kinds of inputs there are, as far as their names tell; None where that makes no difference."""
        from visioncli.models.registry import FOR_SOUND

        if self.frame.model or self.task not in FOR_SOUND:
            return None
        if "-" in self.frame.inputs or self.watching:
            return {"picture"}
        return {"sound" if is_named_as_sound(item.path) else "picture" for item in self.items(inside=False)}

    def count(self) -> int | None:
        """How many inputs there will be, where that can be known: not for a pipe, nor for archives, lists, videos."""
        if "-" in self.frame.inputs or self.watching:
            return None
        count = 0
        for item in self.expansion.items(self.frame.inputs, inside=False):
            many = holds_many(item, self.expansion.paging or Paging(), self.frame.column)
            if many or (self.options.choice is not None and has_frames(item.path)):
                return None
            count += self.shard is None or self.shard.holds(item)
        return count


class Outputs:
    """Everything that a run writes to: files of pictures, records, documents, standard output."""

    def __init__(self, request: Request, out: OutputFolder | None, task: Task, console: Console) -> None:
        frame, formats = request.frame, request.formats
        check_resume(frame.resume, out)
        if out:
            _protect_inputs(out, request)
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
    run_request(request, load_task(request.task, frame, request.settings, console, request.media()), console)


def run_request(request: Request, task: Task, console: Console) -> None:
    """As `run_task`, with a task that is ready."""
    name, frame = request.task, request.frame
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
        outcomes = tracked(outcomes, request.track)
    new = without_resumed(outcomes, tally) if request.watching else outcomes
    published = publish(
        new, out, outputs.pictures, outputs.records, videos=outputs.videos, undisturbed=interrupts.held
    )
    ended: BaseException | None = None
    complete = False
    try:
        with console.silent_decoders(), interrupts.armed(), console.progress(request.count) as advance:
            for outcome, record in published:
                tally.add(outcome, record)
                if record.error:
                    console.failure(record.input, record.error.message)
                elif damaged := record.extra.get("video", {}).get("damaged"):
                    console.warning(f"{request_name(record.input)}: {damaged:,} {DAMAGED}")
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


DAMAGED = "packets or frames are damaged; what is seen there may be wrong."


def request_name(frame: str) -> str:
    """The video that a frame is of."""
    return frame.rpartition(MARK)[0]


def _member_endings(task: str) -> tuple[str, ...]:
    """How members of archives end that are inputs beside pictures."""
    from visioncli.models.registry import FOR_SOUND

    sounds = ENDINGS if task == "spectrogram" or task in FOR_SOUND else ()
    return (*sounds, *VIDEO_ENDINGS) if task in WITH_VIDEOS else sounds


def facts_of(request: Request, task: Task) -> dict[str, Any]:
    """What all shards of a run have in common, as JSON values: what shaped the answers, and the documents."""
    frame, sinks = request.frame, request.sink_options
    return {
        "task": request.task,
        "version": __version__,
        "model": dataclasses.asdict(task.model),
        "settings": task.settings,
        "options": shaping(frame.given),
        "decoding": {"exact": frame.exact_decode, "allow_truncated": frame.allow_truncated},
        "formats": request.formats,
        "images": None if sinks.images is None else str(sinks.images),
        "vectors": sinks.vectors,
        "labels": list(task.labels.items()),
    }


def notes_of(request: Request, outputs: Outputs) -> list[str]:
    """Sentences about results of earlier runs: those that were not taken as inputs, and where records are now."""
    kept = outputs.journal.kept if outputs.journal else []
    if not (folders := list(request.expansion.skipped)):
        return kept
    named = ", ".join(folders[:3]) + (", …" if len(folders) > 3 else "")
    return [f"Left out results of earlier runs in {named}. Name such a folder to take them as inputs.", *kept]


def say_how_it_ended(
    console: Console,
    tally: Tally,
    request: Request,
    documents: Sequence[DocumentSink],
    notes: list[str],
    ended: BaseException | None,
) -> None:
    if isinstance(ended, OutputError | UsageError | InputsGone):
        console.error(str(ended))
    if not isinstance(ended, OutputError | UsageError) and not isinstance(ended, BrokenPipeError):
        for sentence in notes:
            console.note(request.shown(sentence))
        where = request.shown(str(request.out / PREDICTIONS)) if request.out else None
        interrupted = isinstance(ended, KeyboardInterrupt)
        console.summary(tally, where, documents, interrupted=interrupted, inputs=request.frame.inputs)


def report_at_the_end(request: Request, tally: Tally, ended: BaseException | None, console: Console) -> Status:
    """Makes the report of a run that came to its end, where it is wished for. The exit status of it all."""
    status = tally.status(ended)
    if request.frame.report and request.out and tally.total and ended is None:
        from visioncli.cli.reporting import make_beside

        if not make_beside(request.out, request.frame, console):
            return status or Status.SOME_FAILED
    return status


def reading_options(frame: FrameOptions) -> RunOptions:
    """How the user wants pictures to be read. Raises UsageError for an impossible number."""
    decoding = (frame.max_pixels, frame.allow_truncated, not frame.exact_decode, frame.timeout)
    return run_options(frame.batch_size, frame.workers, *decoding)


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


@contextmanager
def output_folder(path: Path | None) -> Iterator[OutputFolder | None]:
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


def _own_models(frame: FrameOptions) -> list[str]:
    """The RUN folders that are named as models."""
    names = model_names(frame.model) if frame.model else []
    return [member for name in names for member in together(name) if is_run(member)]


def _protect_inputs(out: OutputFolder, request: Request) -> None:
    """Names in the output folder that are inputs, before anything is written; those of a pipe follow as they come."""
    frame, options = request.frame, request.sink_options
    model = (frame.model or "").partition(":")[2]
    runs = [os.path.join(os.path.expanduser(name), file) for name in _own_models(frame) for file in (NOTES, WEIGHTS)]
    for path in (frame.weights, frame.labels, options.images, options.background, model, *runs):
        if path:
            out.protect(str(path))
    if out.has_own:  # what vision did not write is not replaced anyway
        for item in request.expansion.items((text for text in frame.inputs if text != "-"), inside=False):
            if item.file is not None:
                out.protect(item.file)
