import dataclasses
from pathlib import Path

import pytest

from run_folders import make_run
from visioncli import engines
from visioncli.engines import choose_engine, choose_precision, open_engine
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
        (EngineOptions(precision="int4"), "--precision is one of auto, fp32, int8, fp16, bf16"),
        (EngineOptions(precision="int8", engine="torch"), "For int8 give --engine onnx"),
        (EngineOptions("cuda", precision="int8"), "for the CPU, not for cuda"),
        (EngineOptions("cuda", engine="onnx"), "runs on the CPU"),
        (EngineOptions(engine="onnx", precision="fp16"), "computes in fp32 and int8"),
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


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (EngineOptions(), "int8"),
        (EngineOptions("cpu", engine="onnx"), "int8"),
        (EngineOptions(precision="int8"), "int8"),
        (EngineOptions(precision="fp32"), "fp32"),
        (EngineOptions(engine="torch"), "fp32"),
        (EngineOptions("cuda"), "fp32"),
        (EngineOptions(precision="fp16"), "fp16"),
    ],
)
def test_auto_is_int8_on_a_processor_made_for_it(options: EngineOptions, chosen: str, int8_units: None) -> None:
    assert choose_precision(LITE, options) == chosen


def test_auto_is_fp32_where_one_constant_says_so(int8_units: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "AUTO_INT8", False)
    assert choose_precision(LITE, EngineOptions()) == "fp32"
    assert choose_precision(LITE, EngineOptions(precision="int8")) == "int8"


def test_auto_is_fp32_for_networks_whose_ranges_nobody_measured(int8_units: None, tmp_path: Path) -> None:
    other_weights = dataclasses.replace(LITE, source=dataclasses.replace(LITE.source, sha256="0" * 64))
    for row in (other_weights, dataclasses.replace(LITE, form="features"), make_run(tmp_path / "run")):
        assert choose_precision(row, EngineOptions()) == "fp32"
        with pytest.raises(UsageError, match=r"ranges must be known\. Those that can: .*efficientnet_lite0"):
            choose_precision(row, EngineOptions(precision="int8"))


def test_auto_is_fp32_where_there_is_a_gpu_and_int8_by_name_is_for_the_cpu(
    int8_units: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_has_gpu", lambda: True)
    assert (choose_engine(LITE, EngineOptions()), choose_precision(LITE, EngineOptions())) == ("torch", "fp32")
    asked = EngineOptions(precision="int8")
    assert (choose_engine(LITE, asked), choose_precision(LITE, asked)) == ("onnx", "int8")


def test_int8_on_a_processor_without_the_units_is_fp32_with_a_word_about_it() -> None:
    said: list[str] = []
    assert choose_precision(LITE, EngineOptions()) == "fp32"
    engine = open_engine(LITE, EngineOptions("cpu", precision="int8", tell=said.append))
    assert (engine.name, engine.precision) == ("onnx", "fp32")
    assert "efficientnet_lite0 runs in fp32: this processor has no units for int8" in said[0]


def test_auto_says_nothing_of_a_processor_without_the_units() -> None:
    open_engine(LITE, EngineOptions("cpu"))
    said: list[str] = []
    open_engine(LITE, EngineOptions("cpu", tell=said.append))
    assert not said


def test_auto_leaves_movenet_in_fp32_and_int8_by_name_takes_it(int8_units: None) -> None:
    movenet = registry.find("movenet_lightning")
    assert choose_precision(movenet, EngineOptions("cpu")) == "fp32"
    assert choose_precision(movenet, EngineOptions("cpu", precision="int8")) == "int8"
