"""ONNX files that say odd things of themselves."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from endless import looping
from visioncli import load
from visioncli.errors import InputError, ModelUnavailable, UsageError
from visioncli.families.onnx import open_session
from visioncli.models.row import InputSpec
from visioncli.resolve import resolve

SPEC = {"size": 8, "resize": 8, "interpolation": "bilinear", "mean": [0, 0, 0], "std": [1, 1, 1]}
SAMPLE = Path(__file__).resolve().parents[2] / "sample_images" / "coffee.png"


def network(
    folder: Path, weights: Any = None, external: str = "", shape: tuple[Any, ...] = ("N", 3, 8, 8), **metadata: str
) -> str:
    """A network that mixes the mean colours into two classes, as a spec."""
    values = np.zeros((3, 2), np.float32) if weights is None else np.asarray(weights, np.float32)
    tensor = numpy_helper.from_array(values, "w")
    if external:
        tensor = TensorProto(name="w", data_type=1, dims=values.shape, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", external), ("offset", "0"), ("length", str(values.nbytes))):
            tensor.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["y"]),
        ],
        "colours",
        [helper.make_tensor_value_info("x", 1, shape)],
        [helper.make_tensor_value_info("y", 1, ["N", 2])],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return f"onnx:{folder / 'net.onnx'}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"std": [0, 1, 1]}, "std, by which pixels are divided, is above zero"),
        ({"std": [-1, 1, 1]}, "above zero"),
        ({"std": [1, 1]}, "three channels"),
        ({"mean": [float("nan"), 0, 0]}, "mean is one finite number"),
        ({"size": 0}, "size lies between 1 and 8192"),
        ({"size": 10**9}, "size lies between"),
        ({"resize": -1}, "resize lies between 0"),
        ({"size": float("inf")}, "too large"),
    ],
)
def test_impossible_preprocessing_is_named(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=words):
        resolve(network(tmp_path, input=json.dumps(SPEC | change)), "classify")


@pytest.mark.parametrize("text", ["[" * 100_000, "other words", "[]", "{}", "null"])
def test_metadata_of_other_programs_is_left_alone(text: str, tmp_path: Path) -> None:
    assert resolve(network(tmp_path, input=text), "classify").input == InputSpec(
        8, 9, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    )


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "-" * 100_000 + "1",
        "[" * 5000 + "]" * 5000,
        "{1e999: 'a', 1: 'b'}",
        "{5: 'a', 9: 'b'}",
        "[[1], {}]",
        "{" + "9" * 4000 + ": 'a', 1: 'b'}",
    ],
)
def test_names_that_are_none_give_way_to_numbers(text: str, tmp_path: Path) -> None:
    assert resolve(network(tmp_path, labels=text), "classify").labels == ((0, "class 0"), (1, "class 1"))


@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_an_answer_that_is_not_finite_is_an_error(weight: float, tmp_path: Path) -> None:
    classify = load("classify", network(tmp_path, np.full((3, 2), weight)))
    with pytest.raises(InputError, match="not finite"):
        classify(SAMPLE)


def test_weights_beside_the_file_belong_to_its_hash(tmp_path: Path) -> None:
    spec = network(tmp_path, external="w.bin")
    found = []
    for number in (0, 1):
        (tmp_path / "w.bin").write_bytes(np.full((3, 2), number, np.float32).tobytes())
        found.append(resolve(spec, "classify").source.sha256)
    assert found[0] != found[1]


@pytest.mark.parametrize("name", ["../../../../../../../../etc/passwd", "/etc/passwd", "/dev/zero", "absent.bin"])
def test_weights_elsewhere_are_not_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="ONNX Runtime cannot load"):
        resolve(network(tmp_path, external=name), "classify")


def test_shapes_that_no_picture_can_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises((ModelUnavailable, UsageError)):
        resolve(network(tmp_path, shape=(1, 3, 100_000, 100_000)), "classify")


def test_a_network_with_an_endless_loop_is_ended_when_it_is_asked_for_its_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(looping(tmp_path / "loop.onnx"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "open"
    onnx.save(model, tmp_path / "loop.onnx")
    monkeypatch.setattr("visioncli.families.onnx._PROBE_SECONDS", 0.1)
    with pytest.raises(ModelUnavailable, match="cannot take a picture of 8 x 8 pixels"):
        resolve(f"onnx:{tmp_path / 'loop.onnx'}", "detect")


def test_a_file_may_say_that_a_picture_has_several_classes(tmp_path: Path) -> None:
    spec = network(tmp_path, [[9, -1]] * 3, input=json.dumps(SPEC), thresholds="[0.5, 0.05]")
    record = load("classify", spec)(SAMPLE)
    assert [(p.label_id, round(p.score)) for p in record.predictions] == [(0, 1), (1, 0)]


@pytest.mark.parametrize("text", ["[0.5]", "[0.5, 2]", "[0.5, true]", "[0.5, NaN]", "0.5", "half", "[" * 100_000])
def test_thresholds_that_are_none_are_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="its thresholds are not 2 numbers between 0 and 1"):
        resolve(network(tmp_path, thresholds=text), "classify")


def test_a_graph_in_an_archive_finds_its_weights_beside_it(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.array([[2.0], [3.0]], np.float32), "w")
    external_data_helper.set_external_data(weights, "w.data", offset=0, length=8)
    data = weights.raw_data
    weights.ClearField("raw_data")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
        [weights],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    with zipfile.ZipFile(tmp_path / "a.onnx.zip", "w") as archive:
        archive.writestr("folder/model.onnx", model.SerializeToString())
        archive.writestr("folder/w.data", data)
    session = open_session(tmp_path / "a.onnx.zip")
    assert session.run(None, {"x": np.array([[1, 10]], np.float32)})[0] == [[32]]


def test_an_archive_without_a_graph_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes.txt", "nothing")
    with pytest.raises(ModelUnavailable, match="it holds 0 graphs"):
        open_session(tmp_path / "a.zip")
