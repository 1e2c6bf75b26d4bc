import sys
from pathlib import Path

import numpy as np
import pytest

from visioncli.errors import ModelUnavailable
from visioncli.weights.tflite import (
    Convolution,
    TfliteFile,
    check_shapes,
    convolution_weights,
    read_tflite,
)


def a_file() -> TfliteFile:
    tensors = {
        "a/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 1, 4),
        "a/bias": np.ones(2, np.float32),
        "b/depthwise;fused": np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2),
        "b/bias": np.zeros(2, np.float32),
        "size": np.array([2, 2], np.int32),
    }
    return TfliteFile(
        Path("net.tflite"),
        tensors,
        (
            Convolution("a/weights", "a/bias", depthwise=False, stride=1, dilation=1, relu="relu"),
            Convolution("b/depthwise;fused", "b/bias", depthwise=True, stride=2, dilation=1, relu=""),
        ),
    )


LAYERS = {"first": "a/weights", "second": "b/depthwise"}


def test_kernels_come_in_torch_order() -> None:
    file = a_file()
    weights = convolution_weights(file, LAYERS, ())
    assert set(weights) == {"first.weight", "first.bias", "second.weight", "second.bias"}
    assert weights["first.weight"].shape == (2, 4, 3, 1)
    assert weights["first.weight"][1, 2, 0, 0] == file.tensors["a/weights"][1, 0, 0, 2]
    assert weights["second.weight"].shape == (2, 1, 3, 3)
    assert weights["second.weight"][1, 0, 2, 0] == file.tensors["b/depthwise;fused"][0, 2, 0, 1]


def test_a_missing_convolution_is_named() -> None:
    with pytest.raises(ModelUnavailable, match="no convolution named c/weights"):
        convolution_weights(a_file(), {**LAYERS, "third": "c/weights"}, ())


def test_a_left_over_convolution_is_named() -> None:
    with pytest.raises(ModelUnavailable, match=r"no place for: b/bias, b/depthwise;fused"):
        convolution_weights(a_file(), {"first": "a/weights"}, ())


def test_a_missing_constant_is_named() -> None:
    with pytest.raises(ModelUnavailable, match="lacks mean"):
        convolution_weights(a_file(), LAYERS, ["mean"])


def test_shapes_must_agree() -> None:
    check_shapes(Path("f"), {"w": (1, 2)}, {"w": (1, 2)})
    with pytest.raises(ModelUnavailable, match="gives the network no w"):
        check_shapes(Path("f"), {"w": (1, 2)}, {})
    with pytest.raises(ModelUnavailable, match="no place for: v"):
        check_shapes(Path("f"), {}, {"v": (1,)})
    with pytest.raises(ModelUnavailable, match=r"w has the shape \(2, 1\)"):
        check_shapes(Path("f"), {"w": (1, 2)}, {"w": (2, 1)})


def test_half_precision_weights_are_widened_and_named_as_stored(movenet_file: Path) -> None:
    file = read_tflite(movenet_file)
    assert {str(array.dtype) for array in file.tensors.values()} == {"float32", "int32"}
    assert all(c.kernel in file.tensors and c.bias in file.tensors for c in file.convolutions)


def test_strides_dilations_and_activations_are_read(deeplab_file: Path) -> None:
    file = read_tflite(deeplab_file)
    stem = file.convolution("MobilenetV2/Conv/weights")
    assert (stem.stride, stem.dilation, stem.relu, stem.depthwise) == (2, 1, "relu6", False)
    last = file.convolution("MobilenetV2/expanded_conv_16/depthwise/depthwise_weights")
    assert (last.stride, last.dilation, last.relu, last.depthwise) == (1, 4, "relu6", True)


@pytest.mark.parametrize("content", [b"", b"not a network at all", b"\xff\xff\xff\xffTFL3" + b"\xff" * 64])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"net\.tflite is (not a TensorFlow Lite file|damaged)"):
        read_tflite(path)


def test_a_truncated_file_is_refused(tmp_path: Path, deeplab_file: Path) -> None:
    data = deeplab_file.read_bytes()
    for length in (16, 1000, len(data) // 2):
        path = tmp_path / "net.tflite"
        path.write_bytes(data[:length])
        with pytest.raises(ModelUnavailable, match="damaged"):
            read_tflite(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        read_tflite(tmp_path / "none.tflite")


def test_without_the_reader_package_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, deeplab_file: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tflite", None)
    with pytest.raises(ModelUnavailable, match="pip install tflite"):
        read_tflite(deeplab_file)
