"""One run of a command that answers when it has seen all of its inputs: the nearest pictures, duplicates."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import AnnotatedKind
from visioncli.cli.request import Request, output_folder, report_at_the_end, say_how_it_ended
from visioncli.cli.session import Outputs, notes_of
from visioncli.cli.tally import Tally
from visioncli.cli.terminal import Console
from visioncli.cli.uploading import uploading
from visioncli.errors import OutputError
from visioncli.inputs.sources import Item
from visioncli.publish import publish
from visioncli.runner import Outcome, run
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.sheets import SheetSink, Shown
from visioncli.status import Status
from visioncli.tasks.interface import Task

Look = Callable[[Iterable[Item]], Iterator[Outcome]]
"""Sends inputs through the task; gives their outcomes in order."""


@dataclass(frozen=True, slots=True)
class Together:
    """How such a command answers.

    `answer` takes the way to look at inputs and gives an outcome for each record, in order; `shown` what a contact
    sheet for one of them holds; `printed` replaces what prints, where it is not the usual.
    """

    request: Request
    task: Task
    answer: Callable[[Look], Iterable[Outcome]]
    shown: Callable[[Outcome], list[Shown]]
    printed: Callable[[RecordSink], RecordSink] = field(default=lambda sink: sink)

    def run(self, console: Console) -> tuple[Status, bool]:
        """Does it all. The exit status, and whether it came to its end. Raises UsageError and OutputError."""
        request = self.request
        interrupts.begin()
        tally = Tally()
        ended: BaseException | None = None
        with uploading(request.remote, request.frame, request.formats, console) as upload:
            with output_folder(request.out) as out:
                outputs = Outputs(request, out, self.task, console)
                outputs.records = [*map(self.printed, outputs.records)]
                if out and request.frame.annotated is not AnnotatedKind.NONE:
                    outputs.pictures.append(
                        SheetSink(self.shown, request.frame.annotated.value, request.options.max_pixels)
                    )

                def look(items: Iterable[Item]) -> Iterator[Outcome]:
                    for outcome in run(out.protected(items) if out else items, self.task, request.options):
                        advance()
                        interrupts.check()
                        yield outcome

                try:
                    with console.silent_decoders(), interrupts.armed():
                        with console.progress(request.count) as advance:
                            answers = list(self.answer(look))
                        for outcome, record in publish(
                            answers, out, outputs.pictures, outputs.records, undisturbed=interrupts.held
                        ):
                            tally.add(outcome, record)
                            if record.error:
                                console.failure(record.input, record.error.message)
                            interrupts.check()
                except (KeyboardInterrupt, BrokenPipeError, OutputError) as problem:
                    if not tally.total and isinstance(problem, KeyboardInterrupt):
                        console.note("interrupted. What was computed of the pictures is kept; run it again to go on.")
                        raise
                    ended = problem
                outputs.close(ended, complete=ended is None)
                notes = notes_of(request, outputs)
            say_how_it_ended(console, tally, request, outputs.documents, notes, ended)
            return upload.status(report_at_the_end(request, tally, ended, console)), ended is None
