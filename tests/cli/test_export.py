import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from run_folders import row_of, seeded
from test_resolve import names, save_hf
from visioncli.engines.compile import compiled_file
from visioncli.models import registry
from visioncli.weights.runs import write_model

Vision = Callable[..., Any]


def test_an_exported_network_answers_as_the_built_in_one(
    vision: Vision, pictures: Callable[..., list[Path]], tmp_path: Path
) -> None:
    ended = vision("export", "efficientnet_lite0", "-o", "lite.onnx")
    assert (ended.status, ended.out) == (0, b"")
    assert "Apache-2.0" in ended.err
    (picture,) = pictures(1, size=(300, 200))
    (ours,) = vision("classify", picture, "-o", "-").records
    (theirs,) = vision("classify", picture, "-o", "-", "--model", "onnx:lite.onnx").records
    assert [p["label"] for p in ours["predictions"]] == [p["label"] for p in theirs["predictions"]]
    for a, b in zip(ours["predictions"], theirs["predictions"], strict=True):
        assert abs(a["score"] - b["score"]) < 1e-4


def test_what_cannot_be_exported_is_wrong_usage(vision: Vision, tmp_path: Path) -> None:
    ended = vision("export", "fasterrcnn_resnet50_fpn", "--offline", "-o", "detector.onnx")
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "detector.onnx").exists()


def test_compile_says_where_the_network_is(vision: Vision) -> None:
    vision("models", "compile", "efficientnet_lite0")
    ended = vision("models", "compile", "efficientnet_lite0")
    path = compiled_file(registry.find("efficientnet_lite0"))
    assert ended.status == 0
    assert path.is_file()
    assert f"efficientnet_lite0 was compiled before: {path}" in ended.err


def test_compile_wants_names_or_all(vision: Vision) -> None:
    assert vision("models", "compile").status == 2
    assert vision("models", "compile", "efficientnet_lite0", "--all").status == 2


def test_transformers_come_back_from_the_file_as_they_were(vision: Vision, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    for task in ("classify", "segment"):
        save_hf(task, tmp_path / task)
        ended = vision("export", f"hf:{tmp_path / task}", "--offline")
        assert ended.status == 0, ended.err
        (own,) = vision(task, "a.png", "-o", "-", "-m", f"hf:{tmp_path / task}", "--offline").records
        (file,) = vision(task, "a.png", "-o", "-", "-m", f"onnx:{task}.onnx").records
        key = "score" if task == "classify" else "share"
        assert len(own["predictions"]) > 1
        for a, b in zip(own["predictions"], file["predictions"], strict=True):
            assert a["label"] == b["label"]
            assert a[key] == pytest.approx(b[key], abs=0.01)


def test_own_weights_of_timm_are_exported_with_their_names(vision: Vision, tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    torch.save(timm.create_model("test_resnet", num_classes=3).state_dict(), tmp_path / "own.pth")
    names(tmp_path, "cat", "dog", "bird")
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    own = ("timm:test_resnet", "--weights", "own.pth", "--labels", "names.txt")
    assert vision("export", *own).status == 0
    (ours,) = vision("classify", "a.png", "-o", "-", "-m", *own).records
    (file,) = vision("classify", "a.png", "-o", "-", "-m", "onnx:test_resnet.onnx").records
    assert [p["label"] for p in ours["predictions"]] == [p["label"] for p in file["predictions"]]
    assert [p["score"] for p in ours["predictions"]] == pytest.approx(
        [p["score"] for p in file["predictions"]], abs=1e-4
    )


def test_embedded_detectors_and_segmenters_come_back_too(vision: Vision, tmp_path: Path) -> None:
    samples = Path(__file__).resolve().parents[2] / "sample_images"
    for task, picture in (("detect", "chelsea.png"), ("segment", "chelsea.png")):
        (ours,) = vision(task, samples / picture, "-o", "-", "--engine", "onnx").records
        shutil.copy(compiled_file(registry.find(registry.DEFAULTS[task])), tmp_path / f"{task}.onnx")
        (file,) = vision(task, samples / picture, "-o", "-", "-m", f"onnx:{task}.onnx").records
        assert ours["predictions"]
        assert file["predictions"] == ours["predictions"]


def test_an_onnx_file_is_exported_already(vision: Vision, tmp_path: Path) -> None:
    from onnx_files import cells

    ended = vision("export", cells(tmp_path / "net.onnx"))
    assert (ended.status, ended.err) == (2, "vision: onnx:net.onnx is an ONNX file already.\n")


def test_an_8_bit_network_in_a_file_answers_as_it_does_here(
    vision: Vision, pictures: Callable[..., list[Path]], int8_units: None
) -> None:
    whole = vision("export", "efficientnet_lite0", "-o", "whole.onnx")
    small = vision("export", "efficientnet_lite0", "--precision", "int8", "-o", "small.onnx")
    assert (whole.status, small.status) == (0, 0)
    assert Path("small.onnx").stat().st_size < Path("whole.onnx").stat().st_size / 3
    (picture,) = pictures(1, size=(300, 200))
    (ours,) = vision("classify", picture, "-o", "-", "-m", "efficientnet_lite0", "--precision", "int8").records
    (theirs,) = vision("classify", picture, "-o", "-", "--model", "onnx:small.onnx").records
    assert [p["label"] for p in ours["predictions"]] == [p["label"] for p in theirs["predictions"]]
    for a, b in zip(ours["predictions"], theirs["predictions"], strict=True):
        assert abs(a["score"] - b["score"]) < 1e-4


def test_a_network_without_ranges_is_not_exported_in_8_bits(vision: Vision) -> None:
    ended = vision("export", "resnet50", "--precision", "int8", "--offline", "-o", "small.onnx")
    assert ended.status == 2
    assert "activation ranges must be known" in ended.err
    assert not Path("small.onnx").exists()


def test_compile_prepares_both_precisions_where_int8_is_of_use(vision: Vision, int8_units: None) -> None:
    ended = vision("models", "compile", "efficientnet_lite0")
    row = registry.find("efficientnet_lite0")
    assert ended.status == 0
    for path in (compiled_file(row), compiled_file(row, "int8")):
        assert path.is_file()
        assert str(path) in ended.err


def test_who_exports_a_run_with_an_offset_is_told_that_the_file_has_none(vision: Vision, tmp_path: Path) -> None:
    row = dataclasses.replace(row_of("unet", labels=("background", "road")), offset=(-0.62, 0.3))
    write_model(tmp_path / "run", row, seeded(row).state_dict(), {})
    words = "0.6 pixels above and 0.3 pixels right of what they mark"
    ended = vision("export", "run", "-o", "run.onnx")
    assert ended.status == 0, ended.err
    assert words in ended.err
    assert words in vision("models", "info", "./run").out.decode()
    plain = dataclasses.replace(row, offset=None)
    write_model(tmp_path / "plain", plain, seeded(plain).state_dict(), {})
    assert "mark" not in vision("export", "plain", "-o", "plain.onnx").err
