import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from visioncli.engines.compile import can_compile, compile_model, compiled_file, is_whole
from visioncli.errors import OutputError, UsageError
from visioncli.families.light_torchvision import import_torchvision
from visioncli.models import registry
from visioncli.models.registry import ModelRow
from visioncli.resolve import resolve
from visioncli.weights.downloads import Access


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
    import dataclasses

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
