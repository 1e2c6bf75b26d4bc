"""Static 8-bit graphs: the compiled network with QuantizeLinear and DequantizeLinear where it may compute in int8.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018:
weights are int8 with a scale for each output channel, what flows between layers is uint8 with one scale and zero
point a tensor, biases are int32. The tensors' scales come of ranges that were measured (`models.activation_ranges`).
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from visioncli.silence import silent_onnxruntime

_WEIGHTED = frozenset({"Conv", "Gemm"})
_BOUNDING = frozenset({"Clip", "Relu"})
_QUANTISED = _WEIGHTED | _BOUNDING | {"Add", "Concat", "Resize"}


class RangesDoNotFit(ValueError):
    """The ranges are not those of this graph."""


def quantise(model: Any, ranges: Mapping[str, tuple[float, float]], exact: Collection[str] = ()) -> Any:
    """The 8-bit form of an ONNX model; `model`, a `ModelProto`, is changed.

    `ranges` are the least and the greatest value of every tensor that `measured` names. Outputs stay float32, and so
    do the layers whose modules `exact` names.
    Raises RangesDoNotFit where one is missing or belongs to no tensor.
    """
    silent_onnxruntime()
    from onnxruntime.quantization import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.quant_utils import QuantType, save_and_reload_model_with_shape_infer

    tensors = measured(model, exact)
    if unknown := sorted(ranges.keys() ^ set(tensors)):
        what = ", ".join(unknown[:3]) + (" …" if len(unknown) > 3 else "")
        raise RangesDoNotFit(f"{len(unknown)} of {len(tensors)} ranges do not fit: {what}")
    data = {
        tensor: TensorData(lowest=np.float32(ranges[name][0]), highest=np.float32(ranges[name][1]))
        for name, tensor in tensors.items()
    }
    data |= {n.input[0]: data[n.output[0]] for n in _nodes(model, exact) if _shares_nothing(n, _readers(model))}
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises its developers
    try:
        quantiser = QDQQuantizer(
            save_and_reload_model_with_shape_infer(model),
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, data),
            nodes_to_quantize=[node.name for node in _nodes(model, exact)],
            nodes_to_exclude=[],
            op_types_to_quantize=sorted(_QUANTISED),
            # QGemm, unlike QLinearConv, has a form that answers in float32.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        return quantiser.quantize_model()
    finally:
        logging.disable(before)


def measured(model: Any, exact: Collection[str] = ()) -> dict[str, str]:
    """The tensors whose ranges `quantise` needs: by a name that no exporter chooses, the tensor's name in the graph.

    Names are those of the module that holds the weights, `blocks.3.expand.0` for what comes out of its activation;
    for other operators that of the last module before them and what was done since, `blocks.4.project.0/Add`.
    Of an activation that nothing else shares only what comes out is measured. `model` is made ready for `quantise`.
    """
    _prepare(model)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    chosen = _nodes(model, exact)
    needed = {name for node in chosen for name in (*node.input, *node.output) if name and name not in constants}
    needed -= {name for node in chosen if node.op_type == "Gemm" for name in node.output}
    readers = _readers(model)
    for node in chosen:
        if _shares_nothing(node, readers):
            needed.discard(node.input[0])
    names = {}
    for tensor, name in _names(model).items():
        if tensor in needed:
            if name in names:
                raise RangesDoNotFit(f"two tensors are called {name}")
            names[name] = tensor
    return names


def _prepare(model: Any) -> None:
    """Names every node; lets what asks only for a tensor's shape ask behind its activation, which can then go."""
    bounded = {n.input[0]: n.output[0] for n in model.graph.node if n.op_type in _BOUNDING}
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
        if node.op_type == "Shape" and node.input[0] in bounded:
            node.input[0] = bounded[node.input[0]]
    _sort(model)


def _sort(model: Any) -> None:
    """Each node after those whose outputs it takes."""
    ready = {tensor.name for tensor in (*model.graph.initializer, *model.graph.input)} | {""}
    waiting, ordered = list(model.graph.node), []
    while waiting:
        later = []
        for node in waiting:
            if ready.issuperset(node.input):
                ordered.append(node)
                ready.update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise RangesDoNotFit("the graph has a circle")
        waiting = later
    del model.graph.node[:]
    model.graph.node.extend(ordered)


def _readers(model: Any) -> dict[str, list[Any]]:
    readers = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            readers[name].append(node)
    return readers


def _shares_nothing(node: Any, readers: dict[str, list[Any]]) -> bool:
    """Whether it is an activation, and what it takes goes nowhere else: integers of its range have its bounds."""
    return node.op_type in _BOUNDING and len(readers[node.input[0]]) == 1


def _nodes(model: Any, exact: Collection[str]) -> list[Any]:
    """Nodes that compute in int8: up to the last layer with weights of each path, not what makes answers of it."""
    makers = {name: node for node in model.graph.node for name in node.output}
    waiting = [node for node in model.graph.node if node.op_type in _WEIGHTED]
    values = _names(model, everything=True)
    found = {node.name: node for node in waiting}
    while waiting:
        for name in waiting.pop().input:
            before = makers.get(name)
            if before is not None and name in values and before.name not in found:
                found[before.name] = before
                waiting.append(before)
    own = [node for node in model.graph.node if node.op_type in _WEIGHTED and _module(node) in exact]
    if missing := set(exact) - {_module(node) for node in own}:
        raise RangesDoNotFit(f"there is no module {min(missing)}")
    left_out = {node.name for node in own}
    return [
        node
        for node in model.graph.node
        if node.name in found and node.op_type in _QUANTISED and node.name not in left_out
    ]


def _module(node: Any) -> str:
    return str(node.input[1]).removesuffix(".weight")


def _names(model: Any, *, everything: bool = False) -> dict[str, str]:
    """For every tensor that comes of the input, a name by which module it comes from and what was done since."""
    constants = {tensor.name for tensor in model.graph.initializer}
    readers = _readers(model)
    names = {model.graph.input[0].name: (-1, "input")}
    for number, node in enumerate(model.graph.node):
        if node.op_type == "Shape":  # what comes of it is no picture
            continue
        if node.op_type in _WEIGHTED and node.input[1] in constants:
            found = number, _module(node)
        else:
            before = [names[name] for name in node.input if name in names]
            if not before:
                continue
            place, name = max(before)
            found = place, name if _shares_nothing(node, readers) else f"{name}/{node.op_type}"
        names.update(dict.fromkeys(node.output, found))
    # What an activation takes has the name of what it gives.
    for node in model.graph.node:
        if _shares_nothing(node, readers) and not everything:
            names.pop(node.input[0], None)
    return {tensor: name for tensor, (_, name) in names.items()}
