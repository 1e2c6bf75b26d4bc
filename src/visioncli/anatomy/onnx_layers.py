"""What each node of an ONNX file costs: shapes, parameters, multiply-adds, for one picture."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visioncli.errors import UsageError

_PLUMBING = frozenset({"Constant", "Identity", "Shape", "Cast"})


def read_layers(path: Path, size: int | None, usual: int) -> tuple[list[dict[str, Any]], int]:
    """The fields of each layer as `layers.Layer` has them, in the order of running, and the parameters of all.

    Where the file leaves the input's sides open they have `size` pixels, or else the `usual` number. Raises
    UsageError where the network cannot take pictures of `size` pixels, or the file does not say its shapes.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    weights = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer if tensor.data_type in _FLOATS}
    shapes: dict[str, tuple[int, ...]] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in shapes]
    dims = inputs[0].type.tensor_type.shape.dim
    fixed = {dim.dim_value for dim in list(dims)[2:] if dim.dim_value}
    if size is not None and fixed - {size}:
        raise UsageError(f"{path} takes pictures of {max(fixed)} pixels, not of {size}.")
    for dim, wanted in zip(dims, (1, 3, size or usual, size or usual), strict=True):
        dim.dim_value = dim.dim_value or wanted
    try:
        known = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    except onnx.shape_inference.InferenceError as problem:
        words = " ".join(str(problem).split())[:200]
        raise UsageError(f"{path} cannot take pictures of {size or usual} pixels: {words}") from None
    for value in (*known.input, *known.value_info, *known.output):
        dims = value.type.tensor_type.shape.dim
        shapes[value.name] = tuple(d.dim_value for d in dims)
    counted: set[str] = set()
    layers = []
    for node in graph.node:
        if node.op_type in _PLUMBING:
            continue
        own = [name for name in node.input if name in weights and name not in counted]
        counted.update(own)
        output = shapes.get(node.output[0], ())
        layers.append(
            {
                "name": node.name or node.output[0],
                "kind": node.op_type,
                "parameters": sum(weights[name] for name in own),
                "output": output if all(output) else (),
                "multiply_adds": _multiply_adds(node, shapes),
                **_geometry(node, shapes),
            }
        )
    return layers, sum(weights.values())


_FLOATS = (1, 10, 11, 16)
"""Numbers of the format's types: float32, float16, float64, bfloat16. Others are shapes and places."""


def _multiply_adds(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> int:
    output, inputs = shapes.get(node.output[0], ()), [shapes.get(name, ()) for name in node.input]
    if node.op_type == "Conv" and len(inputs[1]) > 1:
        return math.prod(output) * math.prod(inputs[1][1:])
    if node.op_type == "ConvTranspose":
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if node.op_type == "Gemm":
        turned = next((a.i for a in node.attribute if a.name == "transA"), 0)
        return math.prod(output) * (inputs[0][0 if turned else -1] if inputs[0] else 0)
    if node.op_type == "MatMul" and inputs[0]:
        return math.prod(output) * inputs[0][-1]
    return 0


def _geometry(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    found = {a.name: list(a.ints) for a in node.attribute if a.ints}
    if node.op_type in ("Conv", "ConvTranspose") and "kernel_shape" not in found:
        found["kernel_shape"] = list(shapes.get(node.input[1], ())[2:])
    if not found.get("kernel_shape"):
        return {}
    two = len(found["kernel_shape"])
    return {
        "kernel": _short(found["kernel_shape"]),
        "stride": _short(found.get("strides", [1] * two)),
        "padding": _short(found.get("pads", [0] * two)[:two]),
        "dilation": _short(found.get("dilations", [1] * two)),
    }


def _short(values: list[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else "x".join(map(str, values))
