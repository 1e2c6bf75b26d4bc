"""`vision eval` where the truth is boxes, masks, keypoints or label maps: the report of `vision iou`, in one go."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visioncli.cli.eval_output import print_objects
from visioncli.cli.eval_session import Request, finish, load_tasks, nothing_to_measure, output_folder, watched
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.iou_progress import LineProgress
from visioncli.cli.request import reading_options
from visioncli.cli.terminal import Console
from visioncli.datasets.interface import ReadOptions
from visioncli.earlier_results import PREDICTIONS
from visioncli.errors import UsageError
from visioncli.evaluation.difference import ObjectDifference, difference
from visioncli.evaluation.documents import (
    CLASSES,
    CONFUSION,
    NUMBERS,
    TABLES,
    classes_table,
    confusion_table,
    json_document,
    record_files,
    write_documents,
)
from visioncli.evaluation.objects import Truth, predict_into, score_maps, score_objects, truth_of
from visioncli.metrics.classification_report import SCHEMA
from visioncli.metrics.evaluate import Settings
from visioncli.metrics.intervals import Sample
from visioncli.metrics.pairs import Kind
from visioncli.metrics.report import AnyReport
from visioncli.results import Record
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.masks import MaskSink
from visioncli.tasks.interface import Task
from visioncli.weights.runs import mask_numbers

SETTINGS: dict[str, dict[str, Any]] = {
    "detect": {"score": 0.001},
    "segment": {"mode": "instance", "score": 0.001},
    "pose": {},
    "maps": {},
}
"""So low a score that average precision sees every detection."""
COUNTED = {"detect": 0.4, "segment": 0.4, "pose": 0.0}
"""The scores below which the tasks' own commands leave objects out: the counts are of what users see there."""
KINDS = {"detect": Kind.BOXES, "segment": Kind.MASKS, "pose": Kind.KEYPOINTS}
VOID = 255
"""Pixels of this value do not count in label maps."""


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """A network's report; what its intervals are made of; and which pictures it had an answer for."""

    name: str
    report: AnyReport
    sample: Sample | None
    usable: tuple[bool, ...]
    lines: bytes


def evaluate_objects(request: Request, task: str) -> None:
    """Evaluates, prints and writes, and leaves with the exit status that the contract names."""
    for option, given in (("--by", request.by), ("--stress", request.stress), ("--allow-leaks", request.allow_leaks)):
        if given:
            raise UsageError(f"{option} is for pictures with classes, not for the truth of {task}.")
    if request.split == "all":
        raise UsageError("--split all is for pictures with classes; of annotations name one split.")
    if not 0 < request.threshold <= 1:
        raise UsageError(f"--iou must lie above 0 and not above 1, not {request.threshold:g}.")
    gates, console = request.gates, Console(quiet=request.frame.quiet)
    truth = truth_of(request.data, task, request.split, request.images, request.names)
    what = "maps" if truth.side is None else task
    tasks = load_tasks(request, task, console, **SETTINGS[what])
    files = record_files([name for name, _ in tasks])
    inputs = (item.path for item in truth.items)
    with output_folder(request.out, [*TABLES, *files], request.named, inputs) as out:
        interrupts.begin()
        console.note(truth.note)
        with watched(console, len(truth.items) * len(tasks)) as advance:
            results = [
                _evaluated(request, what, truth, name, one, mask_numbers(spec, VOID), console, advance)
                for spec, (name, one) in zip(request.specs(task), tasks, strict=True)
            ]
            differences = _differences(results, request, console)
        failed = max(one.usable.count(False) for one in results)
        if failed == len(truth.items):
            nothing_to_measure(console)
        reports = [(one.name, one.report) for one in results]
        body = _body(request, truth, reports, differences, failed)
        if out:
            tables = [(name, report.confusion) for name, report in reports]  # type: ignore[attr-defined]
            documents = {NUMBERS: json_document(body), CLASSES: classes_table(reports)}
            documents |= {CONFUSION: confusion_table(tables)}
            write_documents(out, documents | {f: one.lines for f, one in zip(files, results, strict=True)})
    for warning in body["warnings"]:
        console.warning(warning)
    print_objects(reports, body, request.wanted, differences, as_json=request.as_json)
    finish(reports, gates, failed, request, console)


def _evaluated(
    request: Request,
    what: str,
    truth: Truth,
    name: str,
    task: Task,
    numbers: Mapping[int, int],
    console: Console,
    advance: Callable[[int], None],
) -> _Result:
    def done(record: Record) -> None:
        if record.error:
            console.failure(record.input, record.error.message)
        advance(1)

    with tempfile.TemporaryDirectory(prefix="vision-eval-") as temporary:
        folder = Path(temporary) / "out"
        out = OutputFolder(folder)
        try:
            sinks = [MaskSink()] if what == "maps" else []
            records = predict_into(out, task, truth.items, reading_options(request.frame), done, sinks)
        finally:
            out.close()
        report, sample = _scored(request, what, truth, task, numbers, folder, records)
        lines = (folder / PREDICTIONS).read_bytes()
    return _Result(name, report, sample, tuple(record.ok for record in records), lines)


def _scored(
    request: Request,
    what: str,
    truth: Truth,
    task: Task,
    numbers: Mapping[int, int],
    folder: Path,
    records: Sequence[Record],
) -> tuple[AnyReport, Sample | None]:
    if what == "maps":
        return score_maps(truth, records, task, VOID, request.names, request.how, numbers)
    progress = LineProgress(quiet=request.frame.quiet)
    options = ReadOptions(
        masks=what == "segment",
        keypoints=what == "pose",
        images=request.images,
        names=request.names,
        progress=progress,
    )
    settings = Settings(
        kind=KINDS[what],
        iou=request.threshold,
        score=COUNTED[what] if request.score is None else request.score,
        resamples=request.bootstrap,
        seed=request.seed,
    )
    predictions = folder / PREDICTIONS
    try:
        found = score_objects(truth, predictions, settings, options, task, skip_unknown=request.skip_unknown)
    finally:
        progress.clear()
    return found.report, found.sample


def _differences(results: Sequence[_Result], request: Request, console: Console) -> list[ObjectDifference]:
    """Every other network less the first one, where both had an answer for the same pictures."""
    first, *others = results
    found = []
    for other in others:
        if first.sample is None or other.sample is None:
            continue
        if first.usable != other.usable:
            console.warning(f"{other.name} and {first.name} failed on different pictures, and are not compared.")
            continue
        found.append(difference((first.name, first.sample), (other.name, other.sample), request.how))
    return found


def _body(
    request: Request,
    truth: Truth,
    reports: Sequence[tuple[str, AnyReport]],
    differences: Sequence[ObjectDifference],
    failed: int,
) -> dict[str, Any]:
    models = []
    for name, report in reports:
        body = report.to_json()
        for shared in ("schema", "truth", "predictions", "bootstrap", "warnings"):
            body.pop(shared, None)
        models.append({"name": name} | body)
    warnings = list(dict.fromkeys(w for _, report in reports for w in report.warnings))
    if failed and truth.side is not None:
        pictures = "1 picture" if failed == 1 else f"{failed} pictures"
        warnings.append(f"{pictures} could not be used: objects there count as missed.")
    return {
        "schema": SCHEMA,
        "kind": models[0]["kind"],
        "data": request.data,
        "split": truth.split,
        "pictures": len(truth.items),
        "failed": failed,
        "bootstrap": {"resamples": request.bootstrap, "seed": request.seed},
        "models": models,
        **({"comparisons": [one.to_json() for one in differences]} if differences else {}),
        "warnings": warnings,
    }
