"""`vision models` and `vision models info`."""

import dataclasses
import json
import shutil
import sys
import textwrap
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from visioncli.cli import completion
from visioncli.cli.help_pages import Group
from visioncli.cli.models.tables import count, mib, write_table
from visioncli.cli.own_network import AnyName, LabelsOption, WeightsOption
from visioncli.cli.shared_options import OfflineOption
from visioncli.cli.streams import printable
from visioncli.errors import UsageError
from visioncli.inputs.addresses import without_credentials
from visioncli.models.measured import Measured, measured
from visioncli.models.row import Accuracy, Layout, ModelRow
from visioncli.models.sound import SoundSpec

app = typer.Typer(
    cls=Group,
    help="The networks: what there is, what each costs and gives, and where its weights are.",
    invoke_without_command=True,
    no_args_is_help=False,
)


class Sort(StrEnum):
    """What `--sort` knows."""

    NAME = "name"
    ACCURACY = "accuracy"
    GFLOPS = "gflops"
    PARAMETERS = "parameters"
    SIZE = "size"


TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task", "-t", metavar="TASK", help="Only networks for this task.", autocompletion=completion.tasks
    ),
]
SortOption = Annotated[Sort | None, typer.Option("--sort", "-s", help="Order; accuracy is best first.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.callback()
def models(
    context: typer.Context, task: TaskOption = None, sort: SortOption = None, json: JsonOption = False
) -> None:
    """List the networks: what each costs and gives, before anything is downloaded."""
    if context.invoked_subcommand is None:
        show_rows(select(task, sort), json, task)
    elif task or sort or json:
        raise UsageError(f"Options go behind the subcommand: vision models {context.invoked_subcommand} --help.")


def select(task: str | None, sort: Sort | None) -> list[ModelRow]:
    """The rows for a task, in the wanted order. Raises UsageError for an unknown task."""
    from visioncli.models.registry import all_rows

    rows = list(all_rows())
    if task is not None:
        known = sorted({t for row in rows for t in row.tasks})
        rows = [row for row in rows if task in row.tasks]
        if not rows:
            raise UsageError(f"No network is for the task {task!r}. Tasks: {', '.join(known)}.")
    orders: dict[Sort, Any] = {
        Sort.NAME: lambda row: row.name,
        # Figures of different metrics are not compared.
        Sort.ACCURACY: lambda row: (a.metric, a.on[:8], -a.value) if (a := headline(row, task)) else ("~",),
        Sort.GFLOPS: lambda row: row.gflops,
        Sort.PARAMETERS: lambda row: row.parameters,
        Sort.SIZE: lambda row: row.file_mib,
    }
    return sorted(rows, key=orders[sort]) if sort else rows


def show_rows(rows: list[ModelRow], as_json: bool, task: str | None = None) -> None:
    """Prints the rows as JSON Lines or as a table."""
    if as_json:
        sys.stdout.writelines(json.dumps(as_dict(row)) + "\n" for row in rows)
        return
    write_table(
        _HEAD,
        [_cells(row, task) for row in rows],
        right=(2, 3, 4, 5),
        dispensable=[_HEAD.index(name) for name in _FIRST_LEFT_OUT],
    )
    if sys.stdout.isatty() and (sets := _sets(rows, task)):
        words = f"published: by others, on sets of their own. measured: here, {sets}. See vision models info NAME."
        sys.stderr.write(textwrap.fill(words, shutil.get_terminal_size().columns) + "\n")


_HEAD = (
    *("name", "tasks", "input", "parameters", "GFLOPs", "file"),
    *("published", "published on", "measured", "measured on", "weights"),
)
_FIRST_LEFT_OUT = ("published on", "measured on", "input", "file", "tasks", "parameters", "GFLOPs", "weights")


def _sets(rows: list[ModelRow], task: str | None) -> str:
    """What the measured figures were measured on: `top-1 on 100 ImageNet pictures (fp32)`."""
    metrics: dict[str, dict[str, None]] = {}
    for row in rows:
        if ours := own_headline(row, task):
            metrics.setdefault(ours.where, {})[_short(ours.metric)] = None
    return "; ".join(f"{', '.join(names)} on {where}" for where, names in metrics.items())


def _short(metric: str) -> str:
    """A metric's name where there is little room."""
    return "OKS AP" if metric == "keypoint AP" else metric


def own_headline(row: ModelRow, task: str | None) -> Measured | None:
    """The measured figure beside the published one: of the same metric where there is one."""
    best, ours = headline(row, task), measured(row)
    return next((one for one in ours if best and one.metric == best.metric), next(iter(ours), None))


def headline(row: ModelRow, task: str | None) -> Accuracy | None:
    """The published figure that counts for a task; None where there is none."""
    # Networks with masks find boxes too, and are compared by these among detectors.
    boxes = [accuracy for accuracy in row.accuracy if task == "detect" and accuracy.metric == "box AP"]
    return next(iter(boxes or row.accuracy), None)


def _recipe(spec: SoundSpec) -> str:
    """How a recording becomes the network's input."""
    band = f"{spec.lowest:g} to {spec.highest:g} Hz"
    each = f"{spec.window} samples every {spec.hop}, FFT {spec.fft}"
    log = f"log(x + {spec.offset:g})" if spec.log == "ln" else "decibels"
    return (
        f"{spec.rate} samples a second; Hann, {each}; {spec.mels} mel bands ({spec.scale}), {band}; {log}; windows "
        f"of {spec.frames} frames every {spec.step}"
    )


def _cells(row: ModelRow, task: str | None) -> tuple[str, ...]:
    best = headline(row, task)
    ours = own_headline(row, task)
    return (
        row.name,
        ",".join(row.tasks),
        str(row.input.size) if row.sound is None else f"{row.sound.frames} x {row.sound.mels}",
        count(row.parameters) if row.parameters else "-",
        f"{row.gflops:.2f}" if row.gflops else "-",
        mib(row.file_mib),
        f"{_short(best.metric)} {best.value:.1f}" if best else "-",
        best.on if best else "-",
        f"{_short(ours.metric)} {ours.number}" if ours else "-",
        ours.where if ours else "-",
        state_of(row),
    )


def state_of(row: ModelRow) -> str:
    """Whether the weights are on this machine: installed, cached, or what it takes to have them."""
    from visioncli.errors import ModelUnavailable
    from visioncli.models.row import Carrier, Download, Hub, Packaged, Untrained
    from visioncli.weights.places import carrier_file, stored_file

    if isinstance(row.source, Carrier):
        try:
            carrier_file(row.source)
        except ModelUnavailable:
            return f"extra {row.source.extra}" if row.source.extra else "not installed"
        return "installed"
    if isinstance(row.source, Download | Packaged):
        absent = "via pip" if isinstance(row.source, Packaged) else "download"
        return "cached" if stored_file(row.source).is_file() else absent
    if isinstance(row.source, Untrained):
        return "train it"
    return "the library's" if isinstance(row.source, Hub) else "own"


def as_dict(row: ModelRow) -> dict[str, Any]:
    """A row as JSON values, with where its weights are."""
    body = dataclasses.asdict(row)
    body["source"] = {"kind": type(row.source).__name__.lower(), **body["source"]}
    if not isinstance(row.labels, str):
        body["labels"] = dict(row.labels)
    body["measured"] = [dataclasses.asdict(one) for one in measured(row)]
    body["weights"] = state_of(row)
    return body


def info(
    name: AnyName,
    weights: WeightsOption = None,
    labels: LabelsOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Show everything that is known of one network."""
    from visioncli.models.offset import words
    from visioncli.resolve import describe
    from visioncli.weights.downloads import Access

    row = describe(name, weights=weights, labels=labels, access=Access.of(offline))
    if not row.parameters and row.tasks != ("caption",):
        from visioncli.anatomy.layers import count_parameters

        row = dataclasses.replace(row, parameters=count_parameters(row))
    if json:
        show_rows([row], True)
        return
    spec = row.input
    white = "brightest" if row.form == "saliency" else "255"
    scale = f"(pixel / {white} - {_numbers(spec.mean)}) / {_numbers(spec.std)}"
    if row.sound is not None:
        picture = _recipe(row.sound)
    elif row.architecture == "transformers":
        picture = "as its own processor prepares it"
    elif row.layout is not None:
        picture = f"{_shape(row.layout)}, {spec.interpolation}; {scale}"
    elif row.form in ("anchors", "grids"):
        picture = f"framed in {spec.size} x {spec.size} pixels, {spec.interpolation}; {scale}"
    elif row.form == "dense" and not spec.resize:
        picture = f"as large as it is; {scale}"
    elif ("classify" in row.tasks and not spec.resize) or row.form == "saliency":
        picture = f"squashed to {spec.size} x {spec.size}, {spec.interpolation}; {scale}"
    elif "classify" in row.tasks:
        picture = f"shorter side to {spec.resize}, {spec.interpolation}; centre {spec.size} x {spec.size}; {scale}"
    else:
        picture = f"{spec.size} pixels, {spec.interpolation}; {scale}"
    facts = {
        "name": row.name,
        "about": row.about,
        "family": row.family,
        "tasks": ", ".join(row.tasks),
        "parameters": f"{row.parameters:,}" if row.parameters else "",
        "multiply-adds": f"{row.gflops:g} G" if row.gflops else "",
        "answers": row.layout.style if row.layout else "",
        _accuracy_of(row): "; ".join(map(str, row.accuracy)) or "none",
        "measured": "; ".join(map(str, measured(row))),
        "input": picture,
        "labels": _labels(row),
        "scores": _scores(row),
        "offset": row.offset and f"answers lie {words(row.offset)} what they mark, as the masks that it learned from",
        "views": row.views and f"--tta {row.views}, where no other is asked for",
        "licence": row.licence,
        "paper": row.paper,
        "recipe": row.recipe,
        "made by": _command(row),
        "file": _file(row),
        "weights": state_of(row),
    }
    sys.stdout.writelines(f"{key + ':':<15}{printable(str(value))}\n" for key, value in facts.items() if value)


def _accuracy_of(row: ModelRow) -> str:
    """What the row's accuracy is called: of a RUN it is what its own validation gave."""
    from visioncli.models.row import Trained

    return "accuracy" if isinstance(row.source, Trained) else "published"


def _labels(row: ModelRow) -> str:
    """The name of a known set of classes, or the first of its own."""
    if isinstance(row.labels, str):
        return row.labels
    names = [name for _, name in row.labels]
    shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    return f"{len(names)} of its own: {shown}" if names else "none before it is trained"


_MOST_NAMES = 8


def _command(row: ModelRow) -> str:
    """The command that trained it; empty for others' networks."""
    from visioncli.models.row import Trained
    from visioncli.weights.runs import read_facts

    if not isinstance(row.source, Trained):
        return ""
    command = read_facts(Path(row.source.path).parent).get("command")
    return command if isinstance(command, str) else ""


def _scores(row: ModelRow) -> str:
    """How scores are made where it is not by a plain softmax; empty otherwise."""
    heat = "" if row.temperature == 1 else f" at temperature {row.temperature:.4g}"
    if row.thresholds:
        least, most = min(row.thresholds), max(row.thresholds)
        return f"sigmoid{heat}; each class has its threshold, {least:.3g} to {most:.3g}"
    return heat and f"softmax{heat}"


def _numbers(values: tuple[float, ...]) -> str:
    shown = [f"{v:.4g}" for v in values]
    return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"


def _shape(layout: Layout) -> str:
    if not layout.height:
        return "any size"
    return f"{'framed in' if layout.letterbox else 'squashed to'} {layout.width} x {layout.height} pixels"


def _file(row: ModelRow) -> str:
    from visioncli.models.row import Carrier, Download, LocalFile, Packaged

    if isinstance(row.source, LocalFile):
        return f"{row.source.path}, SHA-256 {row.source.sha256}"

    if isinstance(row.source, Carrier):
        where = f"{row.source.file} in {row.source.distribution} {row.source.version}"
        return f"{where}, {mib(row.file_mib)}, SHA-256 {row.source.sha256}"
    if isinstance(row.source, Packaged):
        where = f"{row.source.member} in {row.source.wheel} ({mib(row.source.wheel_mib)}) of the package index"
        return f"{where}, {mib(row.file_mib)}, SHA-256 {row.source.sha256}"
    if isinstance(row.source, Download):
        known = f"SHA-256 {row.source.hash_prefix}" + ("" if row.source.sha256 else "…")
        return f"{without_credentials(row.source.url)}, {mib(row.file_mib)}, {known}"
    return ""
