"""`vision train`: a network of one's own, from pictures with classes, masks or boxes."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.choices import MOST_SEED
from visioncli.cli.options import FrameOptions
from visioncli.cli.some_options import with_options
from visioncli.errors import UsageError

if TYPE_CHECKING:
    from visioncli.training.train import Run

UNFREEZE = ("none", "last", "all")
FROM = ("pretrained", "scratch")
AUGMENT = ("none", "flip", "standard", "strong")
BALANCE = ("auto", "none")
TASKS = ("classify", "segment", "detect", "generate", "translate")
"""Words that options take: their meaning is imported where they are used. A test holds them to it."""
_DATA, _LEARNING, _RUNNING = "Data", "Learning", "Running"


class TrainPrecision(StrEnum):
    """The numbers that the network is trained with."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


def _one_of(option: str, words: tuple[str, ...], text: str, panel: str, default: str | bool = True) -> object:
    return typer.Option(
        option,
        metavar=f"[{'|'.join(words)}]",
        help=text,
        show_default=default,
        autocompletion=completion.words(*words),
        rich_help_panel=panel,
    )


@with_options("quiet", "offline", "workers", "threads", "device")
def train(
    frame: FrameOptions,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Class folders of pictures or recordings, a CSV path,label, a zip, annotations (--crops), a set of "
            "`vision datasets`; folders images and masks, COCO outlines (--task segment); annotations of boxes "
            "(--task detect); a folder with trainA and trainB, or any two (--task translate).",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="Folder for the network and all about it.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            "-t",
            metavar=f"[{'|'.join(TASKS)}]",
            help="Learn classes of pictures, masks or boxes; to make pictures like them, or one kind of another.",
            show_default="by the folders of DATA",
            autocompletion=completion.words(*TASKS),
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="What to begin with.",
            show_default="by the task",
            autocompletion=completion.network_names,
        ),
    ] = None,
    start: Annotated[
        str | None,
        _one_of("--from", FROM, "What the network knows at the start.", _LEARNING, "pretrained, where it can be"),
    ] = None,
    unfreeze: Annotated[
        str | None,
        _one_of(
            "--unfreeze",
            UNFREEZE,
            "Which layers go on learning after the head.",
            _LEARNING,
            "none; masks and many boxes: all",
        ),
    ] = None,
    augment: Annotated[
        str, _one_of("--augment", AUGMENT, "How much pictures are changed each time; see augmented.jpg.", _LEARNING)
    ] = "standard",
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror",
            help="Whether a mirrored picture is of the same class.",
            show_default="yes, but for digits and letters",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    turns: Annotated[
        bool | None,
        typer.Option(
            "--turns/--no-turns",
            help="Masks: whether pictures may be turned by quarters.",
            show_default="yes where all are squares of one size",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time",
            metavar="TIME",
            help="The whole command ends within this: 90s, 10m, 2h.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            metavar="N",
            help="Times that each picture is seen.",
            show_default="5 to 30; others to 100",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(
            "--patience",
            metavar="N",
            min=1,
            help="Epochs without progress before it ends.",
            rich_help_panel=_LEARNING,
        ),
    ] = 10,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            metavar="PIXELS",
            help="Side of the network's input; of the crops that masks are learned from.",
            show_default="its own; tiny: 128; crops: 256",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            "-b",
            metavar="N",
            help="Pictures a step.",
            show_default="8 to 64, by their number",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            metavar="R",
            help="Highest learning rate.",
            show_default="0.0006 to 0.002",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            "--dropout",
            metavar="P",
            help="Before the last layer.",
            show_default="0.2; masks: 0",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="Begin with these weights for the network of --model.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(
            "--views",
            metavar="K",
            help="Augmented views of each picture among the frozen features.",
            show_default="0 to 8, by their number",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    balance: Annotated[
        str, _one_of("--balance", BALANCE, "auto weighs rare classes more where numbers differ twofold.", _LEARNING)
    ] = "auto",
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            max=MOST_SEED,
            help="Of the split and of all chance.",
            rich_help_panel=_LEARNING,
        ),
    ] = 0,
    check: Annotated[
        bool, typer.Option("--check", help="Look at the pictures, and stop there.", rich_help_panel=_DATA)
    ] = False,
    crops: Annotated[
        bool,
        typer.Option("--crops", help="COCO or VOC annotations: each box is a picture.", rich_help_panel=_DATA),
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", metavar="DIR", help="The pictures' folder, where it is elsewhere.", rich_help_panel=_DATA
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names",
            metavar="FILE",
            help="Masks: names of the classes from 0 on, one a line.",
            show_default="DATA/classes.txt",
            rich_help_panel=_DATA,
        ),
    ] = None,
    palette: Annotated[
        Path | None,
        typer.Option(
            "--palette",
            metavar="FILE",
            help="Masks in colours: lines `r g b name`, such as CamVid's label_colors.txt.",
            show_default="DATA/label_colors.txt",
            rich_help_panel=_DATA,
        ),
    ] = None,
    ignore_index: Annotated[
        int | None,
        typer.Option(
            "--ignore-index",
            metavar="N",
            help="Masks: the number of pixels that do not count; -1 for none.",
            show_default="255, but in masks of two numbers",
            rich_help_panel=_DATA,
        ),
    ] = None,
    identity: Annotated[
        float | None,
        typer.Option(
            "--identity",
            metavar="W",
            help="translate: weight of the loss that keeps colours; none, but 5 in the paper for paintings.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option(
            "--judge",
            metavar="RUN",
            help="generate: a classifier of the same pictures, by whose features made ones are compared.",
            show_default="an embedded one",
            rich_help_panel=_DATA,
        ),
    ] = None,
    val: Annotated[
        float | None,
        typer.Option(
            "--val",
            metavar="P",
            help="Share for validation, where DATA has no such part.",
            show_default="0.2; of many pictures 0.1",
            rich_help_panel=_DATA,
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="folder|REGEX",
            help="Pictures of one source stay on one side: by their folder, or by what matches in the path.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    allow_leaks: Annotated[
        bool,
        typer.Option("--allow-leaks", help="Train though pictures are in two splits.", rich_help_panel=_DATA),
    ] = False,
    mirror_url: Annotated[
        str | None,
        typer.Option(
            "--mirror-url",
            metavar="URL",
            help="Fetch sets and weights from here. [env: VISION_WEIGHTS_MIRROR]",
            rich_help_panel=_DATA,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where RUN was killed.", rich_help_panel=_RUNNING)
    ] = False,
    devices: Annotated[
        int,
        typer.Option(
            "--devices", metavar="N", min=1, help="Processes that share the work.", rich_help_panel=_RUNNING
        ),
    ] = 1,
    precision: Annotated[
        TrainPrecision,
        typer.Option("--precision", help="auto: half on a GPU, fp32 elsewhere.", rich_help_panel=_RUNNING),
    ] = TrainPrecision.AUTO,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Also write RUN/tensorboard (extra train).", rich_help_panel=_RUNNING),
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Also make RUN/report/index.html of its validation pictures.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Train on your own pictures: classes by a head on frozen features in seconds, or all layers; masks; boxes.

    RUN is then a model: `vision classify photo.jpg --model RUN`, or `vision segment`, `vision detect`. Numbers are
    those of pictures that it did not see.
    """
    if out is None and not check:
        raise UsageError("Say where the network goes: -o RUN.")
    import sys

    from visioncli.cli.training import TrainingConsole, show
    from visioncli.status import Status

    choices = {
        "augment": augment,
        "mirror": mirror,
        "turns": turns,
        "ignore_index": ignore_index,
        "seconds": None if time is None else seconds_of(time),
        "epochs": epochs,
        "patience": patience,
        "size": size,
        "batch_size": batch_size,
        "rate": rate,
        "dropout": dropout,
        "identity": identity,
        "views": views,
        "balance": balance,
        "seed": seed,
        "val_share": val,
        "group": group,
        "allow_leaks": allow_leaks,
    }
    # What the task decides, where nobody says otherwise.
    choices |= {name: word for name, word in (("start", start), ("unfreeze", unfreeze)) if word is not None}
    console = TrainingConsole(out or Path("."), quiet=frame.quiet, tensorboard=tensorboard and not check)
    run: Run | None = console.train(
        data,
        out or Path("."),
        frame,
        {
            "task": task,
            "model": model,
            "weights": None if weights is None else str(weights),
            "crops": crops,
            "images": None if images is None else str(images),
            "names": None if names is None else str(names),
            "palette": None if palette is None else str(palette),
            "judge": None if judge is None else str(judge),
            "mirror_url": mirror_url,
        },
        {"devices": devices, "precision": precision.value},
        check=check,
        resume=resume,
        command=["vision", *sys.argv[1:]],
        choices=choices,
    )
    if run is not None:
        show(run, as_json=json)
    made = run is None or not report or console.report(frame)
    if console.unreadable or not made:
        raise typer.Exit(Status.SOME_FAILED)


def seconds_of(text: str) -> float:
    """`90s`, `10m`, `2h`, `1.5h` or a number of seconds. Raises UsageError."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
    number, unit = (text[:-1], units[text[-1:]]) if text[-1:] in units else (text, 1.0)
    try:
        return float(number) * unit
    except ValueError:
        raise UsageError(f"--time takes a number with s, m or h, such as 90s or 10m, not {text!r}.") from None
