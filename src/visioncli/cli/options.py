"""The options that every task shares, declared once."""

import copy
import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from visioncli.cli import completion
from visioncli.inputs.follow import Watching
from visioncli.inputs.sources import DEFAULT_EXCLUDE
from visioncli.sinks.names import FORMATS

INPUT_HELP = "Files, folders, archives, quoted globs, URLs (http, s3, gs, hf ...), or - for paths on stdin."
WITHOUT_VIDEOS: dict[str, Any] = {"every": None, "start": None, "end": None}
"""Options that mean nothing to commands that take no videos."""


class AnnotatedKind(StrEnum):
    """File types of annotated pictures."""

    JPG = "jpg"
    PNG = "png"
    NONE = "none"


class PrintKind(StrEnum):
    """What standard output holds."""

    AUTO = "auto"
    TABLE = "table"
    JSONL = "jsonl"
    PATHS = "paths"
    NONE = "none"


class EngineKind(StrEnum):
    """What runs the network."""

    AUTO = "auto"
    TORCH = "torch"
    ONNX = "onnx"


class Precision(StrEnum):
    """The numbers that the network computes with."""

    AUTO = "auto"
    FP32 = "fp32"
    INT8 = "int8"
    FP16 = "fp16"
    BF16 = "bf16"


_PICTURES = "Pictures"
_RUNNING = "Running"
_OUTPUT = "Output"


@dataclass(frozen=True)
class FrameOptions:
    """What the user asked for, as far as it is the same in every task."""

    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help=INPUT_HELP, show_default=False)]
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Output folder, also s3://BUCKET/... and others; - prints to stdout only.",
            rich_help_panel=_OUTPUT,
        ),
    ] = "vision-out"
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help="Also write {formats}; repeat or separate by commas.",
            autocompletion=completion.formats,
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    annotated: Annotated[
        AnnotatedKind,
        typer.Option("--annotated", help="Type of the annotated pictures.", rich_help_panel=_OUTPUT),
    ] = AnnotatedKind.JPG
    report: Annotated[
        bool,
        typer.Option("--report", help="Also make OUT/report/index.html of it all.", rich_help_panel=_OUTPUT),
    ] = False
    print: Annotated[
        PrintKind,
        typer.Option(
            "--print",
            help="What stdout holds; auto: a table on a terminal, else jsonl; paths: annotated pictures.",
            rich_help_panel=_OUTPUT,
        ),
    ] = PrintKind.AUTO
    json: Annotated[bool, typer.Option("--json", help="Short for --print jsonl.", rich_help_panel=_OUTPUT)] = False
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="No progress, warnings or summary; errors only.", rich_help_panel=_OUTPUT),
    ] = False
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="Which network: see `vision models`; also RUN, timm:NAME, hf:NAME_OR_PATH, onnx:FILE.",
            autocompletion=completion.models,
            rich_help_panel=_RUNNING,
        ),
    ] = None
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FILE", help="Your own checkpoint: .pth or .safetensors.", rich_help_panel=_RUNNING
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="FILE", help="Its class names, one a line.", rich_help_panel=_RUNNING),
    ] = None
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Fetch no weights; only pictures given as URLs use the network. [env: VISION_OFFLINE=1]",
            rich_help_panel=_RUNNING,
        ),
    ] = False
    batch_size: Annotated[
        str,
        typer.Option(
            "--batch-size",
            "-b",
            metavar="N|auto",
            help="Pictures a step; never changes results.",
            rich_help_panel=_RUNNING,
        ),
    ] = "auto"
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            "-j",
            metavar="N",
            min=1,
            max=256,
            help="Decoding threads.",
            rich_help_panel=_RUNNING,
            show_default="the CPUs",
        ),
    ] = None
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="NAME",
            help="auto, cpu, cuda, cuda:N or mps.",
            rich_help_panel=_RUNNING,
            autocompletion=completion.words("auto", "cpu", "cuda", "mps"),
        ),
    ] = "auto"
    engine: Annotated[
        EngineKind,
        typer.Option("--engine", help="What runs the network; onnx is faster on a CPU.", rich_help_panel=_RUNNING),
    ] = EngineKind.AUTO
    precision: Annotated[
        Precision,
        typer.Option("--precision", help="int8 is for CPUs, half precisions are for GPUs.", rich_help_panel=_RUNNING),
    ] = Precision.AUTO
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            min=1,
            max=1024,
            help="Threads of the network.",
            rich_help_panel=_RUNNING,
            show_default="the CPUs",
        ),
    ] = None
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Skip inputs that an earlier run into -o finished.", rich_help_panel=_RUNNING),
    ] = False
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Only part I of N of the inputs, into a folder of its own; `vision merge` joins them.",
            rich_help_panel=_RUNNING,
        ),
    ] = None
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="ray[://HOST:PORT]",
            help="Do the work on a Ray cluster: of this machine, or the one there.",
            rich_help_panel=_RUNNING,
        ),
    ] = None
    actors: Annotated[
        int | None,
        typer.Option(
            "--actors",
            metavar="N",
            min=1,
            max=4096,
            help="With --on: networks that work at the same time.",
            rich_help_panel=_RUNNING,
            show_default="by the cluster's CPUs",
        ),
    ] = None
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first failure.", rich_help_panel=_RUNNING)
    ] = False
    null: Annotated[
        bool,
        typer.Option("-0", "--null", help="Paths on stdin or --print paths end with NUL.", rich_help_panel=_PICTURES),
    ] = False
    exclude: Annotated[
        list[str],
        typer.Option(
            "--exclude",
            metavar="GLOB",
            help="Leave such files out of folders and archives; repeat for more.",
            rich_help_panel=_PICTURES,
        ),
    ] = field(default_factory=lambda: list(DEFAULT_EXCLUDE))
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Take CSV and Parquet files for lists: their column of paths or of pictures.",
            rich_help_panel=_PICTURES,
        ),
    ] = None
    pages: Annotated[
        str | None,
        typer.Option(
            "--pages",
            metavar="all|1-3,7",
            help="Pages of TIFF and PDF and frames of GIF, a record each.",
            show_default="the first one",
            rich_help_panel=_PICTURES,
        ),
    ] = None
    dpi: Annotated[
        float,
        typer.Option(
            "--dpi",
            metavar="N",
            min=1,
            max=2400,
            help="Dots an inch of the pages of PDF.",
            rich_help_panel=_PICTURES,
        ),
    ] = 150.0
    max_pixels: Annotated[
        int,
        typer.Option(
            "--max-pixels", metavar="N", min=1, help="Larger pictures are refused.", rich_help_panel=_PICTURES
        ),
    ] = 179_000_000
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            help="Longest time for reading one picture, and, with the engine onnx, for the network on it.",
            rich_help_panel=_PICTURES,
        ),
    ] = 60.0
    exact_decode: Annotated[
        bool,
        typer.Option(
            "--exact-decode",
            help="Decode, and draw on, large JPEGs in full where a part of their pixels would do.",
            rich_help_panel=_PICTURES,
        ),
    ] = False
    allow_truncated: Annotated[
        bool,
        typer.Option("--allow-truncated", help="Take what a cut-off file holds.", rich_help_panel=_PICTURES),
    ] = False
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="1s|10f",
            help="Of videos, a frame each so many seconds, or each so many frames.",
            show_default="all",
            rich_help_panel=_PICTURES,
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="Of videos, from here: seconds or hh:mm:ss.", rich_help_panel=_PICTURES
        ),
    ] = None
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Of videos, up to here.", rich_help_panel=_PICTURES),
    ] = None
    given: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """All options of the command by name, its own included: no option itself."""
    watching: Watching | None = field(default=None, kw_only=True)
    """How the inputs are watched, where `vision watch` is what was typed: no option itself."""


NO_OPTIONS = ("given", "watching")
"""Fields of FrameOptions that are none."""


def _default(option: "dataclasses.Field[Any]") -> Any:
    if option.default_factory is not dataclasses.MISSING:
        return option.default_factory()
    return inspect.Parameter.empty if option.default is dataclasses.MISSING else option.default


def _for_command(annotation: Any, command: str) -> Any:
    """The annotation of a shared option, with what is special to one command in its help."""
    kind, option = annotation.__origin__, copy.copy(annotation.__metadata__[0])
    option.help = (option.help or "").replace("{formats}", ", ".join(FORMATS.get(command, ())))
    return Annotated[kind, option]


def with_frame_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command all frame options beside its own; it receives them as its first argument."""
    return frame_options_but()(command)


def frame_options_but(**instead: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As `with_frame_options`, for a command to which some options mean nothing: those have the values of `instead`.

    Typer reads a command's options from its signature, so the merged signature is what it is shown.
    """
    return functools.partial(_merged, instead=instead)


def _merged(command: Callable[..., None], instead: dict[str, Any]) -> Callable[..., None]:
    hints = typing.get_type_hints(FrameOptions, include_extras=True)
    shared = [
        inspect.Parameter(
            f.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=_for_command(hints[f.name], command.__name__),
            default=_default(f),
        )
        for f in dataclasses.fields(FrameOptions)
        if f.name not in NO_OPTIONS and f.name not in instead
    ]
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    merged = [*shared[:1], *own, *shared[1:]]

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        given = dict(values)
        frame = FrameOptions(given=given, **{p.name: values.pop(p.name) for p in shared}, **instead)
        command(frame, **values)

    keyword = inspect.Parameter.KEYWORD_ONLY
    wrapper.__signature__ = inspect.Signature([p.replace(kind=keyword) for p in merged])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in merged}
    # For commands that are made of this one.
    wrapper.instead = instead  # type: ignore[attr-defined]
    return wrapper
