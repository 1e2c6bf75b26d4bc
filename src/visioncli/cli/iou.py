"""`vision iou`: how well boxes, masks, keypoints or label maps match."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from visioncli.cli import completion
from visioncli.cli.choices import MOST_SEED, member
from visioncli.cli.help_pages import Command
from visioncli.errors import UsageError

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?nan|[-+]?inf(?:inity)?"
BOX_LIKE = re.compile(rf"[\s\[(]*(?:{NUMBER})(?:\s*[,;]|\s+(?:{NUMBER})[\s,;\])])", re.IGNORECASE)
"""How a box begins: `10,10,50,50`, `10 10 50 50`, `[10, 10, 50, 50]` or `(10,10,50,50)`."""
ONE_NUMBER = re.compile(rf"[\[(]*(?:{NUMBER})[\])]*[,;]?", re.IGNORECASE)
BETWEEN = re.compile(r"[\])]\s*[,;]?\s*[\[(]")
"""What stands between boxes in brackets."""

MOST_PAIRS = 1_000_000
METRICS = ("iou", "giou", "diou", "ciou", "ioa")
BOX_FORMATS = ("xyxy", "xywh", "cxcywh")
FORMATS = ("coco", "jsonl", "yolo", "voc", "csv", "labelmap")
ENGINES = ("auto", "pycocotools", "hotcoco", "numpy")
"""Words that options take: numpy is imported where their meaning is. A test holds them to it."""


class IouCommand(Command):
    """Takes boxes that begin with a minus (`-5,0,5,5`) for arguments, not for options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put a blank before such boxes: the parser then sees no option, and reading the box ignores it.

        Eight numbers in a row are two boxes that the shell has taken apart.
        """
        return super().parse_args(
            ctx, [f" {a}" if a.startswith("-") and BOX_LIKE.match(a) else a for a in _joined(args)]
        )


def _joined(args: list[str]) -> list[str]:
    """The arguments with eight single numbers that follow each other as two boxes. Raises UsageError for others."""
    marks = "".join("1" if ONE_NUMBER.fullmatch(a) else "-" if a.startswith("--") else "0" for a in args)
    run = re.search(r"(?<!-)(?<!1)1{3,}|(?<=-1)1{3,}", marks)  # the first after an option is the option's
    if run is None:
        return args
    start, end = run.span()
    if end - start != 8:
        raise UsageError(
            f"{end - start} numbers stand in a row, and two boxes are eight: vision iou 10,10,50,50 20,20,60,60."
        )
    boxes = [" ".join(a.rstrip(",;") for a in args[i : i + 4]) for i in (start, start + 4)]
    return [*args[:start], *boxes, *args[end:]]


def iou(
    truth: Annotated[
        str, typer.Argument(metavar="TRUTH", help="A box 10,10,50,50 (several with ; between), or a file or folder.")
    ],
    predictions: Annotated[
        str,
        typer.Argument(metavar="PREDICTIONS", help="The same of the other side; - reads JSON from standard input."),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar=f"[{'|'.join(METRICS)}]",
            help="For typed boxes.",
            show_default="iou",
            autocompletion=completion.words(*METRICS),
        ),
    ] = None,
    box_format: Annotated[
        str | None,
        typer.Option(
            "--box-format",
            metavar=f"[{'|'.join(BOX_FORMATS)}]",
            help="For typed boxes.",
            show_default="xyxy",
            autocompletion=completion.words(*BOX_FORMATS),
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option("--iou", metavar="IOU", help="Overlap from which a detection is right.")
    ] = 0.5,
    score: Annotated[
        float, typer.Option("--score", metavar="P", help="Leave detections below this out of the counts.")
    ] = 0.0,
    inclusive: Annotated[
        bool,
        typer.Option(
            "--inclusive",
            help="VOC files: corners include their last pixel, as Pascal counts (width = xmax - xmin + 1).",
        ),
    ] = False,
    masks: Annotated[bool, typer.Option("--masks", help="Compare masks instead of boxes.")] = False,
    keypoints: Annotated[bool, typer.Option("--keypoints", help="Compare keypoints, by OKS.")] = False,
    ignore_index: Annotated[
        int,
        typer.Option("--ignore-index", metavar="N", help="Label maps: the class that does not count; -1 for none."),
    ] = 255,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", metavar="PATH", help="YOLO: the pictures' folder, or a COCO file, to take picture sizes from."
        ),
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--names", metavar="FILE", help="YOLO and label maps: class names, one a line.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="NAME", help="Of a data set's root folder: the split to take, for instance val."
        ),
    ] = None,
    truth_format: Annotated[
        str | None,
        typer.Option(
            "--truth-format",
            metavar="NAME",
            help=f"What TRUTH is, where it is not recognised: {', '.join(FORMATS)}.",
            autocompletion=completion.words(*FORMATS),
        ),
    ] = None,
    predictions_format: Annotated[
        str | None,
        typer.Option(
            "--predictions-format",
            metavar="NAME",
            help="The same of PREDICTIONS.",
            autocompletion=completion.words(*FORMATS),
        ),
    ] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out predictions of pictures and classes without truth.")
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            metavar=f"[{'|'.join(ENGINES)}]",
            help="Who computes the official numbers.",
            autocompletion=completion.words(*ENGINES),
        ),
    ] = "auto",
    bootstrap: Annotated[
        int | None,
        typer.Option(
            "--bootstrap",
            metavar="N",
            help="95 % intervals of all numbers, by N resamples of the pictures: 1000 are enough.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            max=MOST_SEED,
            help="Draw other resamples for --bootstrap.",
            show_default="0",
        ),
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAMES", help="Print only these numbers: AP,AP50.")
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under", metavar="NAME=NUMBER", help="Exit with 5 where a number is lower: AP50=0.5,mean_iou=0.6."
        ),
    ] = None,
    per_image: Annotated[
        str | None,
        typer.Option("--per-image", metavar="FILE", help="Write a JSON line a picture, worst first; - for stdout."),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="DIR", help="Draw precision-recall curves and the confusion table."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No warnings.")] = False,
) -> None:
    """How well two boxes match, or detections a ground truth: counts, official COCO and VOC numbers, gates.

    TRUTH and PREDICTIONS may be COCO JSON, our predictions.jsonl, a folder of YOLO .txt or VOC .xml, a CSV,
    or label maps (PNG); each side in its own format.
    """
    if _typed_boxes(truth, predictions):
        files_only = {
            "--inclusive": inclusive,
            "--masks": masks,
            "--keypoints": keypoints,
            "--bootstrap": bootstrap is not None,
            "--seed": seed is not None,
            "--only": only,
            "--fail-under": fail_under,
            "--per-image": per_image,
            "--plots": plots,
        }
        given = [name for name, value in files_only.items() if value]
        if given:
            raise UsageError(f"{given[0]} is for files of annotations, not for boxes typed on the command line.")
        _compare_boxes(truth, predictions, metric or "iou", box_format or "xyxy", as_json)
        return
    for name, value in (("--metric", metric), ("--box-format", box_format)):
        if value is not None:
            raise UsageError(f"{name} is for boxes typed on the command line; files say themselves what they hold.")

    from visioncli.cli.iou_files import Request, compare_files

    compare_files(
        Request(
            truth=truth,
            predictions=predictions,
            truth_format=truth_format,
            predictions_format=predictions_format,
            threshold=threshold,
            score=score,
            inclusive=inclusive,
            masks=masks,
            keypoints=keypoints,
            ignore_index=ignore_index,
            images=images,
            names=names,
            split=split,
            skip_unknown=skip_unknown,
            engine=engine,
            bootstrap=bootstrap,
            seed=seed,
            only=only,
            fail_under=tuple(fail_under or ()),
            per_image=per_image,
            plots=plots,
            as_json=as_json,
            quiet=quiet,
        )
    )


def _typed_boxes(truth: str, predictions: str) -> bool:
    """Whether the two arguments are boxes. A file that exists is a file, whatever its name."""
    boxes = [bool(BOX_LIKE.match(a)) and not os.path.exists(a) for a in (truth, predictions)]
    if boxes[0] != boxes[1]:
        box, other = (truth, predictions) if boxes[0] else (predictions, truth)
        raise UsageError(f"{_shown(box)} is a box, but {_shown(other)} is not; give two boxes or two files.")
    return boxes[0]


def _compare_boxes(first: str, second: str, metric: str, box_format: str, as_json: bool) -> None:
    from visioncli.cli.iou_output import json_text, show
    from visioncli.geometry.boxes import BoxFormat, Metric, pairwise, to_corners

    form = member(BoxFormat, box_format, "--box-format")
    measure = member(Metric, metric, "--metric")
    sides = [_parse_boxes(text) for text in (first, second)]
    if len(sides[0]) * len(sides[1]) > MOST_PAIRS:
        raise UsageError(f"More than {MOST_PAIRS:,} pairs of boxes are too many to type; put them into files.")
    try:
        values = pairwise(to_corners(sides[0], form), to_corners(sides[1], form), measure).tolist()
    except ValueError as problem:
        raise UsageError(f"{str(problem)[0].upper()}{str(problem)[1:]}.") from None
    if as_json:
        single = {"value": values[0][0]} if len(values) == len(values[0]) == 1 else {}
        body = {"metric": measure, "box_format": form, "truth": sides[0], "predictions": sides[1], **single}
        show(json_text(body | {"values": values}))
        return
    for row in values:
        show("\t".join(f"{value:.10g}" for value in row))


def _shown(argument: str) -> str:
    """An argument as a sentence names it."""
    from visioncli.cli.streams import printable

    return printable(argument.strip())


def _parse_boxes(text: str) -> list[list[float]]:
    boxes = []
    for part in BETWEEN.sub(";", text).split(";"):
        bare = part.strip(" \t\n[]()")
        if not bare:
            continue
        words = re.split(r"\s*,\s*|\s+", bare)
        if len(words) != 4:
            raise UsageError(
                f"A box is four numbers with commas or blanks between, but {_shown(part)} has {len(words)}."
            )
        try:
            boxes.append([float(w) for w in words])
        except ValueError:
            raise UsageError(f"A box is four numbers with commas or blanks between, not {_shown(part)}.") from None
    if text.count("[") != text.count("]") or text.count("(") != text.count(")"):
        raise UsageError(f"The brackets of {_shown(text)} do not match.")
    return boxes
