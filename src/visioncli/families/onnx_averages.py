"""ONNX networks that normalise by averages over the whole picture, made to run on parts of it.

Instance normalisation subtracts from each map its mean over the picture and divides by its deviation: a part of the
picture has others, so that parts that were run by themselves do not fit together. With the averages of the whole (of
a reduced copy of it) they do: Chen et al., 2021, "Towards Ultra-Resolution Neural Style Transfer via Thumbnail
Instance Normalization", https://arxiv.org/abs/2103.11784.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncli.errors import ModelUnavailable
from visioncli.families.onnx import open_session
from visioncli.families.time_limit import run_within

if TYPE_CHECKING:
    import onnx

_OVER_THE_PICTURE = [2, 3]
_COLOURS = 3


class AveragingNetwork:
    """A network of one picture, `(1, …)`, and of other inputs; it can tell its averages and be given them.

    A run of more than `timeout` seconds is ended: InputError("timed_out"). Raises ModelUnavailable for a file that
    is no such network.
    """

    def __init__(self, path: Path, threads: int | None = None, timeout: float = math.inf) -> None:
        import onnx

        try:
            model = onnx.load(path)
        except Exception as problem:  # protobuf's errors have no common class of their own
            raise ModelUnavailable(f"{path} is not an ONNX file: {problem}.") from problem
        _in_floats(model.graph)
        _of_any_size(model.graph)
        self.averages = [node.output[0] for node in model.graph.node if _is_average(node)]
        self.inputs = [one.name for one in model.graph.input]
        telling, taking = onnx.ModelProto(), onnx.ModelProto()
        telling.CopyFrom(model)
        taking.CopyFrom(model)
        floats = onnx.TensorProto.FLOAT
        telling.graph.output.extend(onnx.helper.make_tensor_value_info(n, floats, None) for n in self.averages)
        kept = [node for node in taking.graph.node if not _is_average(node)]
        del taking.graph.node[:]
        taking.graph.node.extend(kept)
        taking.graph.input.extend(
            onnx.helper.make_tensor_value_info(n, floats, [1, None, 1, 1]) for n in self.averages
        )
        self._timeout = timeout
        self._whole: Any = open_session(path, threads, changed=telling.SerializeToString(), gives_back=True)
        self._part: Any = open_session(path, threads, changed=taking.SerializeToString())

    def whole(self, *values: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The answer for a whole picture, and the averages over it by name."""
        feeds = dict(zip(self.inputs, values, strict=True))
        answer, *averages = run_within(self._timeout, self._whole, feeds)
        return answer, dict(zip(self.averages, averages, strict=True))

    def part(self, averages: dict[str, np.ndarray], *values: np.ndarray) -> np.ndarray:
        """The answer for a part of a picture with those averages."""
        feeds = dict(zip(self.inputs, values, strict=True)) | averages
        answer: np.ndarray = run_within(self._timeout, self._part, feeds)[0]
        return answer


def _is_average(node: "onnx.NodeProto") -> bool:
    if node.op_type == "GlobalAveragePool":
        return True
    axes = next((list(a.ints) for a in node.attribute if a.name == "axes"), None)
    return node.op_type == "ReduceMean" and axes == _OVER_THE_PICTURE


def _in_floats(graph: "onnx.GraphProto") -> None:
    """Takes out the steps that round what is computed to 8 bits; the weights stay what they are.

    Means and variances in 8 bits are coarse, and sums of products overflow on processors without units for them.
    """
    constants = {one.name for one in graph.initializer}
    same: dict[str, str] = {}
    kept = []
    for node in graph.node:
        rounds = node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] not in constants
        if rounds:
            same[node.output[0]] = same.get(node.input[0], node.input[0])
            continue
        for place, name in enumerate(node.input):
            node.input[place] = same.get(name, name)
        kept.append(node)
    made = {name: node for node in kept for name in node.output}
    for one in graph.output:
        if one.name in same:
            node = made[same[one.name]]
            old = same[one.name]
            for each in kept:
                for place, name in enumerate(each.input):
                    each.input[place] = one.name if name == old else name
            node.output[list(node.output).index(old)] = one.name
    del graph.node[:]
    graph.node.extend(kept)
    del graph.value_info[:]


def _of_any_size(graph: "onnx.GraphProto") -> None:
    """Forgets the height and width that the picture and the answer are said to have: no step depends on them."""
    for one in (graph.input[0], graph.output[0]):
        for dim in one.type.tensor_type.shape.dim[1:]:
            if dim.dim_value != _COLOURS:
                dim.ClearField("dim_value")
