"""`vision datasets`: standard sets of pictures with classes, by name. Imports neither torch nor numpy."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visioncli.cli import completion
from visioncli.cli.downloading import download_progress
from visioncli.cli.help_pages import Command, Group
from visioncli.cli.models.tables import mib, write_table
from visioncli.cli.shared_options import OfflineOption, QuietOption
from visioncli.cli.terminal import Console
from visioncli.errors import UsageError

if TYPE_CHECKING:
    from visioncli.labelled.standard import StandardSet

app = typer.Typer(
    cls=Group,
    help="Standard sets of pictures with classes: what there is, under which terms, and where their files are.",
    invoke_without_command=True,
    no_args_is_help=False,
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A set of `vision datasets`.",
        autocompletion=completion.standard_sets,
        show_default=False,
    ),
]
Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="Sets of `vision datasets`.", autocompletion=completion.standard_sets),
]
MaybeName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="A set of `vision datasets`.",
        autocompletion=completion.standard_sets,
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.callback()
def datasets(context: typer.Context, json: JsonOption = False) -> None:
    """List the standard sets, before anything is downloaded."""
    if context.invoked_subcommand is None:
        _show(json)
    elif json:
        raise UsageError(f"Options go behind the subcommand: vision datasets {context.invoked_subcommand} --help.")


def list_sets(json: JsonOption = False) -> None:
    """List the sets: how many pictures and classes, how much to download, under which terms."""
    _show(json)


def _show(as_json: bool) -> None:
    from visioncli.labelled.standard import SETS

    if as_json:
        _write_json(SETS.values())
        return
    head = ("name", "pictures", "test", "classes", "pixels", "download", "files", "terms", "about")
    cells = [
        (
            row.name,
            f"{row.pictures[0]:,}",
            f"{row.pictures[1]:,}",
            str(row.class_count),
            str(row.size),
            mib(row.bytes / 2**20),
            _state(row),
            row.terms,
            row.about,
        )
        for row in SETS.values()
    ]
    write_table(head, cells, right=(1, 2, 3, 4, 5), dispensable=(8, 4, 2, 7))


def _write_json(rows: Any) -> None:
    sys.stdout.writelines(json.dumps(_as_dict(row)) + "\n" for row in rows)


def _state(row: "StandardSet") -> str:
    from visioncli.labelled.standard import is_here

    return "here" if is_here(row) else "download"


def _as_dict(row: "StandardSet") -> dict[str, Any]:
    """A set as JSON values, with where its files are."""
    from visioncli.weights.downloads import place_of

    return {
        "name": row.name,
        "title": row.title,
        "about": row.about,
        "pictures": {"train": row.pictures[0], "test": row.pictures[1]},
        "classes": row.classes if isinstance(row.classes, int) else list(row.classes),
        "size": row.size,
        "terms": row.terms,
        "paper": row.paper,
        "extra": row.extra or None,
        "files": [
            {"file": file.file, "url": file.url, "bytes": file.size, "md5": file.md5, "path": str(place_of(file))}
            for file in row.files
        ],
        "state": _state(row),
    }


def info(name: Name, json: JsonOption = False) -> None:
    """Show everything that is known of one set."""
    from visioncli.labelled.standard import find

    row = find(name)
    if json:
        _write_json([row])
        return
    classes = f"{row.class_count}"
    if not isinstance(row.classes, int):
        classes += f": {', '.join(row.classes)}"
    facts = {
        "name": row.name,
        "title": row.title,
        "about": f"{row.about}, {row.size} x {row.size} pixels",
        "pictures": f"{row.pictures[0]:,} to learn from, {row.pictures[1]:,} for testing",
        "classes": classes,
        "terms": row.terms,
        "paper": row.paper,
        "needs": f"pip install 'visioncli[{row.extra}]'" if row.extra else "",
        "files": _state(row),
        "folder": str(row.folder),
    }
    sys.stdout.writelines(f"{key + ':':<11}{value}\n" for key, value in facts.items() if value)
    sys.stdout.writelines(
        f"{'file:':<11}{file.file}, {mib(file.size / 2**20)}, MD5 {file.md5}, {file.url}\n" for file in row.files
    )


def pull(
    names: Names,
    mirror: Annotated[
        str | None,
        typer.Option("--mirror", metavar="URL", help="Fetch from here: URL/NAME/FILE. [env: VISION_WEIGHTS_MIRROR]"),
    ] = None,
    offline: OfflineOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fetch and verify sets, so that later runs need no network."""
    from visioncli.labelled.standard import fetch_set, find
    from visioncli.weights.downloads import Access

    for row in [find(name) for name in names]:
        with Console(quiet=quiet).captured_warnings(), download_progress(quiet=quiet) as progress:
            folder = fetch_set(row, Access.of(offline, mirror, progress), thoroughly=True)
        if not quiet:
            sys.stderr.write(f"vision: {row.name} is here: {folder} ({len(row.files)} files, {row.terms})\n")


def path(name: MaybeName = None) -> None:
    """Print the folder in which a set's files are, or belong; without a name, that of all sets."""
    from visioncli.labelled.standard import find
    from visioncli.weights.places import kept_folder

    kept = kept_folder()
    sys.stdout.write(f"{find(name).folder if name else kept / 'datasets'}\n")


app.command("list", cls=Command)(list_sets)
app.command("info", cls=Command)(info)
app.command("pull", cls=Command)(pull)
app.command("path", cls=Command)(path)
