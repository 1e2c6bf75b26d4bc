"""The half of `vision iou` that compares files: from the options to a report on standard output."""

import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from visioncli.cli.choices import member
from visioncli.cli.iou_output import json_text, show
from visioncli.cli.iou_progress import LineProgress
from visioncli.cli.iou_tables import print_report
from visioncli.cli.streams import printable
from visioncli.datasets.align import align
from visioncli.datasets.file_bytes import MOST_BYTES, is_pipe, open_bytes
from visioncli.datasets.interface import DatasetError, Progress, ReadOptions
from visioncli.datasets.recognise import Format
from visioncli.datasets.sides import Side, locate, read_both
from visioncli.errors import OutputError, UsageError, VisionError
from visioncli.files import check_not_input, whole_file
from visioncli.metrics.engines import Engine
from visioncli.metrics.evaluate import Evaluation, Settings, evaluate, picture_records
from visioncli.metrics.gates import look_up, look_up_interval, missed, parse_gates, split_names
from visioncli.metrics.intervals import pair
from visioncli.metrics.pairs import Kind
from visioncli.metrics.report import AnyReport, plain
from visioncli.status import Status

STDIN = "standard input"
PLOTS = ("precision_recall.png", "confusion.png")
FEWEST_RESAMPLES, MOST_RESAMPLES = 100, 100_000
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for on the command line, in the words of the options."""

    truth: str
    predictions: str
    truth_format: str | None
    predictions_format: str | None
    threshold: float
    score: float
    inclusive: bool
    masks: bool
    keypoints: bool
    ignore_index: int
    images: Path | None
    names: Path | None
    split: str | None
    skip_unknown: bool
    engine: str
    bootstrap: int | None
    seed: int | None
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
        if self.inclusive and (self.masks or self.keypoints):
            other = "--masks" if self.masks else "--keypoints"
            raise UsageError(f"--inclusive is about the corners of boxes, and {other} does not compare boxes.")
        if not 0 < self.threshold <= 1:
            raise UsageError(f"--iou must lie above 0 and not above 1, not {self.threshold:g}.")
        if not math.isfinite(self.score):
            raise UsageError(f"--score must be a finite number, not {self.score:g}.")
        check_bootstrap(self.bootstrap, self.seed)
        if self.per_image == "-" and (self.as_json or self.only):
            raise UsageError("--per-image - takes standard output; name a file for it beside --json or --only.")
        outputs = [] if self.per_image in (None, "-") else [Path(str(self.per_image))]
        outputs += [self.plots / name for name in PLOTS] if self.plots else []
        for output in outputs:
            check_not_input(output, (self.truth, self.predictions, self.images, self.names))


def check_bootstrap(resamples: int | None, seed: int | None) -> None:
    """Raises UsageError where the two options make no sense."""
    if resamples is None:
        if seed is not None:
            raise UsageError("--seed says which resamples --bootstrap draws; give --bootstrap 1000 too.")
        return
    if not FEWEST_RESAMPLES <= resamples <= MOST_RESAMPLES:
        raise UsageError(
            f"--bootstrap takes {FEWEST_RESAMPLES} to {MOST_RESAMPLES:,} resamples, not {resamples}; 1000 are enough."
        )


def compare_files(request: Request) -> None:
    """Read both sides, compare them, and write what was asked for.

    Raises VisionError with a sentence, and Exit with GATE_MISSED where a number is lower than asked for.
    """
    try:
        _compare_files(request)
    except VisionError as problem:
        # Names and values out of the files may hold anything, and a terminal obeys control characters.
        problem.args = (printable(str(problem)), *problem.args[1:])
        raise


def _compare_files(request: Request) -> None:
    request.check()
    gates = tuple(gate for text in request.fail_under for gate in parse_gates(text))
    wanted = split_names(request.only) if request.only is not None else []
    if request.only is not None and not wanted:
        raise UsageError("--only is empty; it takes names of numbers, for instance AP,AP50.")
    progress = LineProgress(quiet=request.quiet)
    try:
        report, records = _evaluated(request, progress)
    finally:
        progress.clear()
    numbers = {name: look_up(report, name, "--only") for name in wanted}
    misses = missed(report, gates)
    if not request.quiet:
        for warning in report.warnings:
            _say(f"warning: {warning}")
    if request.per_image is not None:
        _write_records(records, request.per_image)
    if request.plots is not None:
        from visioncli.render.evaluation_plots import draw_plots

        for path in draw_plots(report, request.plots):
            if not request.quiet:
                _say(f"wrote {path}")
    if request.per_image != "-":
        _print_report(report, numbers, request.as_json)
    for sentence in misses:
        _say(f"gate missed: {sentence}")
    if misses:
        raise typer.Exit(Status.GATE_MISSED)


def _evaluated(request: Request, progress: Progress) -> tuple[AnyReport, Iterable[dict[str, Any]]]:
    """The report and the records of single pictures."""
    with _spooled(request.truth, request.predictions, progress) as (truth, predictions, called):
        sides = (
            _side(request, truth, request.truth_format, "--truth-format"),
            _side(request, predictions, request.predictions_format, "--predictions-format"),
        )
        forms = sides[0].form, sides[1].form
        if forms[0] is Format.LABELMAP and _holds_our_maps(request, predictions):
            forms = (Format.LABELMAP, Format.LABELMAP)
        if Format.LABELMAP not in forms:
            evaluation = _objects(request, sides, progress)
            report = replace(
                evaluation.report,
                truth=called(str(truth)),
                predictions=called(str(predictions)),
                warnings=tuple(map(called, evaluation.report.warnings)),
            )
            return report, picture_records(evaluation)
        if forms[0] is not forms[1]:
            other = forms[1] if forms[0] is Format.LABELMAP else forms[0]
            raise UsageError(f"Label maps can only be compared with label maps, but one side is {other}.")
        if request.masks or request.keypoints or request.inclusive:
            name = "--masks" if request.masks else "--keypoints" if request.keypoints else "--inclusive"
            raise UsageError(f"{name} is for objects; label maps are compared pixel by pixel.")
        return _label_maps(request, truth, predictions)


def _holds_our_maps(request: Request, predictions: Path) -> bool:
    """Whether this is an output folder of `vision segment`, whose records are recognised before its maps."""
    from visioncli.datasets.label_maps import ours

    return request.predictions_format is None and predictions.is_dir() and bool(ours(predictions))


@contextmanager
def _spooled(truth: str, predictions: str, progress: Progress) -> Iterator[tuple[Path, Path, Callable[[str], str]]]:
    """The two paths, and what calls them in sentences by the names that the user gave.

    Standard input (`-`) and pipes (`<(jq …)`) are first put into temporary files, since they can be read only once
    and are read twice: to recognise the format, and for good.
    """
    if truth == predictions == "-":
        raise UsageError("Only one side can come from standard input.")
    once = [text == "-" or is_pipe(Path(text)) for text in (truth, predictions)]
    if not any(once):
        yield Path(truth), Path(predictions), str
        return
    with tempfile.TemporaryDirectory(prefix="vision-iou-") as folder:
        sides, names = [], {}
        for k, text in enumerate((truth, predictions)):
            side = Path(text)
            if once[k]:
                side = Path(folder) / f"{k}{side.suffix}"
                names[str(side)] = STDIN if text == "-" else text
                _spool(text, side, progress)
            sides.append(side)

        def called(words: str) -> str:
            for path, name in names.items():
                words = words.replace(path, name)
            return words

        try:
            yield sides[0], sides[1], called
        except VisionError as problem:
            problem.args = (called(str(problem)), *problem.args[1:])
            raise


def _spool(source: str, target: Path, progress: Progress) -> None:
    """Put what comes through standard input or a pipe into a file."""
    name = STDIN if source == "-" else source
    if source == "-" and sys.stdin is None:
        raise UsageError("Standard input is closed, so that nothing can be read from it.")
    size = 0
    with (
        nullcontext(sys.stdin.buffer) if source == "-" else open_bytes(Path(source)) as given,
        target.open("wb") as file,
    ):
        while chunk := _some(given, name):
            size += len(chunk)
            if size > MOST_BYTES:
                raise DatasetError(f"{name}: more than {MOST_BYTES >> 20:,} MiB came through; give it as a file.")
            try:
                file.write(chunk)
                file.flush()
            except OSError as problem:
                raise OutputError(f"{name}: cannot be kept in {target.parent} ({problem.strerror}).") from None
            progress(f"reading {name}", size, None)


def _some(file: Any, name: str) -> bytes:
    try:
        chunk: bytes = file.read1(_CHUNK)
    except OSError as problem:
        raise DatasetError(f"{name}: cannot be read ({problem.strerror}).") from None
    return chunk


def _side(request: Request, path: Path, forced: str | None, option: str) -> Side:
    form = None if forced is None else member(Format, forced, option)
    return locate(path, form, keypoints=request.keypoints)


def _objects(request: Request, sides: tuple[Side, Side], progress: Progress) -> Evaluation:
    truth, predictions = sides[0].path, sides[1].path
    if request.inclusive:
        _check_inclusive((truth, predictions), (sides[0].form, sides[1].form))
    engine: Engine = member(Engine, request.engine, "--engine")
    kind = Kind.MASKS if request.masks else Kind.KEYPOINTS if request.keypoints else Kind.BOXES
    options = ReadOptions(
        masks=request.masks,
        keypoints=request.keypoints,
        images=request.images,
        names=request.names,
        inclusive=request.inclusive,
        progress=progress,
    )
    ours, theirs = read_both(*sides, options, request.split)
    data = align(ours, theirs, skip_unknown=request.skip_unknown)
    del ours, theirs  # what was left out of `data` is a gigabyte where there are ten million boxes
    settings = Settings(
        kind=kind,
        iou=request.threshold,
        score=request.score,
        engine=engine,
        inclusive=request.inclusive,
        resamples=request.bootstrap or 0,
        seed=request.seed or 0,
    )
    return evaluate(data, settings, str(truth), str(predictions), progress)


def _check_inclusive(sides: tuple[Path, Path], forms: tuple[Format, Format]) -> None:
    """Raises UsageError where a side has no corners that could include a pixel."""
    if Format.VOC not in forms:
        raise UsageError("--inclusive is for Pascal VOC files, and neither side is one.")
    for path, form in zip(sides, forms, strict=True):
        if form not in (Format.VOC, Format.CSV):
            raise UsageError(
                f"--inclusive counts the last pixel of both sides, as Pascal does, but {path} is {form}, whose boxes "
                "end between pixels; give VOC files (or a CSV of corners) on both sides."
            )


def _label_maps(request: Request, truth: Path, predictions: Path) -> tuple[AnyReport, Iterable[dict[str, Any]]]:
    from visioncli.datasets import class_names
    from visioncli.datasets.label_maps import pair, read_pairs
    from visioncli.metrics.label_map_scores import LabelMapScores

    pairs, warnings = pair(truth, predictions, skip_unknown=request.skip_unknown)
    labels = class_names.read(request.names) if request.names is not None else ()
    scores = LabelMapScores(
        None if request.ignore_index < 0 else request.ignore_index,
        labels,
        resamples=request.bootstrap or 0,
        seed=request.seed or 0,
    )
    for both, true_map, predicted in read_pairs(pairs):
        scores.add(both.name, true_map, predicted)
    return scores.report(str(truth), str(predictions), warnings), scores.worst_first()


def _write_records(records: Any, target: str) -> None:
    lines = (json_text(record) for record in records)
    if target == "-":
        for line in lines:
            show(line)
        return
    with whole_file(Path(target)) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def _print_report(report: AnyReport, numbers: dict[str, float], as_json: bool) -> None:
    if not numbers:
        if as_json:
            show(json_text(report.to_json()))
        else:
            print_report(report)
        return
    ends = {name: look_up_interval(report, name) for name in numbers}
    if as_json:
        body: dict[str, Any] = {name: plain(value) for name, value in numbers.items()}
        if report.intervals is not None:
            body["intervals"] = {name: None if e is None else pair(e) for name, e in ends.items()}
        show(json_text(body))
        return
    for name, value in numbers.items():
        words = [] if len(numbers) == 1 else [printable(name)]
        found = ends[name]
        values = [value, *([] if found is None else found.tolist())]
        show("\t".join([*words, *map(_shown, values)]))


def _say(sentence: str) -> None:
    typer.echo(f"vision: {printable(sentence)}", err=True)


def _shown(value: float) -> str:
    """A number for scripts: `nan` where it is undefined."""
    return f"{value:.10g}"
