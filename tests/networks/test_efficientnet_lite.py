from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from visioncli.errors import ModelUnavailable
from visioncli.models import registry
from visioncli.networks import efficientnet_lite
from visioncli.networks.efficientnet_lite import SameConv, _rename, _round_channels, activation_ranges, build
from visioncli.tasks.preprocess import preprocess
from visioncli.weights.tflite import TfliteFile, read_tflite


@pytest.mark.parametrize("variant", ["lite0", "lite1", "lite2", "lite3"])
def test_a_network_has_the_published_number_of_parameters(variant: str) -> None:
    with torch.device("meta"):
        network = build(variant)
    row = registry.find(f"efficientnet_{variant}", "classify")
    assert sum(p.numel() for p in network.parameters()) == row.parameters


def test_a_picture_gives_a_thousand_logits_whatever_its_size() -> None:
    network = build("lite0").eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 1000)
        assert network(torch.zeros(1, 3, 75, 33)).shape == (1, 1000)


@pytest.mark.parametrize(("size", "stride"), [(7, 1), (7, 2), (8, 2), (9, 2), (224, 2)])
def test_same_padding_keeps_size_over_stride_and_puts_the_odd_pixel_last(size: int, stride: int) -> None:
    conv = SameConv(1, 1, 3, stride, bias=False)
    torch.nn.init.ones_(conv.weight)
    with torch.inference_mode():
        out = conv(torch.ones(1, 1, size, size))
    assert out.shape[-1] == -(-size // stride)
    if stride == 2 and size % 2 == 0:
        assert out[0, 0, 0, 0] == 9
        assert out[0, 0, -1, -1] == 4


def test_same_padding_is_symmetric_where_it_can_be() -> None:
    conv = SameConv(2, 3, 5, 1, bias=False)
    x = torch.randn(1, 2, 9, 9)
    torch.testing.assert_close(conv(x), F.conv2d(x, conv.weight, padding=2))


def test_channels_are_rounded_to_eights_and_lose_at_most_a_tenth() -> None:
    assert [_round_channels(c) for c in (16, 17.6, 26.4, 352)] == [16, 16, 24, 352]
    assert _round_channels(12) == 16
    assert all(_round_channels(c) >= 0.9 * c for c in range(1, 500))


def test_names_of_the_checkpoint_become_ours() -> None:
    assert _rename("_conv_stem.weight") == "stem.0.weight"
    assert _rename("_blocks.3._bn1.running_mean") == "blocks.3.depthwise.1.running_mean"
    assert _rename("_fc.bias") == "classifier.bias"
    assert _rename("_blocks.0._se_reduce.weight") == "blocks.0._se_reduce.weight"
    assert _rename("unknown.weight") == "unknown.weight"


def test_batch_norm_has_tensorflows_epsilon() -> None:
    with torch.device("meta"):
        modules = list(build("lite0").modules())
    epsilons = {m.eps for m in modules if isinstance(m, torch.nn.BatchNorm2d)}
    assert epsilons == {efficientnet_lite.BATCH_NORM_EPS} == {1e-3}


@pytest.fixture(scope="module")
def lite3(lite3_file: Path) -> TfliteFile:
    return read_tflite(lite3_file)


@pytest.fixture
def as_file(monkeypatch: pytest.MonkeyPatch, lite3: TfliteFile) -> Iterator[dict[str, np.ndarray]]:
    """The constants of the file, to change before they are imported."""
    tensors = dict(lite3.tensors)
    monkeypatch.setattr(efficientnet_lite, "read_tflite", lambda path: replace(lite3, tensors=tensors))
    yield tensors


def run_in_numpy(file: TfliteFile, x: np.ndarray) -> dict[str, np.ndarray]:
    """What every operator of the file gives, by the name of its tensor, computed operator by operator in float64."""
    values = {file.inputs[0]: x}
    convolutions = {c.output: c for c in file.convolutions}
    for operator in file.operators:
        first, *others = operator.inputs
        name, given = operator.outputs[0], values[first]
        if operator.kind in ("QUANTIZE", "RESHAPE"):
            values[name] = given.reshape(len(given), -1) if operator.kind == "RESHAPE" else given
        elif name in convolutions:
            c = convolutions[name]
            values[name] = convolve(given, file.tensors[c.kernel], file.tensors[c.bias], c.stride, c.depthwise)
            if c.relu:
                assert c.relu == "relu6"
                values[name] = values[name].clip(0, 6)
        elif operator.kind == "ADD":
            values[name] = given + values[others[0]]
        elif operator.kind == "AVERAGE_POOL_2D":
            values[name] = given.mean((1, 2), keepdims=True)
        elif operator.kind == "FULLY_CONNECTED":
            values[name] = given @ file.tensors[others[0]].T.astype(np.float64) + file.tensors[others[1]]
        else:
            assert operator.kind == "SOFTMAX"
            break
    return values


def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int, depthwise: bool) -> np.ndarray:
    """`(N, H, W, C)` with TensorFlow's "SAME" padding."""
    rows, columns = kernel.shape[1:3]
    height, width = (-(-n // stride) for n in x.shape[1:3])
    pads = [
        max((out - 1) * stride + k - n, 0)
        for out, k, n in zip((height, width), (rows, columns), x.shape[1:3], strict=True)
    ]
    x = np.pad(x, ((0, 0), *((p // 2, p - p // 2) for p in pads), (0, 0)))
    total: np.ndarray = np.zeros(1)
    for i in range(rows):
        for j in range(columns):
            part = x[:, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
            total = total + (part * kernel[0, i, j] if depthwise else part @ kernel[:, i, j].T.astype(np.float64))
    return total + bias


def test_lite3_computes_what_the_operators_of_its_file_compute(lite3: TfliteFile) -> None:
    network = build("lite3").eval()
    network.load_state_dict(efficientnet_lite.import_weights(lite3.path, "lite3"))
    x = np.random.default_rng(0).uniform(-1.6, 1.5, (1, 44, 36, 3))
    with torch.inference_mode():
        found = network(torch.from_numpy(x.transpose(0, 3, 1, 2)).float()).numpy()
    (dense,) = [operator.outputs[0] for operator in lite3.operators if operator.kind == "FULLY_CONNECTED"]
    np.testing.assert_allclose(found, run_in_numpy(lite3, x)[dense], atol=1e-3)


def test_another_networks_file_is_refused(deeplab_file: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not the expected network"):
        efficientnet_lite.import_weights(deeplab_file, "lite3")


def test_a_left_over_weight_is_refused(as_file: dict[str, np.ndarray], lite3: TfliteFile) -> None:
    as_file["extra"] = np.zeros(3, np.float32)
    with pytest.raises(ModelUnavailable, match="no place for: extra"):
        efficientnet_lite.import_weights(lite3.path, "lite3")


@pytest.mark.parametrize("name", ["efficientnet-lite3/head/dense/bias", "efficientnet-lite3/model/head/dense/MatMul"])
def test_a_missing_weight_of_the_last_layer_is_named(
    name: str, as_file: dict[str, np.ndarray], lite3: TfliteFile
) -> None:
    del as_file[name]
    with pytest.raises(ModelUnavailable, match=f"lacks {name}"):
        efficientnet_lite.import_weights(lite3.path, "lite3")


def test_a_missing_kernel_is_named(as_file: dict[str, np.ndarray], lite3: TfliteFile) -> None:
    del as_file[lite3.convolutions[5].kernel]
    with pytest.raises(ModelUnavailable, match=r"lacks the weights of efficientnet-lite3/model/blocks_1/"):
        efficientnet_lite.import_weights(lite3.path, "lite3")


def test_a_weight_of_another_shape_is_refused(as_file: dict[str, np.ndarray], lite3: TfliteFile) -> None:
    name = lite3.convolutions[0].kernel
    as_file[name] = as_file[name][:16]
    with pytest.raises(ModelUnavailable, match=r"stem\.0\.weight has the shape"):
        efficientnet_lite.import_weights(lite3.path, "lite3")


def test_pictures_are_scaled_as_the_file_says(lite3: TfliteFile) -> None:
    spec, input = registry.find("efficientnet_lite3").input, lite3.quantisation[lite3.inputs[0]]
    pixels = np.arange(256, dtype=np.uint8)
    prepared = (pixels / 255 - spec.mean[0]) / spec.std[0]
    np.testing.assert_allclose(prepared, input.dequantised(pixels), atol=1e-6)
    assert (len(set(spec.mean)), len(set(spec.std)), spec.size) == (1, 1, 280)


def test_every_layer_and_sum_of_lite3_has_a_range_in_the_file(lite3: TfliteFile) -> None:
    network = build("lite3")
    expected = {"input", "head.0/ReduceMean"}
    expected |= {name for name, module in network.named_modules() if isinstance(module, SameConv)}
    expected |= {f"blocks.{n}.project.0/Add" for n, block in enumerate(network.blocks) if block.residual}
    assert set(activation_ranges(lite3.path, "lite3")) == expected


def test_ranges_hold_what_flows_through_lite3(lite3: TfliteFile) -> None:
    """After ReLU6 they are 0 to 6; elsewhere a picture's numbers lie about within them, and fill a good part."""
    ranges = activation_ranges(lite3.path, "lite3")
    assert ranges.pop("input") == pytest.approx((-1.6468, 1.5834), abs=1e-4)
    bounded = {name for name in ranges if name.startswith(("stem", "head")) or "expand" in name or "depth" in name}
    assert {(low, round(high, 4)) for low, high in (ranges[name] for name in bounded)} == {(0, 6)}
    network = build("lite3").eval()
    network.load_state_dict(efficientnet_lite.import_weights(lite3.path, "lite3"))
    seen = {}
    for name in set(ranges) - bounded:
        # A block's answer is what was added; it is the module above the layers that end in the sum.
        place = name.removesuffix(".project.0/Add")
        network.get_submodule(place).register_forward_hook(
            lambda module, inputs, output, name=name: seen.update({name: (float(output.min()), float(output.max()))})
        )
    row = registry.find("efficientnet_lite3")
    sample = Image.open(Path(__file__).resolve().parents[2] / "sample_images" / "chelsea.png").convert("RGB")
    with torch.inference_mode():
        network(torch.from_numpy(preprocess(sample, row.input))[None])
    assert len(seen) == 24 + 17
    for name, (low, high) in seen.items():
        least, greatest = ranges[name]
        slack = 0.25 * (greatest - least)
        assert least - slack <= low < high <= greatest + slack, name
        assert high - low > 0.2 * (greatest - least), name
