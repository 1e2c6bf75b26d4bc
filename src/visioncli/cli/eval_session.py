"""`vision eval` from the options to the exit status: which kind of truth DATA is, and classification."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from visioncli.api import build_task, model_names, run_options
from visioncli.cli.choices import member
from visioncli.cli.downloading import download_progress
from visioncli.cli.eval import SPLITS, TASKS
from visioncli.cli.eval_output import print_evaluation, shown_numbers
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import FrameOptions
from visioncli.cli.session import engine_options
from visioncli.cli.streams import printable
from visioncli.cli.terminal import Console
from visioncli.errors import UsageError, VisionError
from visioncli.evaluation.contest import Contestant, Evaluation, Wanted, evaluate, expected
from visioncli.evaluation.documents import record_files, write_documents
from visioncli.evaluation.interface import Resampling
from visioncli.evaluation.select import Chosen, choose, trained_on
from visioncli.labelled.recognise import read_set
from visioncli.metrics.gates import Gate, missed, parse_gates, split_names
from visioncli.models import registry
from visioncli.sinks.folder import OutputFolder
from visioncli.status import Status
from visioncli.tasks.classify.task import Classify
from visioncli.tasks.interface import Task


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
    names: Path | None
    only: str | None
    fail_under: tuple[str, ...]
    as_json: bool
    out: Path | None
    frame: FrameOptions

    @property
    def gates(self) -> tuple[Gate, ...]:
        """What `--fail-under` asks for. Raises UsageError."""
        return tuple(gate for text in self.fail_under for gate in parse_gates(text))

    @property
    def wanted(self) -> list[str]:
        """The names in `--only`. Raises UsageError."""
        names = split_names(self.only) if self.only is not None else []
        if self.only is not None and not names:
            raise UsageError("--only is empty; it takes names of numbers, for instance top1,macro_f1.")
        return names

    @property
    def specs(self) -> list[str]:
        """RUNs and networks as the user wrote them."""
        specs = [*self.runs, *(model_names(self.model) if self.model else ())]
        return list(dict.fromkeys(specs))


def run_eval(request: Request) -> None:
    """Evaluates, prints and writes, and leaves with the exit status that the contract names. Raises VisionError."""
    try:
        _run(request)
    except VisionError as problem:
        # Names and values out of the files may hold anything, and a terminal obeys control characters.
        problem.args = (printable(str(problem)), *problem.args[1:])
        raise


def _run(request: Request) -> None:
    if request.task is not None and request.task not in TASKS:
        raise UsageError(f"--task is one of {', '.join(TASKS)}, not {request.task}.")
    if request.split is not None and request.split not in SPLITS and request.task == "classify":
        raise UsageError(f"--split is one of {', '.join(SPLITS)}, not {request.split}.")
    _ = request.gates, request.wanted
    from visioncli.cli.eval_objects import evaluate_objects, task_of

    task = request.task or task_of(request)
    if task == "classify":
        _classify(request)
    else:
        evaluate_objects(request, task)


def _classify(request: Request) -> None:
    for option, given in (("--images", request.images), ("--names", request.names), ("--score", request.score)):
        if given is not None:
            raise UsageError(f"{option} is for boxes and label maps, and {request.data} is pictures with classes.")
    console = Console(quiet=request.frame.quiet)
    if request.split is not None and request.split not in SPLITS:
        raise UsageError(f"--split is one of {', '.join(SPLITS)}, not {request.split}.")
    frame = request.frame
    decoding = (frame.max_pixels, frame.allow_truncated, not frame.exact_decode, frame.timeout)
    options = run_options(frame.batch_size, frame.workers, *decoding)
    pictures = read_set(request.data)
    known = [trained_on(Path(run)) for run in request.runs]
    contestants = load_contestants(request, console)
    chosen = choose(
        pictures,
        request.split,
        [run for run in known if run is not None],
        [c.match for c in (c.matched(pictures.classes) for c in contestants)],
        skip_unknown=request.skip_unknown,
        allow_leaks=request.allow_leaks,
    )
    raise NotImplementedError
