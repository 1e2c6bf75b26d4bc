"""`vision eval` where the truth is boxes, masks, keypoints or label maps: the report of `vision iou`, in one go."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from visioncli.cli.eval_output import print_objects
from visioncli.cli.eval_session import Request, finish, load_tasks, nothing_to_measure, output_folder, watched
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.iou_progress import LineProgress
from visioncli.cli.terminal import Console
from visioncli.datasets.interface import ReadOptions
from visioncli.earlier_results import PREDICTIONS
from visioncli.errors import UsageError
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
from visioncli.metrics.pairs import Kind
from visioncli.metrics.report import AnyReport
from visioncli.results import Record
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.masks import MaskSink
from visioncli.tasks.interface import Task

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
    names = [name for name, _ in tasks]
    reports: list[tuple[str, AnyReport]] = []
    lines: dict[str, bytes] = {}
    inputs = [request.data, *(item.path for item in truth.items)]
    with output_folder(request.out, [*TABLES, *record_files(names)], inputs) as out:
        interrupts.begin()
        console.note(truth.note)
        failed = 0
        with watched(console, len(truth.items) * len(tasks)) as advance:
            for (name, one), file in zip(tasks, record_files(names), strict=True):
                with tempfile.TemporaryDirectory(prefix="vision-eval-") as folder:
                    report, records = _one(request, what, truth, one, Path(folder) / "out", console, advance)
                    lines[file] = (Path(folder) / "out" / PREDICTIONS).read_bytes()
                reports.append((name, report))
                failed = max(failed, sum(not record.ok for record in records))
        if failed == len(truth.items):
            nothing_to_measure(console)
        body = _body(request, truth, reports, failed)
        if out:
            files = {NUMBERS: json_document(body), CLASSES: classes_table(reports)}
            files[CONFUSION] = confusion_table((name, r.confusion) for name, r in reports)  # type: ignore[attr-defined]
            write_documents(out, files | lines)
    for warning in dict.fromkeys(w for _, report in reports for w in report.warnings):
        console.warning(warning)
    print_objects(reports, body, request.wanted, as_json=request.as_json)
    finish(reports, gates, failed, request, console)


def _one(
    request: Request,
    what: str,
    truth: Truth,
    task: Task,
    folder: Path,
    console: Console,
    advance: Callable[[int], None],
) -> tuple[AnyReport, list[Record]]:
    def done(record: Record) -> None:
        if record.error:
            console.failure(record.input, record.error.message)
        advance(1)

    out = OutputFolder(folder)
    try:
        sinks = [MaskSink()] if what == "maps" else []
        records = predict_into(out, task, truth.items, request.run_options(), done, sinks)
    finally:
        out.close()
    if what == "maps":
        return score_maps(truth, records, task, VOID, request.names), records
    progress = LineProgress(quiet=request.frame.quiet)
    options = ReadOptions(
        masks=what == "segment",
        keypoints=what == "pose",
        images=request.images,
        names=request.names,
        progress=progress,
    )
    score = COUNTED[what] if request.score is None else request.score
    settings = Settings(
        kind=KINDS[what], iou=request.threshold, score=score, resamples=request.bootstrap, seed=request.seed
    )
    try:
        found = score_objects(truth, folder / PREDICTIONS, settings, options, task, skip_unknown=request.skip_unknown)
    finally:
        progress.clear()
    return found.report, records


def _body(request: Request, truth: Truth, reports: Sequence[tuple[str, AnyReport]], failed: int) -> dict[str, Any]:
    models = []
    for name, report in reports:
        body = report.to_json()
        for shared in ("schema", "truth", "predictions"):
            body.pop(shared, None)
        models.append({"name": name} | body)
    return {
        "schema": SCHEMA,
        "kind": models[0]["kind"],
        "data": request.data,
        "split": truth.split,
        "pictures": len(truth.items) - failed,
        "failed": failed,
        "models": models,
    }
