from collections.abc import Callable
from pathlib import Path
from typing import Any

from visioncli.engines.compile import compiled_file
from visioncli.models import registry

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
