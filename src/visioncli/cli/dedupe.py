"""`vision dedupe`."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from visioncli.cli.options import INPUT_HELP, WITHOUT_VIDEOS, FrameOptions, Precision, frame_options_but
from visioncli.errors import UsageError

_LEFT_OUT: dict[str, Any] = {
    "inputs": [],
    "precision": Precision.FP32,
    "resume": False,
    **WITHOUT_VIDEOS,
    "shard": None,  # the answer needs all pictures together
    "fail_fast": False,
}
_MOVING = "What to do with them"


class Find(StrEnum):
    """How far two pictures may be apart."""

    SAME = "same"
    NEAR = "near"


@frame_options_but(**_LEFT_OUT)
def dedupe(
    frame: FrameOptions,
    pictures: Annotated[
        list[str] | None, typer.Argument(metavar="INPUT...", help=INPUT_HELP, show_default=False)
    ] = None,
    find: Annotated[
        Find,
        typer.Option(
            "--find", help="near: also cropped or brightened ones; same: re-encoded and resized, no network."
        ),
    ] = Find.NEAR,
    mirrored: Annotated[bool, typer.Option("--mirrored", help="Mirror images are duplicates too.")] = False,
    move: Annotated[
        Path | None,
        typer.Option("--move", metavar="DIR", help="Move all but the kept ones there.", rich_help_panel=_MOVING),
    ] = None,
    link: Annotated[
        Path | None,
        typer.Option("--link", metavar="DIR", help="Make a folder of links for each group.", rich_help_panel=_MOVING),
    ] = None,
    undo: Annotated[
        Path | None,
        typer.Option("--undo", metavar="JOURNAL", help="Take back a --move or --link.", rich_help_panel=_MOVING),
    ] = None,
) -> None:
    """Find pictures that are there more than once: equal, re-encoded, resized, cropped or brightened.

    Says which one of each group to keep and why. Nothing is deleted; what --move and --link do, --undo takes back.
    """
    from visioncli.cli import duplicates
    from visioncli.cli.terminal import Console

    console = Console(quiet=frame.quiet)
    if undo is not None:
        if pictures or move or link:
            raise UsageError("--undo goes alone: vision dedupe --undo JOURNAL.")
        raise typer.Exit(int(duplicates.take_back(undo, console)))
    if not pictures:
        raise UsageError("INPUT... is missing: name the pictures among which to look, such as vision dedupe photos.")
    if move and link:
        raise UsageError("Give --move or --link, not both.")
    target = move or link
    if target is not None:
        duplicates.check_apart(target, pictures)
    wish = duplicates.Wish(find is Find.NEAR, mirrored, "link" if link else "move", target)
    raise typer.Exit(int(duplicates.find(dataclasses.replace(frame, inputs=pictures), wish, console)))
