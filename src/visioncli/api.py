"""Use from Python: `from visioncli import load; load("classify")("cat.jpg")`."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, overload

from visioncli.engines.interface import EngineOptions
from visioncli.errors import InputError, UsageError
from visioncli.inputs.sources import Item
from visioncli.models import registry
from visioncli.pictures.patience import DEFAULT_SECONDS, LONGEST_SECONDS
from visioncli.resolve import resolve
from visioncli.results import Record
from visioncli.runner import RunOptions, run
from visioncli.tasks import TASKS
from visioncli.tasks.interface import Task
from visioncli.weights.downloads import Access, Progress

AUTO_BATCH = 8

Input = str | os.PathLike[str]


def build_task(
    name: str,
    model: str | None = None,
    options: EngineOptions | None = None,
    *,
    weights: Input | None = None,
    labels: Input | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Task:
    """The task called `name` with its network loaded. Raises UsageError and ModelUnavailable.

    `model` is a name of `vision models`, `timm:NAME`, `hf:NAME_OR_PATH` or `onnx:FILE`; for classification also
    several, separated by commas: the first one's predictions, with all others beside them in `extra`. `weights` is a
    checkpoint of one's own for it, `labels` a file with its class names. Weights that are not in the cache are
    fetched, unless `offline`; `progress` is told how far that is.
    """
    # Read when torch loads its OpenMP: waiting threads that spin make two processes on one machine crawl.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if name not in TASKS:
        raise UsageError(f"There is no task {name!r}. Known: {', '.join(TASKS)}.")
    specs = model_names(model) if model else [registry.DEFAULTS[name]]
    if len(specs) > 1 and name != "classify":
        raise UsageError(f"Models are compared by classify; for {name} give one.")
    if len(specs) > 1 and (weights or labels):
        raise UsageError("--weights and --labels go with a single model.")
    access = Access.of(offline, progress=progress)
    paths = {k: Path(v) for k, v in (("weights", weights), ("labels", labels)) if v is not None}
    rows = [resolve(spec, name, access=access, **paths) for spec in specs]
    tasks = [TASKS[name](row, options, **settings) for row in rows]
    task = tasks[0]
    if len(tasks) > 1:
        from visioncli.tasks.classify.compare import Compare

        task = Compare(tasks)
    task.settings = task.settings | {"networks": [row.shaping() for row in rows]}
    return task


def model_names(text: str) -> list[str]:
    """The names in a list with commas; a path after `hf:` or `onnx:` may have commas itself."""
    if text.startswith(("hf:", "onnx:")):
        return [text]
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(names):
        raise UsageError(f"--model {text!r} has an empty name in it.")
    return names


def run_options(
    batch_size: str | int = "auto",
    workers: int | None = None,
    max_pixels: int = 179_000_000,
    allow_truncated: bool = False,
    reduce: bool = False,
    timeout: float = DEFAULT_SECONDS,
) -> RunOptions:
    """Options of a run with what is `auto` filled in. Raises UsageError for an impossible number."""
    if batch_size == "auto":
        size = AUTO_BATCH
    else:
        try:
            size = int(batch_size)
        except ValueError:
            size = 0
        if not 1 <= size <= 4096:
            raise UsageError(f"--batch-size is a number from 1 to 4096, or auto, not {batch_size!r}.")
    if not 0 < timeout <= LONGEST_SECONDS:
        raise UsageError(f"--timeout is a number of seconds above 0, at most {LONGEST_SECONDS:g}, not {timeout:g}.")
    return RunOptions(size, workers or min(os.cpu_count() or 1, 8), max_pixels, allow_truncated, reduce, timeout)


class Predictor:
    """A loaded task. Call it with one picture for its record, or with many for an iterator of records."""

    def __init__(self, task: Task, options: RunOptions) -> None:
        self.task, self._options = task, options

    @overload
    def __call__(self, inputs: Input) -> Record: ...  # type: ignore[overload-overlap]  # text is one path

    @overload
    def __call__(self, inputs: Iterable[Input]) -> Iterator[Record]: ...

    def __call__(self, inputs: Input | Iterable[Input]) -> Record | Iterator[Record]:
        """One path or http(s) URL: its record; InputError where the picture cannot be used.

        Several: an iterator of records in the same order, failures among them as records with `error`.
        """
        if isinstance(inputs, str | os.PathLike):
            (record,) = self._records([inputs])
            if record.error:
                raise InputError(record.error.kind, f"{record.input}: {record.error.message}")
            return record
        return self._records(inputs)

    def _records(self, inputs: Iterable[Input]) -> Iterator[Record]:
        items = (Item(os.fspath(path), os.fspath(path)) for path in inputs)
        for outcome in run(items, self.task, self._options):
            record = outcome.record
            del outcome  # and with it the picture, whose memory the next one may need
            yield record


def load(
    task: str,
    model: str | None = None,
    *,
    device: str = "auto",
    threads: int | None = None,
    engine: str = "auto",
    precision: str = "fp32",
    weights: Input | None = None,
    labels: Input | None = None,
    offline: bool = False,
    batch_size: str | int = "auto",
    workers: int | None = None,
    max_pixels: int = 179_000_000,
    allow_truncated: bool = False,
    exact_decode: bool = False,
    timeout: float = DEFAULT_SECONDS,
    **settings: Any,
) -> Predictor:
    """A task ready to use, e.g. `load("classify", top_k=3)`; `settings` are the command's options.

    `timeout` is how many seconds reading one picture may take, and the network (engine onnx) on it.
    Raises UsageError for unknown names and impossible values, ModelUnavailable where the weights are missing.
    """
    options = run_options(batch_size, workers, max_pixels, allow_truncated, not exact_decode, timeout)
    where: dict[str, Any] = {
        "weights": weights,
        "labels": labels,
        "offline": offline,
    }
    running = EngineOptions(device, threads, engine, precision, timeout=timeout)
    return Predictor(build_task(task, model, running, **where, **settings), options)
