from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from visioncli.engines.compile import compile_model, compiled_file
from visioncli.engines.quantise import RangesDoNotFit, measured, quantise
from visioncli.families.onnx import open_session
from visioncli.models.activation_ranges import activation_ranges
from visioncli.models.registry import find

EMBEDDED = (
    "efficientnet_lite3",
    "efficientnet_lite0",
    "ssd_mobilenet_v2",
    "deeplab_v3_mobilenet_v2",
    "movenet_lightning",
)
RANGES = {
    "input": (-1.0, 1.0),
    "first": (0.0, 6.0),
    "second": (-3.0, 3.0),
    "second/Add": (-3.0, 9.0),
    "third": (0.0, 6.0),
}
LATER = ("second", "third", "last")


def small(prefix: str = "value") -> Any:
    """Convolutions with activations and a shortcut, a last one, and a softmax; tensors are called `prefix…`."""
    rng = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(rng.uniform(-0.4, 0.4, shape).astype(np.float32), name)

    constants = [
        *(
            weights(f"{name}.weight", 4, channels, 1, 1)
            for name, channels in (("first", 3), *((n, 4) for n in LATER))
        ),
        *(weights(f"{name}.bias", 4) for name in ("first", *LATER)),
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.float32(6), "six"),
    ]

    def conv(name: str, source: str, to: str) -> onnx.NodeProto:
        return helper.make_node("Conv", [source, f"{name}.weight", f"{name}.bias"], [to], kernel_shape=[1, 1])

    nodes = [
        conv("first", "pictures", f"{prefix}1"),
        helper.make_node("Clip", [f"{prefix}1", "zero", "six"], [f"{prefix}2"]),
        conv("second", f"{prefix}2", f"{prefix}3"),
        helper.make_node("Add", [f"{prefix}2", f"{prefix}3"], [f"{prefix}4"]),
        conv("third", f"{prefix}4", f"{prefix}5"),
        helper.make_node("Clip", [f"{prefix}5", "zero", "six"], [f"{prefix}6"]),
        conv("last", f"{prefix}6", f"{prefix}7"),
        helper.make_node("Softmax", [f"{prefix}7"], ["answer"], axis=1),
    ]
    shape = [1, None, 8, 8]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("pictures", "answer")]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def answer(model: Any, folder: Path, picture: np.ndarray) -> np.ndarray:
    path = folder / "model.onnx"
    onnx.save(model, path)
    (found,) = open_session(path, 1).run(None, {"pictures": picture})
    return found  # type: ignore[no-any-return]


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (1, 3, 8, 8)).astype(np.float32)


@pytest.mark.parametrize("prefix", ["value", "getitem_"])
def test_ranges_are_called_after_modules_whatever_the_exporter_calls_its_tensors(prefix: str) -> None:
    found = measured(small(prefix))
    assert found == {
        "input": "pictures",
        "first": f"{prefix}2",
        "second": f"{prefix}3",
        "second/Add": f"{prefix}4",
        "third": f"{prefix}6",
        "last": f"{prefix}7",
    }


def test_an_8_bit_graph_answers_nearly_as_the_float_one(tmp_path: Path, picture: np.ndarray) -> None:
    whole = answer(small(), tmp_path, picture)
    model = quantise(small(), RANGES | {"last": (-4.0, 4.0)})
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("QuantizeLinear") == 6
    assert "Clip" not in kinds  # integers of 0 to 6 have its bounds
    near = answer(model, tmp_path, picture)
    assert near.dtype == np.float32
    assert 0 < np.abs(near - whole).max() < 0.02


def test_weights_have_a_scale_for_each_channel() -> None:
    model = quantise(small(), RANGES | {"last": (-4.0, 4.0)})
    scales = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.name.endswith("weight_scale")}
    assert [scale.shape for scale in scales.values()] == [(4,)] * 4


def test_exact_layers_stay_as_they_are(tmp_path: Path, picture: np.ndarray) -> None:
    model = quantise(small(), RANGES, ["last"])
    kept = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    before = {t.name: numpy_helper.to_array(t) for t in small().graph.initializer}
    assert np.array_equal(kept["last.weight"], before["last.weight"])
    assert np.abs(answer(model, tmp_path, picture) - answer(small(), tmp_path, picture)).max() < 0.02


def test_float_layers_between_8_bit_ones_are_computed_in_float(tmp_path: Path, picture: np.ndarray) -> None:
    """ONNX Runtime would make integers of their weights: the error is then 0.015."""
    model = small()
    (third,) = (tensor for tensor in model.graph.initializer if tensor.name == "third.weight")
    wild = numpy_helper.to_array(third).copy()
    wild[0] *= 1000
    third.CopyFrom(numpy_helper.from_array(wild, third.name))
    whole = answer(model, tmp_path, picture)
    near = answer(quantise(model, RANGES | {"last": (-4.0, 4.0)}, ["third"]), tmp_path, picture)
    assert np.abs(near - whole).max() < 0.008


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        (RANGES, "1 of 6 ranges do not fit: last"),
        (RANGES | {"last": (0.0, 1.0), "fourth": (0.0, 1.0)}, "1 of 6 ranges do not fit: fourth"),
    ],
)
def test_ranges_of_another_graph_are_refused(ranges: dict[str, tuple[float, float]], words: str) -> None:
    with pytest.raises(RangesDoNotFit, match=words):
        quantise(small(), ranges)


def test_exact_modules_that_are_not_there_are_refused() -> None:
    with pytest.raises(RangesDoNotFit, match="no module head"):
        quantise(small(), RANGES, ["head"])


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_shipped_ranges_are_those_of_the_exported_network(name: str) -> None:
    row = find(name)
    path = compiled_file(row)
    known = activation_ranges(row)
    assert known is not None
    model = onnx.load(path if path.is_file() else compile_model(row))
    assert set(measured(model, known.exact)) == set(known.ranges)
