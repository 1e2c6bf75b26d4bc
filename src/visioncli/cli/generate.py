"""`vision generate`: pictures that a network makes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.choices import MOST_SEED
from visioncli.cli.options import FrameOptions
from visioncli.cli.some_options import with_options
from visioncli.errors import UsageError
from visioncli.sinks.names import FORMATS

MOST = 100_000
"""Pictures of one run."""
MOST_FRAMES = 10_000
"""Of an animation, all of which are in memory at once."""
_USED_FOR = {
    "--number": ("",),
    "--seed": ("",),
    "--truncation": ("", "--walk", "--mix"),
    "--frames": ("--walk",),
    "--animation": ("--walk",),
    "--steps": ("--project",),
}
"""With which other option each of these means something; "" stands for none."""
_KINDS = "Other things than pictures"


class Animation(StrEnum):
    """File types of animations."""

    GIF = "gif"
    WEBP = "webp"
    APNG = "apng"


@with_options("json", "quiet", "offline", "device", "threads")
def generate(
    frame: FrameOptions,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="DIR", help="Output folder; - prints to stdout only.")
    ] = "vision-out",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help=f"Also write {', '.join(FORMATS['generate'])}; repeat or separate by commas.",
            autocompletion=completion.formats,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="digits_dcgan, or RUN, a folder of `vision train --task generate`.",
            show_default="digits_dcgan",
            autocompletion=completion.network_names,
        ),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option(
            "--number",
            "-n",
            metavar="N",
            min=1,
            max=MOST,
            help="So many pictures, of seeds in a row.",
            show_default="16",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            max=MOST_SEED,
            help="The first one's seed; a seed is a picture.",
            show_default="1",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="The class of all, by name or number.",
            show_default="each in turn, by the seed",
        ),
    ] = None,
    truncation: Annotated[
        float | None,
        typer.Option(
            "--truncation",
            metavar="T",
            min=0.0,
            max=1.0,
            help="Below 1: nearer to the usual, and less various.",
            show_default="1",
        ),
    ] = None,
    walk: Annotated[
        str | None,
        typer.Option(
            "--walk", metavar="A:B", help="An animation from seed to seed: 1:7, 1:7:4 …", rich_help_panel=_KINDS
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames",
            metavar="N",
            min=2,
            max=2000,
            help="Of a walk, from a seed to the next.",
            show_default="30",
            rich_help_panel=_KINDS,
        ),
    ] = None,
    animation: Annotated[
        Animation | None,
        typer.Option("--animation", help="File type of the walk.", show_default="gif", rich_help_panel=_KINDS),
    ] = None,
    mix: Annotated[
        str | None,
        typer.Option(
            "--mix",
            metavar="A,B:C,D",
            help="A table: coarse styles of the first seeds, fine ones of the others (style_generator).",
            rich_help_panel=_KINDS,
        ),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="PHOTO",
            help="The nearest picture to this one that the network can make.",
            rich_help_panel=_KINDS,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="N",
            min=0,
            max=100_000,
            help="Of the search for it.",
            show_default="300",
            rich_help_panel=_KINDS,
        ),
    ] = None,
) -> None:
    """Make pictures: of seeds, of a class, between seeds, or the nearest to a picture.

    digits_dcgan comes with this program. The same seed gives the same picture, however many are made.
    """
    chosen = [name for name, value in (("--walk", walk), ("--mix", mix), ("--project", project)) if value is not None]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} make different things. Give one of them.")
    _check_use(
        chosen[0] if chosen else "",
        {
            "--number": number,
            "--seed": seed,
            "--truncation": truncation,
            "--frames": frames,
            "--animation": animation,
            "--steps": steps,
        },
    )
    frames = 30 if frames is None else frames
    walked = seeds_of(walk, ":", "--walk", "1:7") if walk is not None else None
    if walked is not None and (count := (len(walked) - 1) * (frames - 1) + 1) > MOST_FRAMES:
        raise UsageError(f"--walk would make {count:,} pictures; an animation has at most {MOST_FRAMES:,}: --frames.")
    mixed = _table(mix) if mix is not None else None
    from visioncli.cli.generating import Asked, Generating

    asked = Asked(
        out, formats, model or "digits_dcgan", label, 1.0 if truncation is None else truncation, number or 16,
        1 if seed is None else seed, walked, frames, (animation or Animation.GIF).value, mixed, project,
        300 if steps is None else steps,
    )  # fmt: skip
    raise typer.Exit(Generating(frame, asked).run())


def _check_use(kind: str, given: dict[str, object]) -> None:
    """Raises UsageError where an option that was `given`, not None, means nothing for this kind of thing."""
    for option, value in given.items():
        if value is not None and kind not in _USED_FOR[option]:
            where = " or ".join(one for one in _USED_FOR[option] if one)
            if not kind:
                raise UsageError(f"{option} goes with {where}. Leave it out, or add that.")
            raise UsageError(f"{option} means nothing with {kind}. Leave one of them out.")


def seeds_of(text: str, between: str, option: str, such_as: str) -> list[int]:
    """Two seeds or more. Raises UsageError."""
    parts = [part.strip() for part in text.split(between)]
    if len(parts) < 2 or not all(map(_is_seed, parts)):
        raise UsageError(
            f"{option} takes seeds, whole numbers from 0 to {MOST_SEED}, such as {such_as}, not {text!r}."
        )
    return [int(part) for part in parts]


def _is_seed(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_SEED)) and int(text) <= MOST_SEED


def _table(text: str) -> tuple[list[int], list[int]]:
    """The seeds of coarse and of fine styles. Raises UsageError."""
    sides = text.split(":")
    numbers = [[part.strip() for part in side.split(",")] for side in sides]
    if len(sides) != 2 or not all(_is_seed(n) for side in numbers for n in side):
        raise UsageError(f"--mix takes seeds of coarse styles and of fine ones, such as 1,2,3:4,5, not {text!r}.")
    coarse, fine = ([int(n) for n in side] for side in numbers)
    if len(coarse) * len(fine) > MOST:
        raise UsageError(f"--mix would make {len(coarse) * len(fine):,} pictures; at most {MOST:,} are made.")
    return coarse, fine
