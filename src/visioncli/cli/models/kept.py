"""What the cache holds of networks, how much room it takes, and `vision models remove`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.errors import UsageError
from visioncli.models.row import Carrier, Download, ModelRow, Packaged

MaybeNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME...]",
        help="Networks of `vision models`, or RUN folders.",
        show_default=False,
        autocompletion=completion.network_names,
    ),
]


def remove(
    names: MaybeNames = None,
    features: Annotated[
        bool, typer.Option("--features", help="Only features of pictures; without NAME those by all networks.")
    ] = False,
    all_models: Annotated[bool, typer.Option("--all", help="What is kept of all networks.")] = False,
) -> None:
    """Remove downloaded weights, and what was made of them: converted files, compiled networks, features of pictures.

    A RUN folder itself and data sets stay as they are.
    """
    from visioncli.resolve import named

    if bool(names) == all_models and not (features and not names):
        raise UsageError("Name networks, or say --all, or --features.")
    if not names:
        for what, files in kept_files().items():
            if what == FEATURES or not features:
                _say(what, _freed(files))
        return
    for row in [named(name, check=False) for name in names]:
        _say(row.name, _freed(_files_of(row, only_features=features)))


def _say(what: str, freed: int) -> None:
    said = f"{freed / 2**20:.1f} MiB freed" if freed else "nothing was there"
    sys.stderr.write(f"vision: {what}: {said}.\n")


def _freed(files: list[Path]) -> int:
    from visioncli.weights.downloads import remove_file

    return sum(map(remove_file, files))


def _files_of(row: ModelRow, *, only_features: bool) -> list[Path]:
    """What may be in the cache of one network."""
    from visioncli.engines.compile import compiled_files
    from visioncli.features.files import stored_files
    from visioncli.weights.downloads import files_of
    from visioncli.weights.places import converted_file

    found = stored_files(row)
    if only_features:
        return found
    if isinstance(row.source, Download | Packaged):
        found += files_of(row.source)
    if isinstance(row.source, Carrier | Packaged):
        found.append(converted_file(row.name, row.source))
    return [*found, *compiled_files(row)]


FEATURES = "features of pictures"


def kept_files() -> dict[str, list[Path]]:
    """The files in the cache that have to do with networks, by what they hold."""
    from visioncli.engines.compile import all_compiled
    from visioncli.features.files import stored_files
    from visioncli.models.registry import all_rows
    from visioncli.weights.downloads import files_of
    from visioncli.weights.places import all_converted

    fetched = [row.source for row in all_rows() if isinstance(row.source, Download | Packaged)]
    downloads = [path for source in fetched for path in files_of(source)]
    return {
        "downloaded weights": [path for path in downloads if path.is_file()],
        "converted weights": all_converted(),
        "compiled networks": all_compiled(),
        FEATURES: stored_files(),
    }


def room_taken() -> str:
    """A sentence about how much room the cache takes, and for what."""
    from visioncli.weights.places import cache_folder

    sizes = {what: sum(path.stat().st_size for path in files) for what, files in kept_files().items()}
    parts = ", ".join(f"{what} {size / 2**20:.1f} MiB" for what, size in sizes.items() if size)
    return f"{cache_folder()} holds {parts}." if parts else f"{cache_folder()} holds nothing of networks."
