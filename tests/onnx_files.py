"""ONNX files with known answers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

_KINDS = {"f": TensorProto.FLOAT, "i": TensorProto.INT64}


def constant(
    path: Path,
    answers: dict[str, Any],
    shape: tuple[Any, ...] = (1, 3, 64, 64),
    open_shape: bool = False,
    **meta: str,
) -> str:
    """A network that answers the same to every picture, as a spec; `open_shape` leaves out of what shape."""
    arrays = {name: np.asarray(value) for name, value in answers.items()}
    arrays = {n: a.astype(np.float32 if a.dtype.kind == "f" else np.int64) for n, a in arrays.items()}
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"{name}_value"], [name]) for name in arrays],
        "constant",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(
                n, _KINDS[a.dtype.kind], [f"{n}{d}" for d in a.shape] if open_shape else a.shape
            )
            for n, a in arrays.items()
        ],
        [numpy_helper.from_array(a, f"{n}_value") for n, a in arrays.items()],
    )
    return save(path, graph, meta)


def cells(path: Path, side: int = 64, cell: int = 8, **meta: str) -> str:
    """A detector of one class whose boxes are the cells of a grid, scored by how green each is, `(N, 5, A)`."""
    count = side // cell
    y, x = np.mgrid[:count, :count].reshape(2, -1) * cell + cell / 2
    boxes = np.stack([x, y, np.full_like(x, cell), np.full_like(x, cell)])[None].astype(np.float32)
    initial = {
        "boxes": boxes,
        "shape": np.array([1, 1, count * count]),
        "green": np.array([1]),
        "axis": np.array([1]),
    }
    initial |= {"end": np.array([2])}
    graph = helper.make_graph(
        [
            helper.make_node("Slice", ["x", "green", "end", "axis"], ["plane"]),
            helper.make_node("AveragePool", ["plane"], ["means"], kernel_shape=[cell, cell], strides=[cell, cell]),
            helper.make_node("Reshape", ["means", "shape"], ["scores"]),
            helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
        ],
        "cells",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, side, side))],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, (1, 5, count * count))],
        [numpy_helper.from_array(array, name) for name, array in initial.items()],
    )
    return save(path, graph, meta)


def channels(path: Path, labels: tuple[str, ...] = ("red", "green", "blue"), gain: float = 10.0, **meta: str) -> str:
    """A classifier whose logits are the means of the channels, times `gain`; further labels get 0."""
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "channels",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 3, 8, 8))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("N", len(labels)))],
        [numpy_helper.from_array(gain * np.eye(3, len(labels), dtype=np.float32), "weights")],
    )
    spec = {"size": 8, "resize": 0, "interpolation": "bilinear", "mean": [0.0] * 3, "std": [1.0] * 3}
    about = {"labels": json.dumps(dict(enumerate(labels))), "input": json.dumps(spec)}
    return save(path, graph, about | meta)


def planes(path: Path, shape: tuple[Any, ...] = ("N", 3, "H", "W"), **meta: str) -> str:
    """A segmentation network whose logits are the colours themselves, at half the size, `(N, 3, h, w)`."""
    graph = helper.make_graph(
        [helper.make_node("AveragePool", ["x"], ["logits"], kernel_shape=[2, 2], strides=[2, 2])],
        "planes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("N", 3, "h", "w"))],
    )
    return save(path, graph, meta)


def save(path: Path, graph: Any, meta: dict[str, str]) -> str:
    """The graph as a file, named as `--model` takes it."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, meta)
    path.write_bytes(model.SerializeToString())
    return f"onnx:{path}"
