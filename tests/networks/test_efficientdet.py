from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tflite
import torch

from tflite_files import Step, Tensor, write
from visioncli.errors import ModelUnavailable
from visioncli.networks import efficientdet
from visioncli.networks.anchors import efficientdet_anchors
from visioncli.networks.efficientdet import EfficientDetLite0, activation_ranges, build, import_weights

SUMS = ("efficientnet-lite0/blocks_2/Add", "fpn_cells/cell_1/fnode5/add_n/add", "fpn_cells/cell_1/fnode5/op_after/x")


@pytest.fixture(scope="module")
def network() -> EfficientDetLite0:
    torch.manual_seed(0)
    return build()


def test_it_answers_a_code_and_90_logits_for_each_anchor(network: EfficientDetLite0) -> None:
    with torch.inference_mode():
        codes, logits = network(torch.zeros(2, 3, 320, 320))
    anchors = len(efficientdet_anchors(320))
    assert (codes.shape, logits.shape) == ((2, anchors, 4), (2, anchors, 90))


def test_a_picture_is_answered_alike_whatever_is_beside_it(network: EfficientDetLite0) -> None:
    x = torch.rand(2, 3, 128, 128) * 2 - 1
    with torch.inference_mode():
        for together, alone in zip(network(x), network(x[1:]), strict=True):
            torch.testing.assert_close(together[1:], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [40, 20, 10, 5, 3])
def test_levels_are_halved_as_tensorflow_pads(size: int) -> None:
    x = torch.rand(1, 2, size, size)
    out = -(-size // 2)
    reach = (out - 1) * 2 + 3 - size
    padded = torch.full((1, 2, size + reach, size + reach), -torch.inf)
    before = reach // 2
    padded[:, :, before : before + size, before : before + size] = x
    by_hand = padded.unfold(2, 3, 2).unfold(3, 3, 2).amax((4, 5))
    torch.testing.assert_close(efficientdet._halved(x), by_hand)


def test_levels_are_enlarged_by_the_nearest_cell_before() -> None:
    x = torch.arange(3.0).expand(1, 1, 3, 3)
    row = efficientdet._enlarged(x, torch.zeros(1, 1, 5, 5))[0, 0, 0]
    assert row.tolist() == [int(n * 3 / 5) for n in range(5)]


Change = Callable[[list[Tensor], list[Step]], None]


def written(path: Path, change: Change | None = None) -> tuple[Path, dict[str, np.ndarray]]:
    """A file with small random numbers as 8-bit weights, and those by our layers' names, as the file has them."""
    rng = np.random.default_rng(0)
    tensors = [
        Tensor("picture", "uint8", (1, 320, 320, 3), scales=[1 / 128], zero_points=[127]),
        Tensor("quantised", "int8", (1, 320, 320, 3), scales=[1 / 128], zero_points=[-1]),
    ]
    steps = [Step(tflite.BuiltinOperator.QUANTIZE, (0,), (1,))]
    kernels: dict[str, int] = {}
    values: dict[str, np.ndarray] = {}
    shapes = {name: value.shape for name, value in build().state_dict().items()}
    for n, (layer, name) in enumerate(efficientdet._kernels().items()):
        out, inputs, rows, columns = shapes[f"{layer}.weight"]
        depthwise = inputs == 1 and rows > 1
        if name not in kernels:
            stored = rng.integers(-127, 128, (1, rows, columns, out) if depthwise else (out, rows, columns, inputs))
            kernels[name] = len(tensors)
            kernel = Tensor(name + ";and/more" * (n % 2), "int8", values=stored, scales=[0.5], zero_points=[0])
            tensors.append(kernel)
        stored = np.asarray(tensors[kernels[name]].values)
        values[f"{layer}.weight"] = stored.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)) / 2
        bias = rng.integers(-1000, 1000, out)
        values[f"{layer}.bias"] = bias / 4
        tensors.append(Tensor(f"bias {n}", "int32", values=bias, scales=[0.25]))
        tensors.append(Tensor(f"out {n}", "int8", (1,), scales=[(n + 1) / 256], zero_points=[-128]))
        kinds = tflite.BuiltinOperator
        code = kinds.DEPTHWISE_CONV_2D if depthwise else kinds.CONV_2D
        steps.append(Step(code, (1, kernels[name], len(tensors) - 2), (len(tensors) - 1,)))
    for name in SUMS:
        tensors.append(Tensor(name, "int8", (1,), scales=[0.5], zero_points=[-128]))
        steps.append(Step(tflite.BuiltinOperator.ADD, (1, 1), (len(tensors) - 1,)))
    tensors.append(Tensor("size", "int32", values=np.array([5, 5])))
    if change is not None:
        change(tensors, steps)
    return write(path, tensors, steps, (0,), (len(tensors) - 2,)), values


def test_every_weight_of_the_file_lands_in_its_layer(tmp_path: Path) -> None:
    path, values = written(tmp_path / "net.tflite")
    found = import_weights(path)
    assert found.keys() == values.keys()
    for name, tensor in found.items():
        np.testing.assert_array_equal(tensor.numpy(), values[name].astype(np.float32), err_msg=name)
    build().load_state_dict(found)


def test_levels_that_share_a_kernel_in_the_file_each_have_their_own_copy(tmp_path: Path) -> None:
    found = import_weights(written(tmp_path / "net.tflite")[0])
    kernels = [found[f"classes.{level}.predict.pointwise.weight"] for level in range(5)]
    assert all(torch.equal(kernel, kernels[0]) for kernel in kernels)
    assert len({kernel.data_ptr() for kernel in kernels}) == 5
    biases = [found[f"classes.{level}.predict.pointwise.bias"] for level in range(5)]
    assert not torch.equal(biases[0], biases[1])


def leave_out_one(tensors: list[Tensor], steps: list[Step]) -> None:
    del steps[40]


def add_one(tensors: list[Tensor], steps: list[Step]) -> None:
    tensors.insert(-1, Tensor("other/Conv2D", "int8", values=np.ones((4, 1, 1, 3)), scales=[1], zero_points=[0]))
    kernel = len(tensors) - 2
    steps.append(Step(tflite.BuiltinOperator.CONV_2D, (1, kernel, steps[1].inputs[2]), steps[1].outputs))


def add_a_number(tensors: list[Tensor], steps: list[Step]) -> None:
    tensors.insert(-1, Tensor("scale", "float32", values=np.ones(3)))


def misshape_one(tensors: list[Tensor], steps: list[Step]) -> None:
    tensors[2].values = np.ones((32, 5, 5, 3))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (leave_out_one, "has no convolution .* for .*: this is another network"),
        (add_one, "has 183 convolutions where 182 are expected"),
        (add_a_number, "no place for: scale"),
        (misshape_one, r"backbone.stem.weight has the shape \(32, 3, 5, 5\)"),
    ],
)
def test_weights_left_over_missing_or_misshapen_are_refused(change: Change, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=words):
        import_weights(written(tmp_path / "net.tflite", change)[0])


def test_ranges_are_given_by_the_module_whose_output_they_bound(tmp_path: Path) -> None:
    ranges = activation_ranges(written(tmp_path / "net.tflite")[0])
    layers = list(efficientdet._kernels())
    assert ranges.keys() == {
        *layers,
        "input",
        "backbone.blocks.2.project/Add",
        "cells.1.up.1/two",
        "cells.1.up.1/sum",
    }
    assert ranges["input"] == (-127 / 128, 1)
    assert ranges[layers[7]] == (0, pytest.approx(255 * 8 / 256))
    assert ranges["cells.1.up.1/two"] == (0, 127.5)
    modules = dict(build().named_modules())
    assert all(name.partition("/")[0] in modules for name in ranges.keys() - {"input"})


@pytest.mark.pulled("efficientdet_lite0")
@pytest.mark.usefixtures("pulled")
def test_the_published_file_fills_the_network_and_says_its_ranges(cache: Path) -> None:
    (path,) = (cache / "downloads").glob("object_detector-*.tflite")
    build().load_state_dict(import_weights(path))
    ranges = activation_ranges(path)
    assert len(ranges) == 225
    assert ranges["backbone.blocks.3.expand"] == (0, pytest.approx(6, abs=1e-4))
