"""`vision report`: a page that shows what runs answered, and where they are wrong."""

from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli.choices import MOST_SEED
from visioncli.cli.options import FrameOptions
from visioncli.cli.some_options import with_options

_TRUTH, _PAGE = "Truth", "Page"


@with_options("quiet", "workers", "max_pixels")
def report(
    frame: FrameOptions,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="OUT...", help="One to three output folders, RUN folders or files of records.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", help="The report's folder.", rich_help_panel=_PAGE),
    ] = Path("vision-report"),
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            metavar="TRUTH",
            help="COCO, VOC, YOLO, class folders, a CSV path,label, or label maps.",
            show_default="what stands beside the records",
            rich_help_panel=_TRUTH,
        ),
    ] = None,
    iou: Annotated[
        float,
        typer.Option(
            "--iou",
            metavar="IOU",
            help="Overlap from which an object is found; of label maps, from which a picture is right.",
            rich_help_panel=_TRUTH,
        ),
    ] = 0.5,
    bootstrap: Annotated[
        int,
        typer.Option(
            "--bootstrap",
            metavar="N",
            min=0,
            max=100_000,
            help="Resamples behind each 95 % interval; 0 for none.",
            rich_help_panel=_TRUTH,
        ),
    ] = 1000,
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="N", min=0, max=MOST_SEED, help="Of the resamples.", rich_help_panel=_TRUTH),
    ] = 0,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="NAME", help="Which part of TRUTH, where it has several.", rich_help_panel=_TRUTH
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names",
            metavar="FILE",
            help="YOLO and label maps: class names, one a line.",
            rich_help_panel=_TRUTH,
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            help="Where the pictures are now, if they have moved.",
            rich_help_panel=_PAGE,
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Also put copies of 1024 pixels beside the page.", rich_help_panel=_PAGE),
    ] = False,
    single_file: Annotated[
        bool,
        typer.Option("--single-file", help="All in one file, DIR.html: up to 200 pictures.", rich_help_panel=_PAGE),
    ] = False,
    zip_: Annotated[
        bool, typer.Option("--zip", help="Also pack the folder: DIR.zip.", rich_help_panel=_PAGE)
    ] = False,
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="WORDS", help="Of the page.", rich_help_panel=_PAGE),
    ] = None,
) -> None:
    """Make a page of what runs answered: filter, sort, compare, and find what is wrong. It opens without a server.

    With --truth, or for a RUN of `vision train`, it knows right from wrong.
    """
    from visioncli.cli.reporting import make
    from visioncli.evaluation.score import Resampling
    from visioncli.report.build import Request

    make(
        Request(
            runs=tuple(runs),
            out=out,
            truth=truth,
            title=title,
            iou=iou,
            how=Resampling(bootstrap, seed),
            split=split,
            images=images,
            names=names,
            full=full,
            single_file=single_file,
            zip=zip_,
            max_pixels=frame.max_pixels,
        ),
        frame,
    )
