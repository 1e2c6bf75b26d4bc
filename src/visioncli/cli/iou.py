"""`vision iou`: how well boxes, masks, keypoints or label maps match."""

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from visioncli.errors import UsageError
from visioncli.status import Status

if TYPE_CHECKING:
    from visioncli.datasets.recognise import Format
    from visioncli.metrics.evaluate import Evaluation
    from visioncli.metrics.report import AnyReport

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?nan|[-+]?inf(?:inity)?"
BOX_LIKE = re.compile(rf"\s*(?:{NUMBER})\s*[,;]", re.IGNORECASE)


class IouCommand(TyperCommand):
    """Takes boxes that begin with a minus (`-5,0,5,5`) for arguments, not for options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put a blank before such boxes: the parser then sees no option, and reading the box ignores it."""
        return super().parse_args(ctx, [f" {a}" if a.startswith("-") and BOX_LIKE.match(a) else a for a in args])


def iou(
    truth: Annotated[
        str, typer.Argument(metavar="TRUTH", help="A box 10,10,50,50 (several with ; between), or a file or folder.")
    ],
    predictions: Annotated[
        str,
        typer.Argument(metavar="PREDICTIONS", help="The same of the other side; - reads JSON from standard input."),
    ],
    metric: Annotated[str | None, typer.Option(help="For typed boxes: iou, giou, diou, ciou or ioa.")] = None,
    box_format: Annotated[str | None, typer.Option(help="For typed boxes: xyxy, xywh or cxcywh.")] = None,
    threshold: Annotated[float, typer.Option("--iou", help="Overlap from which a detection is right.")] = 0.5,
    score: Annotated[float, typer.Option(help="Leave detections below this out of the counts.")] = 0.0,
    masks: Annotated[bool, typer.Option("--masks", help="Compare masks instead of boxes.")] = False,
    keypoints: Annotated[bool, typer.Option("--keypoints", help="Compare keypoints, by OKS.")] = False,
    ignore_index: Annotated[int, typer.Option(help="Label maps: the class that does not count; -1 for none.")] = 255,
    images: Annotated[
        Path | None, typer.Option(help="YOLO: the pictures' folder, or a COCO file, to take picture sizes from.")
    ] = None,
    names: Annotated[Path | None, typer.Option(help="YOLO and label maps: class names, one a line.")] = None,
    truth_format: Annotated[
        str | None, typer.Option(help="Force it: coco, jsonl, yolo, voc, csv or labelmap.")
    ] = None,
    predictions_format: Annotated[str | None, typer.Option(help="As --truth-format.")] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out predictions of pictures and classes without truth.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="Who computes the official numbers: auto, pycocotools, hotcoco or numpy.")
    ] = "auto",
    only: Annotated[str | None, typer.Option(help="Print only these numbers: AP,AP50.")] = None,
    fail_under: Annotated[
        list[str] | None, typer.Option(help="Exit with 5 where a number is lower: AP50=0.5,mean_iou=0.6.")
    ] = None,
    per_image: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a JSON line a picture, worst first; - for stdout.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw precision-recall curves and the confusion table.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No warnings.")] = False,
) -> None:
    """How well two boxes match, or detections a ground truth: counts, official COCO and VOC numbers, gates.

    TRUTH and PREDICTIONS may be COCO JSON, our predictions.jsonl, a folder of YOLO .txt or VOC .xml, a CSV,
    or label maps (PNG); each side in its own format.
    """
    typed = _typed_boxes(truth, predictions)
    files_only = {
        "--masks": masks,
        "--keypoints": keypoints,
        "--only": only,
        "--fail-under": fail_under,
        "--per-image": per_image,
        "--plots": plots,
    }
    if typed:
        given = [name for name, value in files_only.items() if value]
        if given:
            raise UsageError(f"{given[0]} is for files of annotations, not for boxes typed on the command line.")
        _compare_boxes(truth, predictions, metric or "iou", box_format or "xyxy", as_json)
        return
    for name, value in (("--metric", metric), ("--box-format", box_format)):
        if value is not None:
            raise UsageError(f"{name} is for boxes typed on the command line; files say themselves what they hold.")
    if masks and keypoints:
        raise UsageError("--masks and --keypoints exclude each other.")
    if not 0 < threshold <= 1:
        raise UsageError(f"--iou must lie above 0 and not above 1, not {threshold:g}.")
    if per_image == "-" and (as_json or only):
        raise UsageError("--per-image - takes standard output; name a file for it beside --json or --only.")

    from visioncli.metrics.gates import look_up, missed, parse_gates, split_names

    gates = tuple(gate for text in fail_under or () for gate in parse_gates(text))
    wanted = split_names(only) if only is not None else []
    if only is not None and not wanted:
        raise UsageError("--only is empty; it takes names of numbers, for instance AP,AP50.")
    with _spooled(truth, predictions) as (truth_path, predictions_path):
        forms = (
            _format(truth_format, truth_path, "--truth-format"),
            _format(predictions_format, predictions_path, "--predictions-format"),
        )
        if "labelmap" in forms:
            if forms[0] is not forms[1]:
                raise UsageError(f"Label maps can only be compared with label maps, but one side is {_other(forms)}.")
            for name in ("--masks", "--keypoints"):
                if files_only[name]:
                    raise UsageError(f"{name} is for objects; label maps are compared pixel by pixel.")
            report, records = _label_maps(truth_path, predictions_path, ignore_index, names, skip_unknown)
        else:
            from visioncli.datasets.interface import ReadOptions
            from visioncli.metrics.evaluate import picture_records

            options = ReadOptions(masks=masks, keypoints=keypoints, images=images, names=names)
            evaluation = _objects(
                truth_path, predictions_path, forms, options, threshold, score, engine, skip_unknown
            )
            report, records = evaluation.report, picture_records(evaluation)
    numbers = {name: look_up(report, name, "--only") for name in wanted}
    misses = missed(report, gates)
    if not quiet:
        for warning in report.warnings:
            typer.echo(f"vision: warning: {warning}", err=True)
    if per_image is not None:
        _write_records(records, per_image)
    if plots is not None:
        from visioncli.render.evaluation_plots import draw_plots

        for path in draw_plots(report, plots):
            if not quiet:
                typer.echo(f"vision: wrote {path}", err=True)
    if per_image != "-":
        _print_report(report, numbers, as_json)
    if misses:
        for sentence in misses:
            typer.echo(f"vision: gate missed: {sentence}", err=True)
        raise typer.Exit(Status.GATE_MISSED)


def _other(forms: "tuple[Format, Format]") -> str:
    return str(forms[0] if forms[1] == "labelmap" else forms[1])


def _typed_boxes(truth: str, predictions: str) -> bool:
    """Whether the two arguments are boxes. A file that exists is a file, whatever its name."""
    boxes = [bool(BOX_LIKE.match(a)) and not Path(a).exists() for a in (truth, predictions)]
    if boxes[0] != boxes[1]:
        box, other = (truth, predictions) if boxes[0] else (predictions, truth)
        raise UsageError(f"{box.strip()} is a box, but {other.strip()} is not; give two boxes or two files.")
    return boxes[0]


def _compare_boxes(first: str, second: str, metric: str, box_format: str, as_json: bool) -> None:
    from visioncli.metrics.boxes import BoxFormat, Metric, pairwise, to_corners

    form = _member(BoxFormat, box_format, "--box-format")
    measure = _member(Metric, metric, "--metric")
    sides = [_parse_boxes(text) for text in (first, second)]
    try:
        values = pairwise(to_corners(sides[0], form), to_corners(sides[1], form), measure).tolist()
    except ValueError as problem:
        raise UsageError(f"{str(problem)[0].upper()}{str(problem)[1:]}.") from None
    if as_json:
        single = {"value": values[0][0]} if len(values) == len(values[0]) == 1 else {}
        body = {"metric": measure, "box_format": form, "truth": sides[0], "predictions": sides[1], **single}
        typer.echo(json.dumps(body | {"values": values}))
        return
    for row in values:
        typer.echo("\t".join(f"{value:.10g}" for value in row))


def _member(kind: Any, text: str, option: str) -> Any:
    from visioncli.names import did_you_mean

    try:
        return kind(text.casefold())
    except ValueError:
        raise UsageError(
            f"{option} is one of {', '.join(kind)}, not {text}.{did_you_mean(text, list(kind))}"
        ) from None


def _parse_boxes(text: str) -> list[list[float]]:
    boxes = []
    for part in text.split(";"):
        if not part.strip():
            continue
        words = [w.strip() for w in part.split(",")]
        if len(words) != 4:
            raise UsageError(f"A box is four numbers with commas between, but {part.strip()} has {len(words)}.")
        try:
            boxes.append([float(w) for w in words])
        except ValueError:
            raise UsageError(f"A box is four numbers with commas between, not {part.strip()}.") from None
    return boxes


@contextmanager
def _spooled(truth: str, predictions: str) -> Iterator[tuple[Path, Path]]:
    """The two paths; standard input (`-`) is first put into a temporary file."""
    if "-" not in (truth, predictions):
        yield Path(truth), Path(predictions)
        return
    if truth == predictions:
        raise UsageError("Only one side can come from standard input.")
    with tempfile.TemporaryDirectory(prefix="vision-iou-") as folder:
        spool = Path(folder) / "standard-input"
        spool.write_bytes(sys.stdin.buffer.read())
        yield (spool if truth == "-" else Path(truth)), (spool if predictions == "-" else Path(predictions))


def _format(forced: str | None, path: Path, option: str) -> "Format":
    from visioncli.datasets.recognise import Format, recognise

    if forced is None:
        return recognise(path)
    form: Format = _member(Format, forced, option)
    return form


def _objects(
    truth: Path,
    predictions: Path,
    forms: "tuple[Format, Format]",
    options: Any,
    threshold: float,
    score: float,
    engine: str,
    skip_unknown: bool,
) -> "Evaluation":
    from dataclasses import replace

    from visioncli.datasets.align import align
    from visioncli.datasets.interface import Role
    from visioncli.datasets.recognise import read
    from visioncli.metrics.engines import Engine
    from visioncli.metrics.evaluate import Settings, evaluate
    from visioncli.metrics.pairs import Kind

    chosen = _member(Engine, engine, "--engine")
    kind = Kind.MASKS if options.masks else Kind.KEYPOINTS if options.keypoints else Kind.BOXES
    ours = read(truth, forms[0], replace(options, role=Role.TRUTH))
    theirs = read(predictions, forms[1], replace(options, role=Role.PREDICTIONS))
    data = align(ours, theirs, skip_unknown=skip_unknown)
    settings = Settings(kind=kind, iou=threshold, score=score, engine=chosen)
    return evaluate(data, settings, str(truth), str(predictions))


def _label_maps(
    truth: Path, predictions: Path, ignore_index: int, names: Path | None, skip_unknown: bool
) -> "tuple[AnyReport, list[dict[str, Any]]]":
    from visioncli.datasets import class_names
    from visioncli.datasets.label_maps import pair, read_pairs
    from visioncli.metrics.label_map_scores import LabelMapScores

    pairs, warnings = pair(truth, predictions, skip_unknown=skip_unknown)
    labels = class_names.read(names) if names is not None else ()
    scores = LabelMapScores(None if ignore_index < 0 else ignore_index, labels)
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


def _print_report(report: "AnyReport", numbers: dict[str, float], as_json: bool) -> None:
    from visioncli.metrics.report import plain

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
