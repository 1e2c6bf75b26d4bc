"""`onnx:FILE`: a classification network in the ONNX format, with its labels in the file or given by --labels.

Metadata that it reads, as `vision export` writes it: `labels` (JSON: id -> name) and `input` (JSON: the fields of
`InputSpec`). Without, pictures are scaled as for ImageNet and the shorter side is resized to 8/7 of the input.
"""

import ast
import hashlib
import json
import mmap
import os
from pathlib import Path
from typing import Any

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models.row import InputSpec, LocalFile, ModelRow
from visioncli.silence import silent_onnxruntime
from visioncli.weights.downloads import Access
from visioncli.weights.places import sha256_of

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_DEFAULT_SIZE = 224
MOST_CLASSES = 1_000_000


def open_session(path: Path, threads: int | None = None) -> Any:
    """The file in ONNX Runtime, on the CPU. Raises ModelUnavailable."""
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
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # ONNX Runtime's errors have no common class of their own
        words = str(problem).splitlines()[0]
        raise ModelUnavailable(f"ONNX Runtime cannot load {path}: {words}") from problem


def row(name: str, task: str, access: Access) -> ModelRow:
    """The row of the file `name`. Raises ModelUnavailable and UsageError."""
    if task != "classify":
        raise UsageError(f"ONNX files are taken for classify, not for {task}.")
    path = Path(os.path.expanduser(name))
    session = open_session(path)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = inputs[0].shape if inputs else []
    if len(inputs) != 1 or len(shape) != 4 or inputs[0].type != "tensor(float)" or shape[1] not in (3, None, "C"):
        takes = ", ".join(f"{i.type} {i.shape}" for i in inputs) or "nothing"
        raise UsageError(f"{path} takes {takes}; it should take one float tensor (N, 3, H, W).")
    count = outputs[0].shape[-1] if len(outputs) and len(outputs[0].shape) == 2 else None
    if not isinstance(count, int) or not 0 < count <= MOST_CLASSES:
        answers = ", ".join(str(o.shape) for o in outputs) or "nothing"
        raise UsageError(f"{path} answers {answers}; it should answer (N, classes).")
    metadata = session.get_modelmeta().custom_metadata_map
    return ModelRow(
        name=f"onnx:{path.name}",
        tasks=("classify",),
        architecture="onnx",
        source=LocalFile(str(path), _sha256(path)),
        input=_spec(metadata, shape[2]),
        labels=_labels(metadata, count),
        parameters=0,
        gflops=0.0,
        licence="its owner's",
        paper="",
        about="An ONNX file.",
    )


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
        return InputSpec(size, round(size * 8 / 7), "bilinear", _MEAN, _STD)
    known = interpolation in ("bicubic", "nearest", "lanczos")
    return InputSpec(numbers[0], numbers[1], interpolation if known else "bilinear", mean, std)  # type: ignore[arg-type]


def _labels(metadata: dict[str, str], count: int) -> str | tuple[tuple[int, str], ...]:
    """The file's own names (as `labels`, or `names` in other programs), ImageNet's, or numbers."""
    for key in ("labels", "names"):
        try:
            given = ast.literal_eval(metadata[key])  # JSON, or the dictionary as Python prints it
            pairs = given.items() if isinstance(given, dict) else enumerate(given)
            names = {int(i): name for i, name in pairs}
        except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError):
            continue
        if names.keys() == set(range(count)) and all(isinstance(name, str | int | float) for name in names.values()):
            return tuple((i, str(names[i])) for i in range(count))
    return "imagenet1k" if count == 1000 else tuple((i, f"class {i}") for i in range(count))
