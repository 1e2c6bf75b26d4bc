"""What the shell is told when Tab is pressed: names of networks, classes and formats. Imports no network."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from visioncli.models.row import ModelRow

Completion = str | tuple[str, str]
"""What to type, alone or with what it is."""
_FAMILIES = (
    ("timm:", "a classifier of timm"),
    ("hf:", "a network of transformers, by name or folder"),
    ("onnx:", "an ONNX file"),
)
MOST_FOLDERS = 1000
"""So many entries of a folder are looked through for RUN folders: Tab is answered at once."""


def models(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """Networks for the command that is typed (all, where it is no task), several with commas between."""
    known = [*_networks(ctx), *_runs(incomplete.rpartition(",")[2]), *(_FAMILIES if _task(ctx) else ())]
    return list(_last_of_list(incomplete, known))


def network_names(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """Networks as arguments, without those that are given already."""
    given = {str(name) for value in ctx.params.values() if isinstance(value, list | tuple) for name in value}
    return [one for one in [*_networks(ctx), *_runs(incomplete)] if one[0] not in given]


def run_folders(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """RUN folders as arguments, without those that are given already."""
    given = {str(name) for value in ctx.params.values() if isinstance(value, list | tuple) for name in value}
    return [one for one in _runs(incomplete) if one[0] not in given]


def _runs(begun: str) -> Iterator[tuple[str, str]]:
    """Folders of `vision train` whose path may begin so."""
    above = begun[: begun.rfind("/") + 1]
    try:
        with os.scandir(os.path.expanduser(above) or ".") as entries:
            names = sorted(entry.name for entry in itertools.islice(entries, MOST_FOLDERS))
    except OSError:
        return
    for name in names:
        if os.path.isfile(os.path.join(os.path.expanduser(above), name, "model.json")):
            yield above + name, "a network of vision train's"


def standard_sets(ctx: typer.Context) -> list[Completion]:
    """Standard sets of pictures as arguments, without those that are given already."""
    from visioncli.labelled.standard import SETS

    given = {str(name) for value in ctx.params.values() if isinstance(value, list | tuple) for name in value}
    return [(row.name, row.about) for row in SETS.values() if row.name not in given]


def formats(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """Formats of the command that is typed, several with commas between."""
    from visioncli.sinks.names import FORMATS

    return list(_last_of_list(incomplete, [*FORMATS.get(ctx.info_name or "", ()), "jsonl"]))


def detectors(incomplete: str) -> list[Completion]:
    """Networks that find objects, several with commas between."""
    from visioncli.models.registry import rows_for

    return list(_last_of_list(incomplete, [(row.name, _about(row)) for row in rows_for("detect")]))


def classes(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """Classes of the network that is named, or of the command's own, several with commas between."""
    names = (label for label in _labels(ctx) if label and "," not in label)
    return list(_last_of_list(incomplete, [_typeable(name) for name in names]))


def targets(ctx: typer.Context, incomplete: str) -> list[Completion]:
    """What gradcam explains: the best N classes, or classes by name."""
    return [*_last_of_list(incomplete, ["top-1", "top-2", "top-3"]), *classes(ctx, incomplete)]


def tasks(ctx: typer.Context) -> list[Completion]:
    """The tasks that networks are for."""
    from visioncli.models.registry import DEFAULTS

    return list(DEFAULTS)


def words(*known: str) -> Callable[[], list[Completion]]:
    """Completes an option that takes one of a few words."""

    def complete() -> list[Completion]:
        return list(known)

    return complete


NETWORKS_OF = {"embed": "classify", "similar": "classify", "dedupe": "classify"}
"""Commands that take the networks of another one."""


def _task(ctx: typer.Context) -> str | None:
    """The task that the command does; of `gradcam`, explaining."""
    from visioncli.models.registry import DEFAULTS

    name = NETWORKS_OF.get(ctx.info_name or "", ctx.info_name or "")
    return name if name in DEFAULTS else None


def _networks(ctx: typer.Context) -> Iterator[tuple[str, str]]:
    from visioncli.models.registry import Untrained, all_rows
    from visioncli.models.trainable import is_trainable

    task = _task(ctx) or ctx.params.get("task")
    for row in all_rows():
        if ctx.info_name == "train":
            offered = any(is_trainable(row, one) for one in (row.tasks if task is None else (task,)))
        else:
            offered = task is None or (task in row.tasks and not isinstance(row.source, Untrained))
        if offered:
            yield row.name, _about(row)


def _about(row: "ModelRow") -> str:
    best = f", {row.accuracy[0].metric} {row.accuracy[0].value:g} %" if row.accuracy else ""
    return f"{row.parameters / 1e6:.1f} M parameters{best}"


def _labels(ctx: typer.Context) -> Iterable[str]:
    from visioncli.errors import VisionError
    from visioncli.models.labels import load_labels
    from visioncli.models.registry import default_model
    from visioncli.resolve import named

    task = _task(ctx)
    if task is None:
        return ()
    if task == "gradcam":
        task = str(ctx.params.get("task") or "classify")
    elif task == "segment":
        task = "detect"  # --classes is of instances, which a detector finds where nothing else is named
    model = ctx.params.get("model")
    try:
        row = named((model or default_model(task)).split(",")[0].split("+")[0], check=False)
    except VisionError:
        return ()
    return load_labels(row.labels).values()


def _last_of_list(incomplete: str, known: Iterable[Completion]) -> Iterator[Completion]:
    """`a,b` with each of `known` in the place of `b`; those that stand there already are left out."""
    before, comma, _ = incomplete.rpartition(",")
    given = before.split(",")
    for one in known:
        name, *about = (one,) if isinstance(one, str) else one
        if name not in given:
            whole = f"{before}{comma}{name}"
            yield (whole, about[0]) if about else whole


def _typeable(name: str) -> str:
    """Bash puts a completion on the line as it is, so that a blank must be quoted there; other shells do it."""
    bash = os.environ.get("_VISION_COMPLETE", "").endswith("bash")
    return name.replace(" ", "\\ ") if bash else name


def styles(incomplete: str) -> list[Completion]:
    """Styles by name, several with commas between."""
    from visioncli.models.styles import STYLES

    return list(_last_of_list(incomplete, [name for _, name in STYLES]))
