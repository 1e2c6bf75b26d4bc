import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from run_folders import make_run
from visioncli.engines.compile import (
    MOST_TRAINED,
    can_compile,
    compile_model,
    compiled_file,
    compiled_files,
    export_model,
    is_whole,
    note_use,
)
from visioncli.errors import OutputError, UsageError
from visioncli.families.light_torchvision import import_torchvision
from visioncli.models import registry
from visioncli.models.registry import ModelRow
from visioncli.resolve import resolve
from visioncli.weights.downloads import Access
from visioncli.weights.load import load_network


def row(name: str) -> ModelRow:
    return next(r for r in registry.ROWS if r.name == name)


@pytest.fixture(scope="module")
def lite(cache: Path) -> Path:
    path = compiled_file(row("efficientnet_lite0"))
    return path if path.is_file() else compile_model(row("efficientnet_lite0"))


def test_the_file_tells_labels_preprocessing_licence_and_origin(lite: Path) -> None:
    facts = {p.key: p.value for p in onnx.load(lite).metadata_props}
    labels = json.loads(facts["labels"])
    assert (len(labels), labels["281"]) == (1000, "tabby")
    assert json.loads(facts["input"])["size"] == 224
    assert facts["licence"] == "Apache-2.0"
    assert (facts["name"], facts["weights_sha256"][:8]) == ("efficientnet_lite0", "57934424")


def test_the_file_is_valid_and_batch_norm_is_folded(lite: Path) -> None:
    onnx.checker.check_model(lite, full_check=True)
    kinds = {node.op_type for node in onnx.load(lite).graph.node}
    assert "Conv" in kinds
    assert not kinds & {"BatchNormalization", "Pad", "Shape"}


def test_any_batch_size_is_taken(lite: Path) -> None:
    session = onnxruntime.InferenceSession(lite, providers=["CPUExecutionProvider"])
    for count in (1, 2, 5):
        (logits,) = session.run(["logits"], {"pictures": np.zeros((count, 3, 224, 224), np.float32)})
        assert logits.shape == (count, 1000)


def test_the_name_in_the_cache_changes_with_the_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    names = {compiled_file(r) for r in registry.ROWS if can_compile(r)}
    assert len(names) == sum(can_compile(r) for r in registry.ROWS)
    assert all(name.parent == tmp_path / "compiled" for name in names)


def test_whatever_stands_in_the_cache_is_replaced_and_nothing_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exported:
        def save(self, path: Path, external_data: bool) -> None:
            path.write_bytes(b"network")

    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("visioncli.engines.compile.load_network", lambda row: None)
    monkeypatch.setattr("visioncli.engines.compile._export", lambda row, network: Exported())
    (tmp_path / "mine").write_text("mine")
    path = compiled_file(row("efficientnet_lite0"))
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "mine")
    assert compile_model(row("efficientnet_lite0")) == path
    assert is_whole(path)
    assert not path.is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"


def test_where_nothing_can_be_written_no_network_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("visioncli.engines.compile.load_network", lambda row: pytest.fail("loaded"))
    with pytest.raises(OutputError):
        compile_model(row("efficientnet_lite0"), tmp_path / "file" / "model.onnx")


def test_what_cannot_be_exported_is_refused_in_a_sentence(tmp_path: Path) -> None:
    strange = dataclasses.replace(row("efficientnet_lite0"), name="strange", architecture="elsewhere:large")
    with pytest.raises(UsageError, match="strange cannot be exported"):
        compile_model(strange, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_classifier_of_torchvision_answers_as_in_torch(tmp_path: Path) -> None:
    torchvision = import_torchvision()
    torch.manual_seed(0)
    network = torchvision.models.squeezenet1_1(weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    found = resolve("squeezenet1_1", "classify", access=Access.of(offline=True), weights=tmp_path / "weights.pth")
    session = onnxruntime.InferenceSession(compile_model(found, tmp_path / "squeezenet.onnx"))
    x = np.random.default_rng(0).uniform(-1, 1, (3, 3, 224, 224)).astype(np.float32)
    (logits,) = session.run(None, {session.get_inputs()[0].name: x})
    with torch.inference_mode():
        np.testing.assert_allclose(logits, network(torch.from_numpy(x)).numpy(), atol=1e-4)


def test_features_have_a_file_of_their_own_and_are_what_torch_answers(tmp_path: Path) -> None:
    trained = make_run(tmp_path / "run")
    features = dataclasses.replace(trained, form="features")
    assert compiled_file(features) != compiled_file(trained)
    session = onnxruntime.InferenceSession(compile_model(features, tmp_path / "features.onnx"))
    assert [output.name for output in session.get_outputs()] == ["features"]
    x = np.random.default_rng(0).uniform(-1, 1, (3, 3, 32, 32)).astype(np.float32)
    (found,) = session.run(None, {"pictures": x})
    with torch.inference_mode():
        np.testing.assert_allclose(found, load_network(features)(torch.from_numpy(x)).numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "lenet5", "fractalnet_small"])
def test_features_of_another_size_are_another_file(name: str) -> None:
    features = dataclasses.replace(row(name), form="features")
    assert can_compile(features)
    smaller = dataclasses.replace(features, input=dataclasses.replace(features.input, size=64))
    assert len({compiled_file(r) for r in (features, smaller, row(name))}) == 3


def test_features_are_of_classifiers(tmp_path: Path) -> None:
    assert not can_compile(dataclasses.replace(row("ssd_mobilenet_v2"), form="features"))


def test_trained_networks_of_one_name_have_files_of_their_own(tmp_path: Path) -> None:
    one, two = (
        make_run(tmp_path / folder / "run", labels=labels) for folder, labels in (("a", "xyz"), ("b", "wxyz"))
    )
    wide = dataclasses.replace(one, input=dataclasses.replace(one.input, size=64))
    odd = dataclasses.replace(one, name="a [1] " + "ü" * 200)
    files = [compiled_file(r) for r in (one, two, wide, odd)]
    assert len(set(files)) == 4
    assert all(len(os.fsencode(path.name)) < 255 for path in files)


def test_compiled_files_are_those_of_the_network_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    lite = row("efficientnet_lite0")
    features = dataclasses.replace(lite, form="features")
    longer = dataclasses.replace(lite, name="efficientnet_lite0-of-a-plug-in")
    trained = make_run(tmp_path / "[run]")
    for each in (lite, features, longer, trained, dataclasses.replace(trained, form="features")):
        compiled_file(each).parent.mkdir(parents=True, exist_ok=True)
        compiled_file(each).touch()
    assert set(compiled_files(lite)) == {compiled_file(lite), compiled_file(features)}
    assert compiled_files(longer) == [compiled_file(longer)]
    assert len(compiled_files(trained)) == 2


def test_of_trained_networks_those_used_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Exported:
        def save(self, path: Path, external_data: bool) -> None:
            path.write_bytes(b"network")

    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("visioncli.engines.compile.load_network", lambda row: None)
    monkeypatch.setattr("visioncli.engines.compile._export", lambda row, network: Exported())
    trained = make_run(tmp_path / "run")
    folder = compiled_file(trained).parent
    folder.mkdir(parents=True)
    for n in range(MOST_TRAINED + 3):
        (folder / f"old-{n:02}.onnx").touch()
        os.utime(folder / f"old-{n:02}.onnx", (n, n))
    note_use(folder / "old-00.onnx")
    kept = compile_model(trained)
    left = {path.name for path in folder.iterdir()}
    assert len(left) == MOST_TRAINED
    assert {kept.name, "old-00.onnx", f"old-{MOST_TRAINED + 2:02}.onnx"} <= left
    assert "old-01.onnx" not in left


def test_an_exported_file_answers_calibrated_logits(tmp_path: Path) -> None:
    plain, warm = (make_run(tmp_path / str(t), temperature=t) for t in (1.0, 2.0))
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)
    raw, scaled = (
        onnxruntime.InferenceSession(export_model(r, tmp_path / f"{r.name}.onnx")).run(None, {"pictures": x})[0]
        for r in (plain, warm)
    )
    np.testing.assert_allclose(scaled, raw / 2, rtol=1e-5)
