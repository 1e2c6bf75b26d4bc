"""What is known of every network, as data: listing it builds and imports nothing."""

import importlib.metadata
import warnings
from collections.abc import Iterator
from functools import cache

from visioncli import processor
from visioncli.errors import UsageError
from visioncli.inputs.addresses import without_credentials
from visioncli.models.not_names import instead_of_name
from visioncli.models.row import (
    Accuracy,
    Carrier,
    Download,
    Hub,
    InputSpec,
    LocalFile,
    ModelRow,
    Packaged,
    Source,
    Untrained,
)
from visioncli.models.rows import cyclegan, embedded, ours, package_index, styles, torchvision
from visioncli.names import did_you_mean

__all__ = [
    "DEFAULTS",
    "ROWS",
    "Accuracy",
    "Carrier",
    "Download",
    "Hub",
    "InputSpec",
    "LocalFile",
    "ModelRow",
    "Packaged",
    "Source",
    "Untrained",
    "all_rows",
    "default_model",
    "find",
    "rows_for",
]

PLUGINS = "visioncli.models"
"""The entry-point group by which other distributions add rows."""

ROWS: tuple[ModelRow, ...] = (
    embedded.ROWS + styles.ROWS + package_index.ROWS + torchvision.ROWS + ours.ROWS + cyclegan.ROWS
)
"""The networks that this package knows by itself, embedded ones first, those without weights last."""

DEFAULTS = {
    "classify": "efficientnet_lite0",
    "detect": "ssd_mobilenet_v2",
    "segment": "deeplab_v3_mobilenet_v2",
    "pose": "movenet_lightning",
    "gradcam": "efficientnet_lite0",
    "caption": "object_layout",
    "stylize": "multistyle26",
}
"""The network of each task when none is named, on any processor."""

FOR_SOUND = {"classify": "yamnet"}
"""The network of each task that takes recordings, when none is named."""

EMBEDDER = "efficientnet_lite0"
"""Whose features are computed when no network is named. Features are fp32 everywhere, so that better networks cost as
much more as they are larger, and vectors of one length come from every machine."""

DEFAULTS_IN_INT8 = {"classify": "efficientnet_lite3", "gradcam": "efficientnet_lite3"}
"""Where the processor has units for int8: better networks, which cost there about what those cost elsewhere."""


def default_model(task: str) -> str:
    """The network of `task` when none is named. It depends on the processor, and stands in each record."""
    if task == "embed":
        return EMBEDDER
    better = DEFAULTS_IN_INT8.get(task)
    return better if better is not None and processor.has_int8_units() else DEFAULTS[task]


def all_rows() -> tuple[ModelRow, ...]:
    """`ROWS` and the rows of installed plug-ins."""
    return (*ROWS, *_plugin_rows())


@cache
def _plugin_rows() -> tuple[ModelRow, ...]:
    """What entry points of the group `visioncli.models` give: each an iterable of `ModelRow`, or a function for one.

    A plug-in that is broken is left out with a warning.
    """
    rows: dict[str, ModelRow] = {}
    ours = {row.name for row in ROWS}
    for entry in importlib.metadata.entry_points(group=PLUGINS):
        try:
            found = entry.load()
            added = list(found() if callable(found) else found)
        except Exception as problem:  # noqa: BLE001 - somebody else's code must not take ours down
            warnings.warn(
                f"The models of the plug-in {entry.name} ({entry.value}) cannot be used: "
                f"{type(problem).__name__}: {problem}.",
                stacklevel=2,
            )
            continue
        for row in added:
            if not isinstance(row, ModelRow):
                reason = "it is not a ModelRow"
            elif row.name in ours or row.name in rows:
                reason = "there is a model of that name already"
            else:
                rows[row.name] = row
                continue
            warnings.warn(
                f"The plug-in {entry.name} gives {getattr(row, 'name', row)!r}, which is left out: {reason}.",
                stacklevel=2,
            )
    return tuple(rows.values())


def rows_for(task: str) -> Iterator[ModelRow]:
    """The networks that can do `task`."""
    return (row for row in all_rows() if task in row.tasks)


def find(name: str, task: str | None = None) -> ModelRow:
    """The row called `name`. Raises UsageError for an unknown name or one that cannot do `task`."""
    for row in all_rows():
        if row.name == name:
            if task is None or task in row.tasks:
                return row
            raise UsageError(f"{name} cannot {task}; it is for {', '.join(row.tasks)}. {_choices(task)}")
    if instead := instead_of_name(name):
        raise UsageError(f"There is no model called {without_credentials(name)!r}. {instead}")
    names = [row.name for row in all_rows() if task is None or task in row.tasks]
    for_task = f" for {task}" if task else ""
    raise UsageError(f"There is no model called {name!r}{for_task}.{did_you_mean(name, names)} {_choices(task)}")


def _choices(task: str | None) -> str:
    """Where to look, and the names themselves while they are few."""
    if task is None:
        return "`vision models` lists all."
    names = [row.name for row in rows_for(task)]
    listed = ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
    return f"For {task}: {listed}; `vision models --task {task}` lists all."
