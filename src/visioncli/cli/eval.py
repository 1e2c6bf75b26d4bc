"""`vision eval`: predict and score in one go, with intervals, and with the difference between networks."""

from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.choices import MOST_SEED
from visioncli.cli.options import FrameOptions
from visioncli.cli.some_options import with_options
from visioncli.errors import UsageError
from visioncli.names import did_you_mean

TASKS = ("classify", "detect", "segment", "pose")
SPLITS = ("val", "test", "train", "all")
"""Words that options take. A test holds them to their meaning."""
_SCORING, _PICTURES, _OUTPUT = "Scoring", "Pictures", "Output"


@with_options(
    "quiet",
    "offline",
    "batch_size",
    "workers",
    "device",
    "engine",
    "precision",
    "threads",
    "max_pixels",
    "timeout",
    "exact_decode",
    "allow_truncated",
)
def evaluate(
    frame: FrameOptions,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Class folders, a CSV path,label, a standard set; or COCO, VOC or YOLO annotations, or label maps.",
        ),
    ],
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN...]", help="Folders that `vision train` wrote.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME,...",
            help="Networks: see `vision models`; also timm:NAME, hf:NAME_OR_PATH, onnx:FILE.",
            autocompletion=completion.models,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar=f"[{'|'.join(TASKS)}]",
            help="What the networks do, where DATA does not say.",
            autocompletion=completion.words(*TASKS),
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar=f"[{'|'.join(SPLITS)}]",
            help="Which part of DATA.",
            show_default="test, else val, else all",
            autocompletion=completion.words(*SPLITS),
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            help="Annotations and label maps: the folder of the pictures.",
            show_default="beside DATA",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    skip_unknown: Annotated[
        bool,
        typer.Option(
            "--skip-unknown",
            help="Leave out pictures (and objects) of classes that a network does not know.",
            rich_help_panel=_PICTURES,
        ),
    ] = False,
    allow_leaks: Annotated[
        bool,
        typer.Option(
            "--allow-leaks", help="Also count pictures that a RUN was trained on.", rich_help_panel=_PICTURES
        ),
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="COLUMN", help="The numbers for each value of this column.", rich_help_panel=_SCORING
        ),
    ] = None,
    stress: Annotated[
        bool,
        typer.Option(
            "--stress",
            help="Also with the pictures made worse: jpeg, blur, noise, dark, contrast, small.",
            rich_help_panel=_SCORING,
        ),
    ] = False,
    bootstrap: Annotated[
        int,
        typer.Option(
            "--bootstrap",
            metavar="N",
            min=0,
            max=100_000,
            help="Resamples behind each 95 % interval; 0 for none.",
            rich_help_panel=_SCORING,
        ),
    ] = 1000,
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="N", min=0, max=MOST_SEED, help="Of the resamples.", rich_help_panel=_SCORING),
    ] = 0,
    threshold: Annotated[
        float,
        typer.Option(
            "--iou", metavar="IOU", help="Boxes: overlap from which one is right.", rich_help_panel=_SCORING
        ),
    ] = 0.5,
    score: Annotated[
        float | None,
        typer.Option(
            "--score",
            metavar="P",
            help="Boxes: leave lower ones out of the counts.",
            show_default="0",
            rich_help_panel=_SCORING,
        ),
    ] = None,
    tta: Annotated[
        str | None,
        typer.Option(
            "--tta",
            metavar="WORD",
            help="As the task's own: none, flip; pose: crops too.",
            show_default="that of the task",
            rich_help_panel=_SCORING,
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names",
            metavar="FILE",
            help="YOLO and label maps: class names, one a line.",
            rich_help_panel=_SCORING,
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="NAMES", help="Print only these: top1,macro_f1.", rich_help_panel=_OUTPUT),
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under",
            metavar="NAME=NUMBER",
            help="Exit with 5 where a number is lower: top1=0.9,recall[cat]=0.8.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=_OUTPUT)
    ] = False,
    out: Annotated[
        str,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Folder for all numbers; - for none.", rich_help_panel=_OUTPUT
        ),
    ] = "vision-eval",
) -> None:
    """How good networks are on pictures whose answer is known, with 95 % intervals; and whether one is better.

    Of several networks the first is compared with each other one on the same pictures.
    """
    if task is not None and task not in TASKS:
        raise UsageError(f"--task is one of {', '.join(TASKS)}, not {task}.{did_you_mean(task, TASKS)}")

    from visioncli.cli.eval_session import Request
    from visioncli.cli.eval_truth import run_eval

    run_eval(
        Request(
            data=data,
            runs=tuple(runs or ()),
            model=model,
            task=task,
            split=split,
            images=images,
            skip_unknown=skip_unknown,
            allow_leaks=allow_leaks,
            by=by,
            stress=stress,
            bootstrap=bootstrap,
            seed=seed,
            threshold=threshold,
            score=score,
            tta=tta,
            names=names,
            only=only,
            fail_under=tuple(fail_under or ()),
            as_json=as_json,
            out=None if out == "-" else Path(out),
            frame=frame,
        )
    )
