"""`vision merge`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli.choices import member
from visioncli.cli.shared_options import QuietOption, TruthIdsOption
from visioncli.status import Status

HOW = ("copy", "move", "leave")


def merge(
    shards: Annotated[
        list[str],
        typer.Argument(
            metavar="OUT...", help="Folders that `--shard I/N` wrote to, or those above them.", show_default=False
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="The merged folder.")] = "vision-out",
    files: Annotated[
        str,
        typer.Option(
            "--files",
            metavar=f"[{'|'.join(HOW)}]",
            help="Annotated pictures and other files of a picture: copy, move, or leave them where they are.",
        ),
    ] = "copy",
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Merge what is there where shards or inputs are missing.")
    ] = False,
    images: TruthIdsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Join the shards of one run into one folder, as if one machine had done it.

    Nothing is written unless all N shards are there, finished and of the same command. Exit status 1 means that
    shards or inputs are missing, and standard error says which.
    """
    from visioncli.cli.interrupts import program as interrupts
    from visioncli.cli.request import output_folder
    from visioncli.cli.terminal import Console
    from visioncli.errors import UsageError
    from visioncli.inputs.addresses import without_credentials
    from visioncli.merging.files import Files
    from visioncli.merging.merge import Merge
    from visioncli.sinks.formats import tidy
    from visioncli.sinks.stores import is_store

    if is_store(out):
        raise UsageError(f"vision merge writes to a folder of this machine, not to {without_credentials(out)}.")
    how = member(Files, files, "--files")
    console = Console(quiet=quiet)
    start = time.perf_counter()
    joined = Merge(shards, how, images)
    target = Path(out)
    interrupts.begin()
    with interrupts.armed():
        lacking = joined.check(target, interrupts.check)
        for sentence in lacking.in_words():
            console.error(sentence)
        if lacking and not allow_missing:
            console.error("Nothing was merged. --allow-missing merges what is there.")
            raise typer.Exit(int(Status.SOME_FAILED))
        with output_folder(target) as folder:
            assert folder is not None
            with console.progress(lambda: None) as advance:
                merged, documents, notes = joined.write(folder, advance, interrupts.held)
            if not lacking:
                notes = [*notes, *tidy(folder, joined.task, joined.formats)]
    for sentence in notes:
        console.note(sentence)
    for document in documents:
        if document.remark:
            console.warning(document.remark)
    failures = f", {merged.failed:,} of them failures," if merged.failed else ""
    console.note(
        f"merged {len(joined.parts):,} shards: {merged.records:,} records{failures} in "
        f"{time.perf_counter() - start:.1f} s. Results: {target / 'predictions.jsonl'}"
    )
    if lacking:
        raise typer.Exit(int(Status.SOME_FAILED))
