"""`onnx:FILE`: a network in the ONNX format that classifies, detects or segments, with its labels in the file or own.

Metadata that it reads, as `vision export` writes it: `labels` (JSON: id -> name), `input` (JSON: the fields of
`InputSpec`, and `letterbox`) and `thresholds` (JSON: one a class, where a picture may have several), or else YOLO's
`names`, `imgsz`, `task` and `end2end`. Without, pictures are scaled as for ImageNet; to classify, the shorter side is
resized to 8/7 of the input; to segment, and for detectors of DETR's kind, the picture is squashed to the input; for
those of YOLO's kind it is framed in grey and `pixel / 255`.
"""

import ast
import dataclasses
import hashlib
import json
import mmap
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.families.onnx_layouts import Facts, Output, likely_task, read_layout
from visioncli.families.time_limit import ended_after
from visioncli.models.row import LARGEST_INPUT, Form, InputSpec, LocalFile, ModelRow
from visioncli.models.rows import embedded, package_index
from visioncli.silence import silent_onnxruntime
from visioncli.weights.downloads import Access
from visioncli.weights.places import sha256_of

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_DEFAULT_SIZE = 224
MOST_CLASSES = 1_000_000


_REQUANTISING = "WeightBiasQuantization"
"""A step of ONNX Runtime's that makes integers of the weights of float layers between 8-bit ones.
Whoever left those in float did so for what they lose in 8 bits; with it a detector's error grew to four times."""


def open_session(
    path: Path,
    threads: int | None = None,
    *,
    whole_numbers: bool = False,
    changed: bytes | None = None,
    gives_back: bool = False,
) -> Any:
    """The file in ONNX Runtime, on the CPU. Raises ModelUnavailable.

    With `whole_numbers` a file in 8 bits is computed in them throughout: for one that has no float layers between.
    What it holds may be given `changed`. A session that `gives_back` keeps no memory between its runs.
    """
    try:
        onnxruntime = silent_onnxruntime()
    except ImportError:
        raise ModelUnavailable("This needs onnxruntime. Install it: pip install onnxruntime") from None
    if not path.is_file():
        raise ModelUnavailable(f"There is no file {path}. Check the path after onnx:.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Threads that spin while they wait make several processes on one machine crawl.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = not gives_back
    try:
        graph, weights = _unpacked(path) if path.suffix == ".zip" else (changed or path, {})
        if weights:
            sizes = [len(data) for data in weights.values()]
            options.add_external_initializers_from_files_in_memory(list(weights), list(weights.values()), sizes)
        return onnxruntime.InferenceSession(
            graph,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=[] if whole_numbers else [_REQUANTISING],
        )
    except Exception as problem:  # ONNX Runtime's errors have no common class of their own
        words = str(problem).splitlines()[0]
        raise ModelUnavailable(f"ONNX Runtime cannot load {path}: {words}") from problem


def _unpacked(path: Path) -> tuple[bytes, dict[str, bytes]]:
    """The graph in an archive, and the files with its weights by name. Raises ValueError, BadZipFile.

    In memory, so that the archive, whose hash is known, is all that there is on the disk.
    """
    with zipfile.ZipFile(path) as archive:
        held = {entry.filename.rpartition("/")[2]: entry for entry in archive.infolist() if not entry.is_dir()}
        graphs = [name for name in held if name.endswith(".onnx")]
        if len(graphs) != 1:
            raise ValueError(f"it holds {len(graphs)} graphs")
        graph = archive.read(held.pop(graphs[0]))
        return graph, {name: archive.read(entry) for name, entry in held.items()}


def row(name: str, task: str, access: Access, names: list[str] | None = None) -> ModelRow:
    """The row of the file `name`; `names` are the user's own of its classes. ModelUnavailable, UsageError."""
    if task not in TASKS:
        raise UsageError(f"ONNX files are taken for {', '.join(TASKS)}, not for {task}.")
    path = Path(os.path.expanduser(name))
    session = open_session(path)
    inputs = session.get_inputs()
    shape = inputs[0].shape if inputs else []
    if len(inputs) != 1 or len(shape) != 4 or inputs[0].type != "tensor(float)" or shape[1] not in (3, None, "C"):
        takes = ", ".join(f"{i.type} {i.shape}" for i in inputs) or "nothing"
        raise UsageError(f"{path} takes {takes}; it should take one float tensor (N, 3, H, W).")
    metadata = session.get_modelmeta().custom_metadata_map
    base = ModelRow(
        name=f"onnx:{path.name}",
        tasks=(task,),
        architecture="onnx",
        source=LocalFile(str(path), _sha256(path)),
        input=_spec(metadata, shape[2]),
        labels=(),
        parameters=0,
        gflops=0.0,
        licence="its owner's",
        paper="",
        about="An ONNX file.",
    )
    if task == "classify":
        count = _count_classes(path, session.get_outputs())
        return dataclasses.replace(base, labels=_labels(metadata, count), thresholds=_thresholds(metadata, count))
    if own := _own_export(metadata, task):
        return dataclasses.replace(own, name=base.name, source=base.source, architecture="onnx")
    return _with_layout(base, path, session, metadata, names)


TASKS = ("classify", "detect", "segment")


def task_of(name: str, access: Access) -> str:
    """What the file `name` is for, as far as it shows."""
    session = open_session(Path(os.path.expanduser(name)))
    outputs = [Output(o.name, tuple(n if isinstance(n, int) else -1 for n in o.shape)) for o in session.get_outputs()]
    metadata = session.get_modelmeta().custom_metadata_map
    own = metadata.get("tasks", "").partition(",")[0]
    return own if own in TASKS else likely_task(outputs, _facts(metadata, None))


def _count_classes(path: Path, outputs: Any) -> int:
    count = outputs[0].shape[-1] if len(outputs) and len(outputs[0].shape) == 2 else None
    if not isinstance(count, int) or not 0 < count <= MOST_CLASSES:
        answers = ", ".join(str(o.shape) for o in outputs) or "nothing"
        other = likely_task([Output(o.name, tuple(o.shape), "int" in o.type) for o in outputs], Facts())
        hint = f" It looks like a network for `vision {other}`." if outputs and other != "classify" else ""
        raise UsageError(f"{path} answers {answers}; it should answer (N, classes).{hint}")
    return count


def _own_export(metadata: dict[str, str], task: str) -> ModelRow | None:
    """The row of the network that `vision export` made the file of, where its answer is our own; else None."""
    if not metadata.get("exporter", "").startswith("visioncli "):
        return None
    known = (*embedded.ROWS, *package_index.ROWS)
    return next((r for r in known if r.name == metadata.get("name") and task in r.tasks), None)


def _with_layout(
    base: ModelRow, path: Path, session: Any, metadata: dict[str, str], names: list[str] | None
) -> ModelRow:
    task = base.tasks[0]
    shape = session.get_inputs()[0].shape
    usual = _pixels(metadata) or ((base.input.size,) * 2 if "input" in metadata else (_USUAL_SIZES[task],) * 2)
    height, width = (n if isinstance(n, int) and n > 0 else usual[place] for place, n in enumerate(shape[2:]))
    if max(height, width) > LARGEST_INPUT:
        raise UsageError(f"{path} takes pictures of {width} x {height} pixels, more than {LARGEST_INPUT} on a side.")
    outputs = _shapes(path, session, (height, width))
    facts = _facts(metadata, names)
    letterbox = _letterbox(metadata)
    layout, labels = read_layout(str(path), task, outputs, facts, (height, width), letterbox)
    first = outputs[layout.outputs[0]].shape
    batch = session.get_inputs()[0].shape[0]
    if layout.style in ("suppressed", "lists") and len(first) == 2 and isinstance(batch, int) and batch > 1:
        raise UsageError(f"{path} takes {batch} pictures and answers boxes of none in particular. Export it for one.")
    if task == "segment" and not any(isinstance(n, int) and n > 0 for n in shape[2:]):
        layout = dataclasses.replace(layout, height=0, width=0)
    spec = dataclasses.replace(base.input, size=min(height, width))
    if task == "detect" and layout.style != "queries" and _given(metadata) is None:
        spec = dataclasses.replace(spec, mean=(0.0,) * 3, std=(1.0,) * 3)
    form: Form = "pixels" if task == "segment" else "boxes"
    return dataclasses.replace(base, input=spec, labels=labels, layout=layout, form=form)


_USUAL_SIZES = {"detect": 640, "segment": 512}
_PROBE_SECONDS = 60.0


def _shapes(path: Path, session: Any, size: tuple[int, int]) -> list[Output]:
    """The outputs' shapes; where the file leaves some open, the network is asked with a black picture."""
    outputs = session.get_outputs()
    known = [tuple(n if isinstance(n, int) and n > 0 else 0 for n in o.shape) for o in outputs]
    if any(not n for shape in known for n in shape[1:]):
        first = session.get_inputs()[0]
        batch = first.shape[0] if isinstance(first.shape[0], int) and first.shape[0] > 0 else 1
        black = np.zeros((batch, 3, *size), np.float32)
        try:
            with ended_after(_PROBE_SECONDS) as options:
                answers = session.run(None, {first.name: black}, options)
        except Exception as problem:  # ONNX Runtime's errors have no common class of their own
            words = str(problem).splitlines()[0]
            raise ModelUnavailable(
                f"{path} cannot take a picture of {size[1]} x {size[0]} pixels: {words}"
            ) from problem
        known = [np.shape(answer) for answer in answers]
    return [Output(o.name, shape, "int" in o.type) for o, shape in zip(outputs, known, strict=True)]


def _facts(metadata: dict[str, str], own: list[str] | None) -> Facts:
    """`own` names come before those that the file says."""
    names = dict(enumerate(own)) if own else _names(metadata)
    task = metadata.get("task", "") if "imgsz" in metadata or "stride" in metadata else ""
    ended = metadata.get("end2end", "").lower() == "true"
    return Facts(names, task, ended or _literal(metadata.get("args"), dict, {}).get("nms") is True)


def _literal(text: str | None, kind: type, default: Any) -> Any:
    """A value of `kind` as Python or JSON writes it; `default` where the text is none."""
    try:
        found = ast.literal_eval(text or "")
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError):
        return default
    return found if isinstance(found, kind) else default


def _pixels(metadata: dict[str, str]) -> tuple[int, int] | None:
    """Height and width of the input as YOLO's exporter writes them."""
    sides = _literal(metadata.get("imgsz"), list, [])
    fine = len(sides) == 2 and all(isinstance(n, int) and 0 < n <= LARGEST_INPUT for n in sides)
    return (sides[0], sides[1]) if fine else None


def _letterbox(metadata: dict[str, str]) -> bool | None:
    """Whether the file says that pictures are framed, or squashed (`resize` is 0). None where it says neither."""
    given = _given(metadata)
    if given is None:
        return None
    return given["letterbox"] is True if "letterbox" in given else None if given.get("resize") else False


def _given(metadata: dict[str, str]) -> dict[str, Any] | None:
    try:
        given = json.loads(metadata["input"])
    except (KeyError, ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) and given.keys() >= _INPUT else None


_INPUT = {"size", "resize", "interpolation", "mean", "std"}


def _sha256(path: Path) -> str:
    """The file's SHA-256; where weights lie in files beside it, that of all of them together."""
    own = sha256_of(path)
    names = _external_data(path)
    if not names:
        return own
    return hashlib.sha256("".join([own, *(sha256_of(path.parent / name) for name in names)]).encode()).hexdigest()


def _external_data(path: Path) -> list[str]:
    """Names of the files beside it that hold weights of the file."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(b"location") < 0:
            return []
    import onnx
    from onnx import external_data_helper

    model = onnx.load(path, load_external_data=False)
    tensors = (t for t in external_data_helper._get_all_tensors(model) if external_data_helper.uses_external_data(t))
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    return sorted(name for name in names if (path.parent / name).is_file())


def _spec(metadata: dict[str, str], side: Any) -> InputSpec:
    """What the file says, or else what is usual. Raises ValueError where it says something impossible."""
    size = side if isinstance(side, int) and side > 0 else _DEFAULT_SIZE
    try:
        given = json.loads(metadata["input"])
        numbers = [int(given["size"]), int(given["resize"])]
        mean, std = (tuple(float(n) for n in given[name]) for name in ("mean", "std"))
        interpolation = str(given["interpolation"])
    except OverflowError as problem:
        raise ValueError(f"a number is too large ({problem})") from None
    except (KeyError, ValueError, TypeError, RecursionError):
        if metadata.get("task") == "classify" and "imgsz" in metadata:  # YOLO's classifiers see `pixel / 255`
            return InputSpec(size, size, "bilinear", (0.0,) * 3, (1.0,) * 3)
        return InputSpec(size, round(size * 8 / 7), "bilinear", _MEAN, _STD)
    known = interpolation in ("bicubic", "nearest", "lanczos")
    return InputSpec(numbers[0], numbers[1], interpolation if known else "bilinear", mean, std)  # type: ignore[arg-type]


def _labels(metadata: dict[str, str], count: int) -> str | tuple[tuple[int, str], ...]:
    """The file's own names (as `labels`, or `names` in other programs), ImageNet's, or numbers."""
    names = _names(metadata, count)
    if names is not None:
        return tuple((i, names[i]) for i in range(count))
    return "imagenet1k" if count == 1000 else tuple((i, f"class {i}") for i in range(count))


def _thresholds(metadata: dict[str, str], count: int) -> tuple[float, ...]:
    """What each class's probability must reach, where a picture may have several classes. Raises ValueError."""
    if "thresholds" not in metadata:
        return ()
    try:
        given = json.loads(metadata["thresholds"])
    except (ValueError, RecursionError):
        given = None
    fine = isinstance(given, list) and len(given) == count
    if not fine or not all(type(value) in (int, float) and 0 <= value <= 1 for value in given):
        raise ValueError(f"its thresholds are not {count} numbers between 0 and 1")
    return tuple(float(value) for value in given)


def _names(metadata: dict[str, str], count: int | None = None) -> dict[int, str] | None:
    """The file's own names by number, which are all those below `count` where that is known."""
    for key in ("labels", "names"):
        try:
            given = ast.literal_eval(metadata[key])  # JSON, or the dictionary as Python prints it
            pairs = given.items() if isinstance(given, dict) else enumerate(given)
            names = {int(i): name for i, name in pairs}
        except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError):
            continue
        whole = names.keys() == set(range(count)) if count is not None else 0 < len(names) <= MOST_CLASSES
        if whole and min(names) >= 0 and all(isinstance(name, str | int | float) for name in names.values()):
            return {i: str(name) for i, name in names.items()}
    return None
