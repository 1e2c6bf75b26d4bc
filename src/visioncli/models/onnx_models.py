"""`onnx:FILE`: a classification network in the ONNX format, with its labels in the file or given by --labels.

Metadata that it reads, as `vision export` writes it: `labels` (JSON: id -> name) and `input` (JSON: the fields of
`InputSpec`). Without, pictures are scaled as for ImageNet and the shorter side is resized to 8/7 of the input.
"""

import ast
import json
from pathlib import Path
from typing import Any

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models.downloads import Access
from visioncli.models.row import InputSpec, LocalFile, ModelRow
from visioncli.models.weights import sha256_of
from visioncli.silence import silent_onnxruntime

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_DEFAULT_SIZE = 224


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
    path = Path(name).expanduser()
    session = open_session(path)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or inputs[0].type != "tensor(float)" or shape[1] not in (3, None, "C"):
        raise UsageError(f"{path} takes {inputs[0].type} {shape}; it should take one float tensor (N, 3, H, W).")
    count = outputs[0].shape[-1] if len(outputs[0].shape) == 2 else None
    if not isinstance(count, int):
        raise UsageError(f"{path} answers {outputs[0].shape}; it should answer (N, classes).")
    metadata = session.get_modelmeta().custom_metadata_map
    return ModelRow(
        name=f"onnx:{path.name}",
        tasks=("classify",),
        architecture="onnx_models",
        source=LocalFile(str(path), sha256_of(path)),
        input=_spec(metadata, shape[2]),
        labels=_labels(metadata, count),
        parameters=0,
        gflops=0.0,
        licence="its owner's",
        paper="",
        about="An ONNX file.",
    )


def _spec(metadata: dict[str, str], side: Any) -> InputSpec:
    size = side if isinstance(side, int) and side > 0 else _DEFAULT_SIZE
    try:
        given = json.loads(metadata["input"])
        return InputSpec(
            int(given["size"]),
            int(given["resize"]),
            given["interpolation"] if given["interpolation"] in ("bicubic", "nearest", "lanczos") else "bilinear",
            tuple(given["mean"]),
            tuple(given["std"]),
        )
    except (KeyError, ValueError, TypeError):
        return InputSpec(size, round(size * 8 / 7), "bilinear", _MEAN, _STD)


def _labels(metadata: dict[str, str], count: int) -> str | tuple[tuple[int, str], ...]:
    """The file's own names (as `labels`, or `names` in other programs), ImageNet's, or numbers."""
    for key in ("labels", "names"):
        try:
            given = ast.literal_eval(metadata[key])  # JSON, or the dictionary as Python prints it
            pairs = given.items() if isinstance(given, dict) else enumerate(given)
            names = tuple(sorted((int(i), str(name)) for i, name in pairs))
        except (KeyError, ValueError, TypeError, SyntaxError):
            continue
        if len(names) == count:
            return names
    return "imagenet1k" if count == 1000 else tuple((i, f"class {i}") for i in range(count))
