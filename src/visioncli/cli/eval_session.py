"""`vision eval` from the options to the exit status, where the truth is classes."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import typer

from visioncli.api import build_task, model_names
from visioncli.cli.downloading import download_progress
from visioncli.cli.eval_output import print_evaluation
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import FrameOptions
from visioncli.cli.request import reading_options
from visioncli.cli.session import engine_options
from visioncli.cli.terminal import Console
from visioncli.errors import UsageError
from visioncli.evaluation import select
from visioncli.evaluation.classes import match, unknown_class
from visioncli.evaluation.contest import Contestant, Evaluation, evaluate
from visioncli.evaluation.documents import NUMBERS, TABLES, record_files, write_documents
from visioncli.evaluation.report import Whole
from visioncli.evaluation.score import LOWER_IS_BETTER, Key, Resampling, score
from visioncli.evaluation.slices import check_column
from visioncli.evaluation.stress import STRESSES
from visioncli.labelled.interface import PictureSet
from visioncli.labelled.recognise import read_set
from visioncli.labelled.recordings import are_recordings
from visioncli.metrics.gates import PER_CLASS, Gate, look_up, missed, parse_gates, split_names
from visioncli.metrics.report import AnyReport
from visioncli.models import registry
from visioncli.results import Record
from visioncli.runner import RunOptions
from visioncli.sinks.folder import OutputFolder
from visioncli.status import Status
from visioncli.tasks.classify.sound import ClassifySound
from visioncli.tasks.classify.task import Classify
from visioncli.tasks.interface import Task
from visioncli.weights.downloads import Access
from visioncli.weights.runs import is_run


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for on the command line, in the words of the options."""

    data: str
    runs: tuple[str, ...]
    model: str | None
    task: str | None
    split: str | None
    images: Path | None
    skip_unknown: bool
    allow_leaks: bool
    by: str | None
    stress: bool
    bootstrap: int
    seed: int
    threshold: float
    score: float | None
    tta: str | None
    names: Path | None
    only: str | None
    fail_under: tuple[str, ...]
    as_json: bool
    out: Path | None
    frame: FrameOptions

    @property
    def gates(self) -> tuple[Gate, ...]:
        """What `--fail-under` asks for. Raises UsageError."""
        gates = tuple(gate for text in self.fail_under for gate in parse_gates(text))
        for gate in gates:
            if gate.name in LOWER_IS_BETTER:
                raise UsageError(f"--fail-under {gate.name}: lower is better there, so that no lower bound fits it.")
        return gates

    @property
    def wanted(self) -> list[str]:
        """The names in `--only`. Raises UsageError."""
        names = split_names(self.only) if self.only is not None else []
        if self.only is not None and not names:
            raise UsageError("--only is empty; it takes names of numbers, for instance top1,macro_f1.")
        return names

    @property
    def how(self) -> Resampling:
        """How intervals are made."""
        return Resampling(self.bootstrap, self.seed)

    @property
    def named(self) -> list[str]:
        """What the user named to be read."""
        return [self.data, *self.runs, *(str(path) for path in (self.images, self.names) if path is not None)]

    def specs(self, task: str) -> list[str]:
        """RUNs and networks as the user wrote them, each once."""
        named = [*self.runs, *(model_names(self.model) if self.model else ())]
        return list(dict.fromkeys(named)) or [registry.default_model(task)]


def evaluate_classes(request: Request) -> None:
    """Evaluates classifiers, prints and writes, and leaves with the exit status that the contract names."""
    gates, options, console = request.gates, reading_options(request.frame), Console(quiet=request.frame.quiet)
    pictures, chosen = _chosen(request)
    contestants = _contestants(request, pictures, console)
    chosen = select.of_known_classes(chosen, pictures, _unknown(request, pictures, chosen, contestants))
    _check_names(request, gates, contestants)
    files = [*TABLES, *record_files([c.name for c in contestants])]
    with output_folder(request.out, files, request.named, (e.path for e in chosen.examples)) as out:
        interrupts.begin()
        for sentence in chosen.notes:
            console.note(sentence)
        run = _run(request, contestants, chosen, options, console)
        whole = Whole(pictures, chosen, run, request.how)
        if not run.scored:
            nothing_to_measure(console)
        for warning in whole.warnings():
            console.warning(warning)
        if out:
            write_documents(out, whole.documents())
    print_evaluation(whole, request.wanted, as_json=request.as_json)
    reports = [(name, scored.report) for name, scored in zip(run.names, run.scored, strict=True)]
    finish(reports, gates, run.failed, request, console)


def _chosen(request: Request) -> tuple[PictureSet, select.Selection]:
    """The set, and those of its pictures that count, whatever their classes. Raises UsageError and SetError."""
    for option, given in (("--images", request.images), ("--names", request.names), ("--score", request.score)):
        if given is not None:
            raise UsageError(f"{option} is for boxes and label maps, and {request.data} is pictures with classes.")
    if request.split is not None and request.split not in select.SPLITS:
        raise UsageError(f"--split is one of {', '.join(select.SPLITS)}, not {request.split}.")
    with download_progress(quiet=request.frame.quiet) as progress:
        pictures = read_set(request.data, access=Access.of(request.frame.offline, progress=progress))
    chosen = select.part(pictures, request.split)
    if request.by is not None:
        check_column(chosen.examples, request.by, pictures.source)
    runs = [Path(os.path.expanduser(spec)) for spec in request.specs("classify") if is_run(spec)]
    known = [trained for run in runs if (trained := select.trained_on(run))]
    return pictures, select.unseen(chosen, known, allow_leaks=request.allow_leaks)


def nothing_to_measure(console: Console) -> NoReturn:
    """The end of a run in which every picture failed."""
    console.error("None of the pictures could be used, so that there is nothing to measure.")
    raise typer.Exit(Status.NONE_SUCCEEDED)


def finish(
    reports: Sequence[tuple[str, AnyReport]], gates: Sequence[Gate], failed: int, request: Request, console: Console
) -> None:
    """The last sentences, and the exit status: of a gate that was missed before that of pictures that failed."""
    if request.out:
        console.note(f"All numbers: {request.out / NUMBERS}")
    misses = [(name, sentence) for name, report in reports for sentence in missed(report, tuple(gates))]
    for name, sentence in misses:
        console.error(f"gate missed: {f'{name}: ' if len(reports) > 1 else ''}{sentence}")
    if misses:
        raise typer.Exit(Status.GATE_MISSED)
    if failed:
        raise typer.Exit(Status.SOME_FAILED)


def load_tasks(request: Request, task: str, console: Console, **settings: Any) -> list[tuple[str, Task]]:
    """Every network that was asked for, under a name of its own."""
    frame = request.frame
    found: list[tuple[str, Task]] = []
    if request.tta is not None:
        settings["tta"] = request.tta
    with console.captured_warnings(), download_progress(quiet=frame.quiet) as progress:
        for spec in request.specs(task):
            made = build_task(
                task,
                spec,
                engine_options(frame, console.note),
                offline=frame.offline,
                progress=progress,
                **settings,
            )
            name = made.model.name
            found.append((spec if any(name == other for other, _ in found) else name, made))
    return found


def _contestants(request: Request, pictures: PictureSet, console: Console) -> list[Contestant]:
    found = []
    for name, task in load_tasks(request, "classify", console):
        if not isinstance(task, Classify | ClassifySound):
            raise UsageError(f"{name} does not say how likely each class is, so that it cannot be evaluated.")
        listens = isinstance(task, ClassifySound)
        if listens != are_recordings(pictures):
            has, wants = ("pictures", "recordings") if listens else ("recordings", "pictures")
            raise UsageError(f"{pictures.source} has {has}, and {name} takes {wants}. Name another network.")
        if listens and request.stress:
            raise UsageError("--stress makes pictures worse, and this is of recordings. Leave it out.")
        matched = match(pictures.classes, task.labels, name)
        if matched.by == "number":
            first = pictures.classes[0]
            label = task.labels.get(int(first))
            console.warning(f"The classes are numbers, and taken for those of {name}: {first} is {label}.")
        if bool(task.thresholds) != pictures.multi_label:
            one, several = "one class a picture", "any number of classes a picture"
            has, says = (several, one) if pictures.multi_label else (one, several)
            console.warning(f"{pictures.source} has {has}, and {name} was trained for {says}.")
        key = Key(matched.ids, task.labels, pictures.multi_label, task.thresholds)
        found.append(Contestant(name, task, key))
    return found


def _unknown(
    request: Request, pictures: PictureSet, chosen: select.Selection, contestants: Sequence[Contestant]
) -> set[int]:
    """The places of classes of the chosen pictures that some network does not have. Raises UsageError for them."""
    here = {k for e in chosen.examples for k in e.labels}
    unknown: set[int] = set()
    for c in contestants:
        missing = [k for k, i in enumerate(c.key.ids) if i < 0 and k in here]
        if missing and not request.skip_unknown:
            raise unknown_class([pictures.classes[k] for k in missing], c.task.labels, c.name, pictures.source)
        unknown.update(missing)
    return unknown


def _check_names(request: Request, gates: Sequence[Gate], contestants: Sequence[Contestant]) -> None:
    """Raises UsageError for names of numbers that no report of these networks has: at once, not after the work."""
    names = [(name, "--only") for name in request.wanted] + [(gate.name, "--fail-under") for gate in gates]
    if not names:
        return
    for c in contestants:
        columns = len(c.task.labels)
        known = [k for k, i in enumerate(c.key.ids) if i >= 0]
        report = score(c.key, np.full((1, columns), 1 / columns), [known[:1]], Resampling(0)).report
        for name, option in names:
            part = PER_CLASS.match(name)
            label = part["label"] if part else ""
            if label in report.labels or label not in c.task.labels.values():
                look_up(report, name, option)


def _run(
    request: Request,
    contestants: Sequence[Contestant],
    chosen: select.Selection,
    options: RunOptions,
    console: Console,
) -> Evaluation:
    steps = len(chosen.examples) * len(contestants) * (1 + (len(STRESSES) if request.stress else 0))
    said: set[tuple[str, str]] = set()
    with watched(console, steps) as advance:

        def done(name: str, record: Record, count: int) -> None:
            if record.error and (record.input, record.error.message) not in said:
                said.add((record.input, record.error.message))
                console.failure(record.input, record.error.message)
            advance(count)

        return evaluate(
            chosen.examples, contestants, options, request.how, by=request.by, stress=request.stress, done=done
        )


@contextmanager
def watched(console: Console, steps: int) -> Iterator[Callable[[int], None]]:
    """A bar and interruptible work; a first Ctrl-C ends it with a sentence and status 130."""
    try:
        with console.silent_decoders(), interrupts.armed(), console.progress(lambda: steps) as one:

            def advance(count: int) -> None:
                for _ in range(count):
                    one()
                interrupts.check()

            yield advance
    except KeyboardInterrupt:
        console.note("interrupted; nothing was written.")
        raise typer.Exit(Status.INTERRUPTED) from None


@contextmanager
def output_folder(
    path: Path | None, files: Iterable[str], data: Sequence[str], inputs: Iterable[str]
) -> Iterator[OutputFolder | None]:
    """The folder for the results, taken before the work begins; nothing of it stays where nothing was written.

    `data` are what the user named, `inputs` the pictures. Raises UsageError and OutputError where one of the `files`
    would replace an input, or what vision did not write.
    """
    if path is None:
        yield None
        return
    if path.is_dir() and any(os.path.isdir(name) and path.samefile(name) for name in data):
        raise UsageError(f"The output folder {path} is DATA itself. Choose another folder with -o.")
    out = OutputFolder(path)
    try:
        for name in (*data, *inputs):
            out.protect(name)
        for name in files:
            out.check(name)
        yield out
    except BaseException:
        out.abandon()
        raise
    out.close()
