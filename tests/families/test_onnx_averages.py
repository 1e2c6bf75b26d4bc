from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import painters
from visioncli.errors import InputError, ModelUnavailable
from visioncli.families.onnx_averages import AveragingNetwork


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(7).random((1, 3, 24, 32), np.float32)


def style(number: int) -> np.ndarray:
    return np.eye(26, dtype=np.float32)[number]


def test_the_answer_is_that_of_the_file(tmp_path: Path, picture: np.ndarray) -> None:
    path = painters.named_styles(tmp_path / "n.onnx")
    network = AveragingNetwork(path, 1)
    answer, averages = network.whole(picture, style(3))
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"image": picture, "style_weights": style(3)})
    np.testing.assert_allclose(answer, expected, atol=1e-6)
    assert {name: one.shape for name, one in averages.items()} == {"mean": (1, 6, 1, 1), "variance": (1, 6, 1, 1)}


def test_a_whole_picture_given_its_own_averages_is_the_same(tmp_path: Path, picture: np.ndarray) -> None:
    network = AveragingNetwork(painters.named_styles(tmp_path / "n.onnx"), 1)
    answer, averages = network.whole(picture, style(3))
    np.testing.assert_allclose(network.part(averages, picture, style(3)), answer, atol=1e-6)


def test_a_part_with_the_averages_of_the_whole_is_that_part_of_the_answer(
    tmp_path: Path, picture: np.ndarray
) -> None:
    network = AveragingNetwork(painters.named_styles(tmp_path / "n.onnx"), 1)
    answer, averages = network.whole(picture, style(3))
    part = network.part(averages, np.ascontiguousarray(picture[..., 8:]), style(3))
    np.testing.assert_allclose(part[..., 8:], answer[..., 16:], atol=1e-5)
    own, _ = network.whole(np.ascontiguousarray(picture[..., 8:]), style(3))
    assert np.abs(own[..., 8:] - answer[..., 16:]).max() > 1e-3  # which is what averages are given for


def test_a_file_for_one_size_takes_any_and_rounds_nothing(tmp_path: Path) -> None:
    network = AveragingNetwork(painters.any_style(tmp_path / "a.onnx"), 1)
    picture = np.random.default_rng(8).random((1, 20, 28, 3), np.float32)
    answer, averages = network.whole(picture, np.ones((1, 1, 1, 100), np.float32))
    assert answer.shape == picture.shape
    assert list(averages) == ["mean"]
    steps = np.abs(answer * 16 - np.round(answer * 16))
    assert steps.max() > 0.1  # the file itself answers in sixteenths
    nudged, _ = network.whole(picture + np.float32(1 / 1000), np.ones((1, 1, 1, 100), np.float32))
    assert np.abs(nudged - answer).max() > 0


def test_what_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("no network")
    with pytest.raises(ModelUnavailable, match=r"text\.onnx"):
        AveragingNetwork(path, 1)


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    network = AveragingNetwork(painters.named_styles(tmp_path / "n.onnx"), 1, timeout=1e-6)
    with pytest.raises(InputError, match="took longer"):
        network.whole(np.zeros((1, 3, 2048, 2048), np.float32), style(0))
