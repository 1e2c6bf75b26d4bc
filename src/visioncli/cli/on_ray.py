"""A run of a task on a Ray cluster: `--on ray`."""

import dataclasses
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import typer

from visioncli import __version__
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import AnnotatedKind
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
from visioncli.cluster.connect import address_of, connected, resources, seats
from visioncli.cluster.drive import Drive
from visioncli.cluster.piece import STOP, Done, Job, picture_sinks_of, refuse
from visioncli.cluster.plan import Plan
from visioncli.cluster.rows import LIST, ROOM, TakenOver, line_of, salvage
from visioncli.cluster.worker import TOKEN
from visioncli.errors import ClusterLost, OutputError, UsageError, VisionError
from visioncli.files import explain
from visioncli.inputs.item import Item
from visioncli.merging.files import Files
from visioncli.merging.merge import Merge
from visioncli.merging.parts import Part
from visioncli.results import Record
from visioncli.runner import Outcome
from visioncli.runner.reader import Reader
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import document_sinks, tidy
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.journal import Finished, Journal
from visioncli.status import Status
from visioncli.tasks.interface import Task

_NO_ITEM = Item("", "")


@dataclass(slots=True)
class _Course:
    """What happened so far."""

    done: dict[str, tuple[int, Done]] = field(default_factory=dict)
    taken: int = 0
    complete: bool = False
    ended: BaseException | None = None
    failed: bool = False


def run_on_ray(request: Request, task: Task, make: Callable[[int | None], Task], console: Console) -> None:
    """As `run_request`: pieces of the inputs are done by actors into `OUT/.vision-partial/ray` and then joined."""
    frame, name = request.frame, request.task
    assert request.out is not None
    interrupts.begin()
    tally, course = Tally(), _Course()
    with output_folder(request.out) as out:
        assert out is not None
        protect_inputs(out, request)
        room = out.partial / ROOM
        salvage(out, room)
        journal = Journal(out, name, resume=frame.resume)
        finished = Finished(journal.sources, out) if frame.resume else None
        job = _job(request, task, make, out, room)
        plan = Plan(room / "listing")
        try:
            with console.silent_decoders(), interrupts.armed():
                _list(request, plan, out, task, job, finished if name != "embed" else None, course)
                if plan.to_do:
                    _drive(request, plan, task, job, console, course)
                course.complete = course.complete or not plan.to_do
        except (KeyboardInterrupt, OutputError, UsageError, ClusterLost) as problem:
            course.ended = problem
            if isinstance(problem, UsageError) and not course.done:
                raise
        documents, notes = _join(request, task, plan, out, journal, finished, course, tally, console)
        shutil.rmtree(room, ignore_errors=True)
        if course.complete and not course.ended and tally.succeeded and not frame.resume:
            notes += tidy(out, name, request.formats)
    notes = [*left_out(request.expansion), *notes]
    say_how_it_ended(console, tally, request, documents, notes, course.ended)
    status = report_at_the_end(request, tally, course.ended, console)
    raise typer.Exit(int(status or (Status.SOME_FAILED if course.failed else Status.OK)))


def _job(request: Request, task: Task, make: Callable[[int | None], Task], out: OutputFolder, room: Path) -> Job:
    frame = request.frame
    try:
        room.mkdir(parents=True)
        token = secrets.token_hex(16)
        (room / TOKEN).write_text(token)
    except OSError as problem:
        raise explain(problem, room) from problem
    annotated = None if frame.annotated is AnnotatedKind.NONE else frame.annotated.value
    job = Job(
        make,
        os.path.abspath(room),
        os.getcwd(),
        token,
        __version__,
        dataclasses.replace(request.expansion, skipped={}),
        request.options,
        {},
        request.formats,
        request.sink_options,
        request.draw,
        annotated,
        # It travels with every actor that begins anew, so it is kept small.
        facts_of(request, task) | {"labels": []},
        0,
        "",
        fail_fast=frame.fail_fast,
        usual_workers=frame.workers is None,
    )
    files = [type(sink).__name__ for sink in picture_sinks_of(job, out, task.labels)]
    job.key_extra.update({"options": shaping(frame.given), "files": files})
    return job


def _list(
    request: Request, plan: Plan, out: OutputFolder, task: Task, job: Job, finished: Finished | None, course: _Course
) -> None:
    """Lists the inputs; those that an earlier run finished are taken over."""
    reader = Reader(task, request.options, job.key_extra, None)
    with ExitStack() as stack:
        taken: IO[bytes] | None = None
        if finished is not None:
            taken = stack.enter_context((plan.path.parent / LIST).open("wb"))

        def done(at: int, item: Item) -> bool:
            if finished is None or taken is None:
                return False
            key = reader.key(item)
            record = finished.get(key) if key is not None else None
            if record is None or record.task != task.name or (record := task.take_over(item, record)) is None:
                return False
            taken.write(line_of(at, item, record))
            course.taken += 1
            return True

        outer = out.protected(request.items(inside=False))
        plan.list(outer, request.expansion.within, done, interrupts.check)


def _drive(request: Request, plan: Plan, task: Task, job: Job, console: Console, course: _Course) -> None:
    frame = request.frame
    assert frame.on
    job = dataclasses.replace(job, listed=plan.listed, digest=plan.digest)
    start = time.perf_counter()
    # Ray prints what it has to say about lost machines where records belong.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), connected(address_of(frame.on)) as ray:
        interrupts.check()
        wanted = seats(
            resources(ray), frame.actors, on_gpus=frame.device == "auto" or frame.device.startswith("cuda")
        )
        drive = Drive(ray, job, wanted, console.warning)
        drive.wait_until_ready(interrupts.check)
        count = "1 actor" if wanted.actors == 1 else f"{wanted.actors} actors"
        each = "1 CPU" if wanted.cpus == 1 else f"{wanted.cpus:g} CPUs"
        console.note(f"{count} on Ray with {each} each, ready after {time.perf_counter() - start:.1f} s.")
        with console.progress(lambda: plan.to_do) as advance:

            def collect(answers: Iterator[Done]) -> Iterator[Done]:
                for done in answers:
                    course.done[done.folder] = (_begin_of(done.folder), done)
                    for path, words in done.words:
                        console.failure(path, words)
                    for _ in range(done.succeeded + done.failed):
                        advance()
                    yield done

            stopped = False
            try:
                for done in collect(drive.run(plan.pieces(drive.actors), interrupts.check)):
                    if frame.fail_fast and done.failed:
                        stopped = True
                        break
                while drive.given_up and not stopped:
                    piece = dataclasses.replace(drive.given_up.popleft(), tries=0)
                    words = "Each process that worked on it was ended: it may need more memory than there is."
                    for _ in collect(iter([refuse(job, piece, task, "prediction_failed", words)])):
                        pass
            except BaseException:
                stopped = True
                raise
            finally:
                if stopped:
                    Path(job.room, STOP).touch()
                    for _ in collect(drive.wind_up()):
                        pass
            course.complete = not stopped and all(done.complete for _, done in course.done.values())


def _begin_of(folder: str) -> int:
    return int(folder.split("-")[1])


def _join(
    request: Request,
    task: Task,
    plan: Plan,
    out: OutputFolder,
    journal: Journal,
    finished: Finished | None,
    course: _Course,
    tally: Tally,
    console: Console,
) -> tuple[list[DocumentSink], list[str]]:
    """Joins what was done into the output folder. The documents, and sentences about earlier results."""
    room = plan.path.parent
    counts = {"shard": 1, "of": 1, "complete": True, "listed": plan.listed, "listing": plan.digest}
    facts = facts_of(request, task) | counts
    parts: list[Part] = []
    for _, done in sorted(course.done.values(), key=lambda entry: entry[0]):
        parts.append(Part(room / done.folder, facts | {"complete": done.complete}, in_a_row=True))
    if course.taken:
        parts.append(TakenOver(out.path, facts, in_place=True, where=room / LIST))
    printed = [_Printed(sink, course) for sink in printer(request.printed, console, task, null=request.frame.null)]
    counting = _Counting(tally)

    def settle() -> None:
        if finished is not None:
            journal.settle(finished, complete=course.complete)

    if not parts:
        documents = document_sinks(request.formats, request.task, out, task.labels, request.sink_options)
        settle()
        for sink in (journal, *documents):
            sink.close()
        return documents, journal.kept
    merge = Merge.of_parts(parts, Files.MOVE)
    lacking = merge.check(out.path)
    if course.complete and lacking:
        course.failed = True
        for sentence in lacking.in_words():
            console.error(sentence)
    how: dict[str, Any] = {"options": request.sink_options, "journal": journal, "settle": settle}
    with console.progress(lambda: plan.listed) as advance:
        _, documents, notes = merge.write(out, advance, interrupts.held, more=[*printed, counting], **how)
    tally.resumed = course.taken
    return documents, notes


class _Printed(RecordSink):
    """Standard output, whose reader may leave: what is on disk is completed all the same."""

    def __init__(self, sink: RecordSink, course: _Course) -> None:
        self._sink, self._course, self._left = sink, course, False

    def write(self, record: Record) -> None:
        if not self._left:
            try:
                self._sink.write(record)
            except (BrokenPipeError, VisionError) as problem:
                self._left, self._course.ended = True, self._course.ended or problem

    def close(self) -> None:
        if not self._left:
            self._sink.close()


class _Counting(RecordSink):
    """Counts the records."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def write(self, record: Record) -> None:
        self._tally.add(Outcome(_NO_ITEM, record), record)

    def close(self) -> None:
        """Nothing is open."""
