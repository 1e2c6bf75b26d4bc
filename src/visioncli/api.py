"""Use from Python: `from visioncli import load; load("classify")("cat.jpg")`."""

import dataclasses
import functools
import importlib
import itertools
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from visioncli.engines import choose_engine
from visioncli.engines.interface import EngineOptions
from visioncli.errors import InputError, UsageError
from visioncli.inputs.sources import Item
from visioncli.models import registry
from visioncli.models.row import ModelRow
from visioncli.pictures import of_memory, read
from visioncli.pictures.given import Given, Input, is_single, item, items
from visioncli.pictures.patience import DEFAULT_SECONDS, LONGEST_SECONDS
from visioncli.predictions import Detection
from visioncli.resolve import describe, ready
from visioncli.results import Record
from visioncli.runner import RunOptions, run, usual_workers
from visioncli.tasks import NETWORKS_OF, TASKS
from visioncli.tasks.beforehand import WITH_DETECTOR, WITH_VIDEOS, check_media, check_names, needs_detector
from visioncli.tasks.interface import Medium, Task
from visioncli.tasks.members import TOGETHER, in_order
from visioncli.videos.choice import Choice
from visioncli.videos.kinds import has_frames
from visioncli.weights.downloads import Access, Progress
from visioncli.weights.runs import is_run, told_apart

if TYPE_CHECKING:
    from PIL.Image import Image

AUTO_BATCH = 8
FUSIONS = ("mean",)
"""How classifiers answer together: by the mean of their probabilities."""


def build_task(
    name: str,
    model: str | os.PathLike[str] | None = None,
    options: EngineOptions | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    media: Collection[Medium] | None = None,
    **settings: Any,
) -> Task:
    """The task called `name` with its network loaded. Raises UsageError and ModelUnavailable.

    `model` is a name of `vision models`, a RUN folder of `vision train`, `timm:NAME`, `hf:NAME_OR_PATH` or
    `onnx:FILE`; for classification and detection also several that answer together, `a+b`, in whatever order. With
    commas between them, detection fuses their boxes, and classification gives the first one's predictions, all others
    beside them in `extra`, unless `fuse` is "mean". `detector` are the networks, likewise, that find the objects for
    pose, captions and instance masks. `weights` is a checkpoint of one's own, `labels` a file with its class names.
    Weights that are not in the cache are fetched, unless `offline`; `progress` is told how far that is.
    Where no model is named and the task can take recordings, `media` are the kinds of inputs for which a network is
    loaded at once, others with the first of its kind; without `media` there is one for pictures only.
    """
    if media is not None and not model and not weights and not labels and name in registry.FOR_SOUND:
        return _either(name, options, offline, progress, media, settings)
    family = "classify" if settings.get("method") == "optimise" else NETWORKS_OF.get(name, name)
    if name not in TASKS:
        raise UsageError(f"There is no task {name!r}. Known: {', '.join(TASKS)}.")
    if name == "stylize" and not model:
        model = _painter_of(settings)
    groups = _groups(name, os.fspath(model) if model else registry.default_model(name), settings)
    if sum(map(len, groups)) > 1 and (weights or labels):
        raise UsageError("--weights and --labels go with a single model.")
    access = Access.of(offline, progress=progress)
    paths = {k: Path(v) for k, v in (("weights", weights), ("labels", labels)) if v is not None}
    rows = [describe(spec, family, access=access, **paths) for group in groups for spec in group]
    finders = _finders(name, rows[0], settings, access)
    check_media(name, rows, settings)
    for row in rows:
        # Before anything is fetched.
        check_names(name, row, settings, finders)
        if options is not None and options.precision == "int8" and name in ("classify", "detect", "segment", "pose"):
            choose_engine(row, options)
    rows = told_apart([ready(row, access) for row in rows])
    if finders:
        finders = in_order(told_apart([ready(row, access) for row in finders]))
        settings["detector"] = finders
    left = iter(rows)
    joined = [in_order(itertools.islice(left, len(group))) for group in groups]
    task = _joined(name, joined, options, settings)
    task.settings = task.settings | {"networks": [row.shaping() for row in itertools.chain(*joined, finders)]}
    return task


def _either(
    name: str,
    options: EngineOptions | None,
    offline: bool,
    progress: Progress | None,
    media: Collection[Medium],
    settings: dict[str, Any],
) -> Task:
    from visioncli.tasks.classify.either import Either

    names: dict[Medium, str] = {"picture": registry.default_model(name), "sound": registry.FOR_SOUND[name]}
    for_pictures = {n: value for n, value in settings.items() if n not in ("windows",)}
    for_sound = {n: value for n, value in settings.items() if n not in ("tta", "fuse")}
    own = {"picture": for_pictures, "sound": for_sound}

    def made(medium: Medium) -> Task:
        return build_task(name, names[medium], options, offline=offline, progress=progress, **own[medium])

    if settings.get("fuse") is not None:
        return made("picture")  # which says that one network alone cannot be fused
    task = Either({medium: functools.partial(made, medium) for medium in names}, media)
    rows = [registry.find(one, name).shaping() for one in names.values()]
    task.settings = task.settings | settings | {"networks": rows}
    return task


def _painter_of(settings: dict[str, Any]) -> str:
    from visioncli.tasks.stylize.choice import network_of

    return network_of(settings.get("style"), settings.get("method", "network"))


def _groups(task: str, model: str, settings: dict[str, Any]) -> list[list[str]]:
    """The networks that answer together, group by group; takes `fuse` out of the settings. Raises UsageError."""
    groups = [together(spec) for spec in model_names(model)]
    fuse = settings.pop("fuse", None) if task == "classify" else None
    if fuse not in (None, *FUSIONS):
        raise UsageError(f"--fuse is {', '.join(FUSIONS)}, not {fuse!r}.")
    if task == "detect" or fuse is not None:
        groups = [list(dict.fromkeys(spec for group in groups for spec in group))]
    if fuse is not None and len(groups[0]) == 1:
        raise UsageError("--fuse puts several networks together: name them, such as --model A,B.")
    if len(groups) > 1 and task != "classify":
        raise UsageError(
            f"Models are compared by classify, and put together by classify and detect; for {task} give one."
        )
    if len(groups[0]) > 1 and task not in ("classify", "detect"):
        raise UsageError(f"Models are put together by classify and detect; for {task} give one.")
    return groups


def _finders(task: str, row: ModelRow, settings: dict[str, Any], access: Access) -> list[ModelRow]:
    """The networks that find objects for another one; takes `detector` out of the settings. Raises UsageError."""
    named = settings.pop("detector", None) if task in WITH_DETECTOR else None
    if not needs_detector(task, row, settings, named):
        return []
    specs = [spec for one in model_names(named or registry.DEFAULTS["detect"]) for spec in together(one)]
    return [describe(spec, "detect", access=access) for spec in dict.fromkeys(specs)]


def _joined(name: str, groups: list[list[ModelRow]], options: EngineOptions | None, settings: dict[str, Any]) -> Task:
    if name == "detect":
        (rows,) = groups
        return TASKS[name](rows[0], options, **settings, **({"others": rows[1:]} if len(rows) > 1 else {}))
    tasks: list[Task] = []
    for rows in groups:
        members: list[Any] = [TASKS[name](row, options, **settings) for row in rows]
        if len(members) > 1:
            from visioncli.tasks.classify.together import Together

            members = [Together(members)]
        tasks += members
    if len(tasks) == 1:
        return tasks[0]
    from visioncli.tasks.classify.compare import Compare

    return Compare(tasks)


def model_names(text: str) -> list[str]:
    """The names in a list with commas; a path after `hf:` or `onnx:`, or of a RUN folder, may have commas itself."""
    if text.startswith(("hf:", "onnx:")) or ("," in text and is_run(text)):
        return [text]
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(names):
        raise UsageError(f"--model {text!r} has an empty name in it.")
    return names


def together(spec: str) -> list[str]:
    """The names in `a+b`, each once; a path after `hf:` or `onnx:`, or of a RUN folder, may have a + itself."""
    if is_run(spec):
        return [spec]
    names: list[str] = []
    rest = spec
    while rest:
        whole = rest.startswith(("hf:", "onnx:"))
        name, plus, rest = (rest, "", "") if whole else rest.partition(TOGETHER)
        names.append(name.strip())
        if plus and not rest:
            names.append("")
    if not all(names):
        raise UsageError(f"--model {spec!r} has an empty name in it.")
    return list(dict.fromkeys(names))


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
    return RunOptions(size, workers or usual_workers(), max_pixels, allow_truncated, reduce, timeout)


class Predictor:
    """A loaded task. Call it with one picture for its record, or with many for an iterator of records."""

    def __init__(self, task: Task, options: RunOptions) -> None:
        self.task, self._options = task, options

    @overload
    def __call__(self, inputs: Input) -> Record: ...  # type: ignore[overload-overlap]  # text is one path

    @overload
    def __call__(self, inputs: Iterable[Input]) -> Iterator[Record]: ...

    def __call__(self, inputs: Input | Iterable[Input]) -> Record | Iterator[Record]:
        """One picture: its record; InputError where it cannot be used. TypeError for what is no picture.

        A picture is a path, an http(s) URL, a PIL image of any mode, or an array `(H, W, 3) uint8`, RGB. What holds
        for files holds in memory: an EXIF orientation that the image still has is applied, alpha is laid on white.
        Of an animation, the frame at which it stands is taken. Records call them `image N` and `array N`, by place.

        Several: an iterator of records in the same order, failures among them as records with `error`. What is called
        as videos are (`clip.mp4`, `camera:0`) is several, too: see `frames`.
        """
        if is_single(inputs):
            if self._has_frames(inputs):
                return self.frames(inputs)
            (record,) = self._records([item(inputs)])
            if record.error:
                raise InputError(record.error.kind, f"{record.input}: {record.error.message}")
            return record
        # Of what is complete, nothing is begun where a part is no picture.
        several: Any = inputs
        return self._records(list(items(several)) if isinstance(several, list | tuple) else items(several))

    def frames(
        self, video: Any, *, every: str | None = None, start: str | None = None, end: str | None = None
    ) -> Iterator[Record]:
        """An iterator of records, one a frame of a video or camera, with `frame` and `time_s`.

        `every` is "10f" or "1s", `start` and `end` are seconds or "hh:mm:ss", as the command's `--every`, `--from`,
        `--to`. What is wrong with the file is the last record, with `error`. Raises UsageError for other words and
        for a task that takes no videos.
        """
        if self.task.name not in WITH_VIDEOS:
            known = ", ".join(sorted(WITH_VIDEOS))
            raise UsageError(f"{self.task.name} takes no videos. Those that do: {known}.")
        return self._records([item(video)], Choice.parse(every, start, end))

    def drawn(self, one: Input, **look: Any) -> "Image":
        """What the command draws of one picture, a new PIL image of mode RGB: of stylize the painting, of gradcam the
        heat map over the picture, of others as `draw` does of the record.

        `look` are the command's options for drawing. Raises InputError and TypeError as a call does.
        """
        (outcome,) = run([item(one)], self.task, self._options)
        record = outcome.record
        if record.error:
            raise InputError(record.error.kind, f"{record.input}: {record.error.message}")
        if outcome.picture is None:
            raise UsageError(f"{record.input} is no picture, so that nothing can be drawn of it here.")
        drawn: Image = _renderer(record.task).draw(outcome.picture.image, record, outcome.arrays, **look)
        return drawn

    def _has_frames(self, single: Input) -> bool:
        named = isinstance(single, str | os.PathLike) and has_frames(os.fsdecode(single))
        return named and self.task.name in WITH_VIDEOS

    def _records(self, inputs: Iterable[Item], choice: Choice | None = None) -> Iterator[Record]:
        if choice is None and self.task.name in WITH_VIDEOS:
            choice = Choice()
        for outcome in run(inputs, self.task, dataclasses.replace(self._options, choice=choice)):
            record = outcome.record
            del outcome  # and with it the picture, whose memory the next one may need
            yield record


def load(
    task: str,
    model: str | os.PathLike[str] | None = None,
    *,
    device: str = "auto",
    threads: int | None = None,
    engine: str = "auto",
    precision: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
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
    return Predictor(build_task(task, model, running, media={"picture"}, **where, **settings), options)


def draw(record: Record, image: Input, **look: Any) -> "Image":
    """A picture of what `record` says of `image`, as the command draws it: a new PIL image of mode RGB.

    `image` is what the record was made of, in any form that a task takes. `look` are the command's options for
    drawing: `opacity` (segment), `min_keypoint_score` (pose). Raises InputError where the image cannot be read, and
    UsageError for a record that has failed, is of a picture of another size, or of gradcam, whose heat maps are not
    part of a record.
    """
    if record.error or record.predictions is None:
        raise UsageError(f"There is nothing to draw: {record.input} failed.")
    if record.task == "gradcam":
        raise UsageError("A record does not hold its heat maps. `vision gradcam` draws them, and load(...).drawn.")
    if record.task == "stylize":
        raise UsageError('A record does not hold its painting. `load("stylize").drawn(image)` is the painting.')
    what = item(image)
    picture = of_memory(what.picture) if isinstance(what, Given) and what.picture is not None else read(what.path)
    if (record.width, record.height) != (picture.width, picture.height):
        raise UsageError(
            f"The record is of a picture of {record.width} x {record.height} pixels, this one has {picture.width} x "
            f"{picture.height}."
        )
    drawn: Image = _renderer(record.task).draw(picture.image, _as_made(record), {}, **look)
    return drawn


def _renderer(task: str) -> Any:
    return importlib.import_module(f"visioncli.render.{'heat' if task == 'gradcam' else task}")


def _as_made(record: Record) -> Record:
    """A record that was read from JSON with the objects in `extra` as the task made them."""
    objects = record.extra.get("objects", [])
    made = [o if isinstance(o, Detection) else Detection(**(o | {"box": tuple(o["box"])})) for o in objects]
    return dataclasses.replace(record, extra=record.extra | {"objects": made}) if made else record
