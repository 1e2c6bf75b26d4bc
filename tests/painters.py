"""Networks that paint, small and seeded, in files as the published ones are; and the package with them.

They are shaped as those are: instance normalisation by averages over the picture, colours apart or not, numbers of a
style, and in one of them fixed sizes and steps in 8 bits.
"""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from visioncli.models import registry
from visioncli.models.row import Carrier, ModelRow
from visioncli.weights.places import sha256_of

PACKAGE = "tiny_painters"


Shape = list[int | str]


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, Shape],
    output: tuple[str, Shape],
    weights: dict[str, np.ndarray],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "painter",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape).astype(np.float32)


def _pad(source: str, target: str, pixels: str) -> onnx.NodeProto:
    return helper.make_node("Pad", [source, pixels], [target], mode="reflect")


def named_styles(path: Path) -> Path:
    """26 styles, `image` `(1, 3, h, w)` and `style_weights` `(26,)`."""
    rng = np.random.default_rng(1)
    average = {"axes": [2, 3], "keepdims": 1}
    nodes = [
        _pad("image", "p1", "by2"),
        helper.make_node("Conv", ["p1", "w1"], ["c1"], strides=[2, 2]),
        helper.make_node("ReduceMean", ["c1"], ["mean"], **average),
        helper.make_node("Sub", ["c1", "mean"], ["d"]),
        helper.make_node("Mul", ["d", "d"], ["d2"]),
        helper.make_node("ReduceMean", ["d2"], ["variance"], **average),
        helper.make_node("Add", ["variance", "eps"], ["v"]),
        helper.make_node("Sqrt", ["v"], ["s"]),
        helper.make_node("Div", ["d", "s"], ["n"]),
        helper.make_node("MatMul", ["style_weights", "gamma"], ["g"]),
        helper.make_node("Reshape", ["g", "maps"], ["g4"]),
        helper.make_node("Mul", ["n", "g4"], ["m"]),
        helper.make_node("Resize", ["m", "", "twice"], ["r"], mode="nearest"),
        _pad("r", "p2", "by1"),
        helper.make_node("Conv", ["p2", "w2"], ["c2"]),
        helper.make_node("Sigmoid", ["c2"], ["stylized"]),
    ]
    weights = {
        "by2": np.array([0, 0, 2, 2, 0, 0, 2, 2]),
        "by1": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "w1": _normal(rng, 6, 3, 5, 5),
        "w2": _normal(rng, 3, 6, 3, 3) * 2,
        "eps": np.float32(1e-5).reshape(()),
        "gamma": (1 + rng.random((26, 6))).astype(np.float32) * rng.choice([-1, 1], (26, 6)).astype(np.float32),
        "maps": np.array([1, 6, 1, 1]),
        "twice": np.array([1, 1, 2, 2], np.float32),
    }
    inputs: dict[str, Shape] = {"image": [1, 3, "h", "w"], "style_weights": [26]}
    return _save(path, nodes, inputs, ("stylized", [1, 3, "h", "w"]), weights)


def any_style(path: Path) -> Path:
    """The style by 100 numbers, `(1, 384, 384, 3)` in a file that says so, rounded to 8 bits on its way."""
    rng = np.random.default_rng(2)
    nodes = [
        helper.make_node("Transpose", ["content"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("QuantizeLinear", ["nchw", "scale", "zero"], ["q"]),
        _pad("q", "qp", "by1"),
        helper.make_node("DequantizeLinear", ["qp", "scale", "zero"], ["p"]),
        helper.make_node("DequantizeLinear", ["w1", "scale", "zero"], ["wide"]),
        helper.make_node("Conv", ["p", "wide"], ["c1"]),
        helper.make_node("GlobalAveragePool", ["c1"], ["mean"]),
        helper.make_node("Sub", ["c1", "mean"], ["d"]),
        helper.make_node("Reshape", ["vector", "maps"], ["v4"]),
        helper.make_node("Conv", ["v4", "look"], ["gain"]),
        helper.make_node("Mul", ["d", "gain"], ["m"]),
        helper.make_node("Add", ["m", "mean"], ["a"]),
        helper.make_node("Sigmoid", ["a"], ["s"]),
        helper.make_node("Transpose", ["s"], ["nhwc"], perm=[0, 2, 3, 1]),
        helper.make_node("QuantizeLinear", ["nhwc", "scale", "zero"], ["out8"]),
        helper.make_node("DequantizeLinear", ["out8", "scale", "zero"], ["painted"]),
    ]
    weights = {
        "by1": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "scale": np.float32(1 / 16).reshape(()),
        "zero": np.array(0, np.int8),
        "w1": rng.integers(-9, 10, (3, 3, 3, 3)).astype(np.int8),
        "maps": np.array([1, 100, 1, 1]),
        "look": _normal(rng, 3, 100, 1, 1) * 20,
    }
    inputs: dict[str, Shape] = {"content": [1, 384, 384, 3], "vector": [1, 1, 1, 100]}
    return _save(path, nodes, inputs, ("painted", [1, 384, 384, 3]), weights)


def style_vector(path: Path) -> Path:
    """100 numbers that follow from a picture's mean colour, `(1, 256, 256, 3)`."""
    rng = np.random.default_rng(3)
    nodes = [
        helper.make_node("ReduceMean", ["style"], ["mean"], axes=[1, 2], keepdims=1),
        helper.make_node("MatMul", ["mean", "w"], ["vector"]),
    ]
    weights = {"w": _normal(rng, 3, 100)}
    inputs: dict[str, Shape] = {"style": [1, 256, 256, 3]}
    return _save(path, nodes, inputs, ("vector", [1, 1, 1, 100]), weights)


WRITERS = {"multistyle26": named_styles, "arbitrary_style": any_style, "style_vector": style_vector}


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModelRow]:
    """The package of small painters, installed in `folder`, and the registry's rows with its files; by name."""
    package = folder / PACKAGE
    package.mkdir(parents=True)
    # As of the embedded networks' packages: whoever imports it has made a mistake.
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    rows = {}
    for name, write in WRITERS.items():
        file = f"models/{name}.onnx"
        path = write(package / file)
        source = Carrier("tiny-painters", "1.0", PACKAGE, file, sha256_of(path), "style")
        rows[name] = dataclasses.replace(registry.find(name), source=source)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(registry, "ROWS", tuple(rows.get(row.name, row) for row in registry.ROWS))
    return rows
