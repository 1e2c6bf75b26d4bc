"""What was asked for on the command line, and what is said when it is done."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visioncli import __version__
from visioncli.api import model_names, run_options, together
from visioncli.cli.options import FrameOptions, PrintKind
from visioncli.cli.printing import print_kind
from visioncli.cli.shaping import shaping
from visioncli.cli.tally import Tally
from visioncli.cli.terminal import Console
from visioncli.cli.uploading import local_folder, remote_folder
from visioncli.cli.watching import check_watched
from visioncli.earlier_results import PREDICTIONS
from visioncli.errors import ClusterLost, InputsGone, OutputError, UsageError
from visioncli.inputs.follow import Watching
from visioncli.inputs.item import Item
from visioncli.inputs.pages import Paging
from visioncli.inputs.shards import Shard
from visioncli.inputs.sources import Expansion, fixed_part
from visioncli.inputs.within import holds_many
from visioncli.runner import RunOptions
from visioncli.sinks.annotated import Draw
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import SinkOptions, parse_formats
from visioncli.sounds.kinds import ENDINGS, is_named_as_sound
from visioncli.status import Status
from visioncli.tasks.beforehand import WITH_VIDEOS
from visioncli.tasks.interface import Medium, Task
from visioncli.videos.choice import Choice
from visioncli.videos.kinds import ENDINGS as VIDEO_ENDINGS
from visioncli.videos.kinds import has_frames
from visioncli.weights.runs import NOTES, WEIGHTS, is_run

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
        if frame.on or frame.actors:
            check_cluster(frame, out)
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
        found: set[Medium] = set()
        for item in self.items(inside=False):
            found.add("sound" if is_named_as_sound(item.path) else "picture")
            if len(found) == 2:
                break  # a folder may be long
        return found

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


def left_out(expansion: Expansion) -> list[str]:
    """A sentence about results of earlier runs that were not taken as inputs, where there were some."""
    if not (folders := list(expansion.skipped)):
        return []
    named = ", ".join(folders[:3]) + (", …" if len(folders) > 3 else "")
    return [f"Left out results of earlier runs in {named}. Name such a folder to take them as inputs."]


def say_how_it_ended(
    console: Console,
    tally: Tally,
    request: Request,
    documents: Sequence[DocumentSink],
    notes: list[str],
    ended: BaseException | None,
) -> None:
    if isinstance(ended, OutputError | UsageError | InputsGone | ClusterLost):
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


def check_cluster(frame: FrameOptions, out: Path | None) -> None:
    """Raises UsageError for what does not go with a cluster, ModelUnavailable where Ray is not installed."""
    from visioncli.cluster.connect import address_of, check_ray

    if not frame.on:
        raise UsageError("--actors goes with --on ray.")
    address_of(frame.on)
    if out is None:
        raise UsageError("--on ray needs an output folder that all machines of the cluster see; -o - is none.")
    if frame.shard:
        raise UsageError("--shard and --on ray both split the work. Give one of them.")
    check_ray()


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


def protect_inputs(out: OutputFolder, request: Request) -> None:
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
