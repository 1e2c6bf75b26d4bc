import sys
from pathlib import Path

import numpy as np
import pytest
import tflite

from tflite_files import Step, Tensor, write
from visioncli.errors import ModelUnavailable
from visioncli.weights.tflite import (
    Convolution,
    Operator,
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


KERNEL = np.arange(-6, 6, dtype=np.int8).reshape(2, 1, 2, 3)
BIAS = np.array([100, -(2**30)], np.int32)


def a_quantised_file(path: Path, *more: Tensor, kernel: Tensor | None = None) -> Path:
    """A picture of 8 bits through one convolution, then added to a constant of unsigned bytes."""
    tensors = [
        Tensor("picture", "uint8", (1, 4, 4, 3), scales=[0.5], zero_points=[128]),
        kernel or Tensor("kernel", "int8", values=KERNEL, scales=[0.5, 0.25], zero_points=[0, 0]),
        Tensor("bias", "int32", values=BIAS, scales=[0.25, 0.125]),
        Tensor("filtered", "int8", (1, 4, 4, 2), scales=[0.0625], zero_points=[-128]),
        Tensor("offset", "uint8", values=np.array([7, 9], np.uint8), scales=[2.0], zero_points=[8]),
        Tensor("sum", "int8", (1, 4, 4, 2), scales=[0.125], zero_points=[4]),
        Tensor("size", "int32", values=np.array([4, 4])),
        *more,
    ]
    code = tflite.BuiltinOperator
    steps = [
        Step(code.CONV_2D, (0, 1, 2), (3,), stride=2, activation=tflite.ActivationFunctionType.RELU6),
        Step(code.ADD, (3, 4), (5,)),
        Step(code.RESIZE_BILINEAR, (5, -1), (5,)),
    ]
    return write(path, tensors, steps, (0,), (5,))


def test_quantised_constants_are_given_as_the_numbers_that_they_stand_for(tmp_path: Path) -> None:
    file = read_tflite(a_quantised_file(tmp_path / "net.tflite"))
    np.testing.assert_array_equal(file.tensors["kernel"][0], KERNEL[0] * np.float32(0.5))
    np.testing.assert_array_equal(file.tensors["kernel"][1], KERNEL[1] * np.float32(0.25))
    np.testing.assert_array_equal(file.tensors["bias"], np.array([25, -(2.0**27)], np.float32))
    np.testing.assert_array_equal(file.tensors["offset"], np.array([-2, 2], np.float32))
    assert {name: array.dtype.name for name, array in file.tensors.items()} == {
        **dict.fromkeys(("kernel", "bias", "offset"), "float32"),
        "size": "int32",
    }


def test_scales_of_constants_and_of_what_flows_are_kept_by_name(tmp_path: Path) -> None:
    file = read_tflite(a_quantised_file(tmp_path / "net.tflite"))
    assert set(file.quantisation) == {"picture", "kernel", "bias", "filtered", "offset", "sum"}
    kernel = file.quantisation["kernel"]
    assert (kernel.scales.tolist(), kernel.zero_points.tolist(), kernel.dtype) == ([0.5, 0.25], [0, 0], np.int8)
    assert file.quantisation["bias"].zero_points.tolist() == [0, 0]
    assert (file.inputs, file.outputs) == (("picture",), ("sum",))
    assert file.quantisation["picture"].range == (-64, 63.5)
    assert file.quantisation[file.convolutions[0].output].range == (0, 255 / 16)
    assert file.quantisation["sum"].range == (-16.5, 15.375)


def test_operators_come_in_order_with_what_goes_in_and_out(tmp_path: Path) -> None:
    file = read_tflite(a_quantised_file(tmp_path / "net.tflite"))
    assert file.operators == (
        Operator("CONV_2D", ("picture", "kernel", "bias"), ("filtered",)),
        Operator("ADD", ("filtered", "offset"), ("sum",)),
        Operator("RESIZE_BILINEAR", ("sum", ""), ("sum",)),
    )
    assert file.convolutions == (Convolution("kernel", "bias", False, 2, 1, "relu6", "filtered"),)


def test_a_depthwise_kernel_has_its_scales_along_the_channels(tmp_path: Path) -> None:
    stored = np.arange(18, dtype=np.int8).reshape(1, 3, 3, 2)
    kernel = Tensor("kernel", "int8", values=stored, scales=[1.0, 0.5], zero_points=[0, 0], axis=3)
    found = read_tflite(a_quantised_file(tmp_path / "net.tflite", kernel=kernel)).tensors["kernel"]
    np.testing.assert_array_equal(found, stored * np.array([1, 0.5], np.float32))


def test_eight_bits_without_a_scale_are_refused(tmp_path: Path) -> None:
    path = a_quantised_file(tmp_path / "net.tflite", Tensor("table", "uint8", values=np.zeros(3)))
    with pytest.raises(
        ModelUnavailable, match=r"the constant table is of TensorFlow Lite type 3; only .* with a scale"
    ):
        read_tflite(path)


def test_a_scale_on_other_numbers_is_refused(tmp_path: Path) -> None:
    path = a_quantised_file(tmp_path / "net.tflite", Tensor("wide", "int16", scales=[1.0], zero_points=[0]))
    with pytest.raises(ModelUnavailable, match="wide is quantised in a way that cannot be read"):
        read_tflite(path)


def test_two_quantised_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    path = a_quantised_file(tmp_path / "net.tflite", Tensor("sum", "int8", scales=[1.0], zero_points=[0]))
    with pytest.raises(ModelUnavailable, match="names two tensors alike"):
        read_tflite(path)


def test_scales_that_do_not_fit_their_tensor_say_that_the_file_is_damaged(tmp_path: Path) -> None:
    kernel = Tensor("kernel", "int8", values=KERNEL, scales=[0.5, 0.25, 1], zero_points=[0, 0, 0])
    with pytest.raises(ModelUnavailable, match="is damaged"):
        read_tflite(a_quantised_file(tmp_path / "net.tflite", kernel=kernel))
