import dataclasses
from pathlib import Path

import pytest

from run_folders import make_run
from visioncli import engines
from visioncli.engines import choose_engine
from visioncli.engines.compile import compiled_file
from visioncli.engines.interface import EngineOptions
from visioncli.errors import UsageError
from visioncli.models import registry

LITE = next(r for r in registry.ROWS if r.name == "efficientnet_lite0")
UNKNOWN = dataclasses.replace(LITE, architecture="elsewhere:large")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_has_gpu", lambda: False)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (EngineOptions(), "onnx"),
        (EngineOptions("cpu"), "onnx"),
        (EngineOptions("cuda"), "torch"),
        (EngineOptions(engine="torch"), "torch"),
        (EngineOptions(engine="onnx"), "onnx"),
        (EngineOptions(precision="fp16"), "torch"),
    ],
)
def test_auto_is_onnx_on_the_cpu(options: EngineOptions, chosen: str) -> None:
    assert choose_engine(LITE, options) == chosen


def test_auto_is_torch_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_has_gpu", lambda: True)
    assert choose_engine(LITE, EngineOptions()) == "torch"
    assert choose_engine(LITE, EngineOptions("cpu")) == "onnx"


def test_auto_is_torch_for_a_network_that_cannot_be_compiled() -> None:
    assert choose_engine(UNKNOWN, EngineOptions()) == "torch"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (EngineOptions(engine="fast"), "--engine is one of auto, torch, onnx"),
        (EngineOptions(precision="int8"), "--precision is one of fp32, fp16, bf16"),
        (EngineOptions("cuda", engine="onnx"), "runs on the CPU"),
        (EngineOptions(engine="onnx", precision="fp16"), "computes in fp32"),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_sentence(options: EngineOptions, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        choose_engine(LITE, options)


def test_onnx_by_name_for_a_network_that_cannot_be_compiled_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be compiled"):
        choose_engine(UNKNOWN, EngineOptions(engine="onnx"))


def test_the_choice_does_not_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    choose_engine(LITE, EngineOptions())
    assert not compiled_file(LITE).exists()
    assert not list(tmp_path.iterdir())


def test_auto_is_onnx_for_the_users_own_trained_networks_where_they_can_be_compiled(tmp_path: Path) -> None:
    trained = make_run(tmp_path / "run")
    assert choose_engine(trained, EngineOptions()) == "onnx"
    assert choose_engine(trained, EngineOptions("cuda")) == "torch"
    checkpoint = dataclasses.replace(trained, source=registry.LocalFile("own.pth", "0" * 64))
    assert choose_engine(checkpoint, EngineOptions()) == "torch"
