"""The half of `vision iou` that compares files: from the options to a report on standard output."""

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from visioncli.cli.choices import member
from visioncli.datasets.align import align
from visioncli.datasets.interface import ReadOptions, Role
from visioncli.datasets.recognise import Format, read, recognise
from visioncli.errors import UsageError, VisionError
from visioncli.files import check_not_input
from visioncli.metrics.engines import Engine
from visioncli.metrics.evaluate import Evaluation, Settings, evaluate, picture_records
from visioncli.metrics.gates import look_up, missed, parse_gates, split_names
from visioncli.metrics.pairs import Kind
from visioncli.metrics.report import AnyReport, plain
from visioncli.status import Status

SPOOL = "standard-input"
SPOOLED = "standard input"
PLOTS = ("precision_recall.png", "confusion.png")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for on the command line, in the words of the options."""

    truth: str
    predictions: str
    truth_format: str | None
    predictions_format: str | None
    threshold: float
    score: float
    masks: bool
    keypoints: bool
    ignore_index: int
    images: Path | None
    names: Path | None
    skip_unknown: bool
    engine: str
    only: str | None
    fail_under: tuple[str, ...]
    per_image: str | None
    plots: Path | None
    as_json: bool
    quiet: bool

    def check(self) -> None:
        """Raises UsageError where the options contradict each other."""
        if self.masks and self.keypoints:
            raise UsageError("--masks and --keypoints exclude each other.")
        if not 0 < self.threshold <= 1:
            raise UsageError(f"--iou must lie above 0 and not above 1, not {self.threshold:g}.")
        if self.per_image == "-" and (self.as_json or self.only):
            raise UsageError("--per-image - takes standard output; name a file for it beside --json or --only.")
        outputs = [] if self.per_image in (None, "-") else [Path(str(self.per_image))]
        outputs += [self.plots / name for name in PLOTS] if self.plots else []
        for output in outputs:
            check_not_input(output, (self.truth, self.predictions, self.images, self.names))


def compare_files(request: Request) -> None:
    """Read both sides, compare them, and write what was asked for.

    Raises VisionError with a sentence, and Exit with GATE_MISSED where a number is lower than asked for.
    """
    request.check()
    gates = tuple(gate for text in request.fail_under for gate in parse_gates(text))
    wanted = split_names(request.only) if request.only is not None else []
    if request.only is not None and not wanted:
        raise UsageError("--only is empty; it takes names of numbers, for instance AP,AP50.")
    report, records = _evaluated(request)
    numbers = {name: look_up(report, name, "--only") for name in wanted}
    misses = missed(report, gates)
    if not request.quiet:
        for warning in report.warnings:
            words = re.sub(rf"\S*vision-iou-[^/\s]*/{SPOOL}", SPOOLED, warning)
            typer.echo(f"vision: warning: {words}", err=True)
    if request.per_image is not None:
        _write_records(records, request.per_image)
    if request.plots is not None:
        from visioncli.render.evaluation_plots import draw_plots

        for path in draw_plots(report, request.plots):
            if not request.quiet:
                typer.echo(f"vision: wrote {path}", err=True)
    if request.per_image != "-":
        _print_report(report, numbers, request.as_json)
    for sentence in misses:
        typer.echo(f"vision: gate missed: {sentence}", err=True)
    if misses:
        raise typer.Exit(Status.GATE_MISSED)


def _evaluated(request: Request) -> tuple[AnyReport, Iterable[dict[str, Any]]]:
    """The report and the records of single pictures."""
    with _spooled(request.truth, request.predictions) as (truth, predictions):
        forms = (
            _format(request.truth_format, truth, "--truth-format"),
            _format(request.predictions_format, predictions, "--predictions-format"),
        )
        if forms[0] is Format.LABELMAP and _holds_our_maps(request, predictions):
            forms = (Format.LABELMAP, Format.LABELMAP)
        if Format.LABELMAP not in forms:
            evaluation = _objects(request, truth, predictions, forms)
            return evaluation.report, picture_records(evaluation)
        if forms[0] is not forms[1]:
            other = forms[1] if forms[0] is Format.LABELMAP else forms[0]
            raise UsageError(f"Label maps can only be compared with label maps, but one side is {other}.")
        if request.masks or request.keypoints:
            name = "--masks" if request.masks else "--keypoints"
            raise UsageError(f"{name} is for objects; label maps are compared pixel by pixel.")
        return _label_maps(request, truth, predictions)


def _holds_our_maps(request: Request, predictions: Path) -> bool:
    """Whether this is an output folder of `vision segment`, whose records are recognised before its maps."""
    from visioncli.datasets.label_maps import ours

    return request.predictions_format is None and predictions.is_dir() and bool(ours(predictions))


@contextmanager
def _spooled(truth: str, predictions: str) -> Iterator[tuple[Path, Path]]:
    """The two paths; standard input (`-`) is first put into a temporary file."""
    if "-" not in (truth, predictions):
        yield Path(truth), Path(predictions)
        return
    if truth == predictions:
        raise UsageError("Only one side can come from standard input.")
    with tempfile.TemporaryDirectory(prefix="vision-iou-") as folder:
        spool = Path(folder) / SPOOL
        spool.write_bytes(sys.stdin.buffer.read())
        try:
            yield (spool if truth == "-" else Path(truth)), (spool if predictions == "-" else Path(predictions))
        except VisionError as problem:
            problem.args = (str(problem).replace(str(spool), SPOOLED),)
            raise


def _called(path: Path) -> str:
    return SPOOLED if path.name == SPOOL else str(path)


def _format(forced: str | None, path: Path, option: str) -> Format:
    if forced is None:
        return recognise(path)
    form: Format = member(Format, forced, option)
    return form


def _objects(request: Request, truth: Path, predictions: Path, forms: tuple[Format, Format]) -> Evaluation:
    engine: Engine = member(Engine, request.engine, "--engine")
    kind = Kind.MASKS if request.masks else Kind.KEYPOINTS if request.keypoints else Kind.BOXES
    options = ReadOptions(
        masks=request.masks, keypoints=request.keypoints, images=request.images, names=request.names
    )
    ours = read(truth, forms[0], options)
    theirs = read(predictions, forms[1], replace(options, role=Role.PREDICTIONS))
    data = align(ours, theirs, skip_unknown=request.skip_unknown)
    settings = Settings(kind=kind, iou=request.threshold, score=request.score, engine=engine)
    return evaluate(data, settings, _called(truth), _called(predictions))


def _label_maps(request: Request, truth: Path, predictions: Path) -> tuple[AnyReport, Iterable[dict[str, Any]]]:
    from visioncli.datasets import class_names
    from visioncli.datasets.label_maps import pair, read_pairs
    from visioncli.metrics.label_map_scores import LabelMapScores

    pairs, warnings = pair(truth, predictions, skip_unknown=request.skip_unknown)
    labels = class_names.read(request.names) if request.names is not None else ()
    scores = LabelMapScores(None if request.ignore_index < 0 else request.ignore_index, labels)
    for both, true_map, predicted in read_pairs(pairs):
        scores.add(both.name, true_map, predicted)
    return scores.report(str(truth), str(predictions), warnings), scores.worst_first()


def _write_records(records: Any, target: str) -> None:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    if target == "-":
        for line in lines:
            typer.echo(line, nl=False)
        return
    from visioncli.files import whole_file

    with whole_file(Path(target)) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def _print_report(report: AnyReport, numbers: dict[str, float], as_json: bool) -> None:
    if numbers:
        if as_json:
            typer.echo(json.dumps({name: plain(value) for name, value in numbers.items()}))
        elif len(numbers) == 1:
            typer.echo(_shown(next(iter(numbers.values()))))
        else:
            for name, value in numbers.items():
                typer.echo(f"{name}\t{_shown(value)}")
    elif as_json:
        typer.echo(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        from visioncli.cli.iou_tables import print_report

        print_report(report)


def _shown(value: float) -> str:
    """A number for scripts: `nan` where it is undefined."""
    return f"{value:.10g}"
