import numpy as np
import pytest
import torch
from torch import nn

from tasks.tiny_networks import RedGreenBlue, TinyClassifier
from visioncli.errors import UsageError
from visioncli.tasks.gradcam.methods import (
    METHODS,
    RANDOM,
    activation_map,
    check_method,
    choose_layer,
    feature_layers,
)


def picture(seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((1, 3, 32, 48), np.float32))


def with_spot(row: int, column: int, channel: int) -> torch.Tensor:
    """A dark 64 x 96 picture with one cell of 8 x 8 in a pure colour."""
    x = torch.zeros(1, 3, 64, 96)
    x[0, channel, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = 1
    return x


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_map_of_0_to_1_on_the_layers_grid(method: str) -> None:
    heat = activation_map(TinyClassifier(), picture(), "features.4", 2, method)
    assert heat.shape == (8, 12) and heat.dtype == np.float32
    assert heat.min() >= 0
    assert heat.max() in (0, 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("row", "column", "channel"), [(0, 0, 0), (5, 9, 1), (7, 3, 2)])
def test_every_method_finds_the_planted_evidence(method: str, row: int, column: int, channel: int) -> None:
    heat = activation_map(RedGreenBlue().eval(), with_spot(row, column, channel), "pool", channel, method)
    assert np.unravel_index(int(heat.argmax()), heat.shape) == (row, column)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "eigencam"])
def test_the_evidence_for_one_class_is_not_that_for_another(method: str) -> None:
    both = with_spot(1, 1, 0) + with_spot(6, 10, 1)
    places = [activation_map(RedGreenBlue().eval(), both, "pool", n, method).argmax() for n in (0, 1)]
    assert places == [1 * 12 + 1, 6 * 12 + 10]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_map_and_leaves_the_generator_alone(method: str) -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    one, two = (activation_map(TinyClassifier(), picture(), "features.4", 1, method, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    torch.manual_seed(7)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("method", RANDOM)
def test_methods_that_add_noise_depend_on_the_seed(method: str) -> None:
    one, two = (activation_map(TinyClassifier(), picture(), "features.4", 1, method, seed=s) for s in (0, 1))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_changes_when_the_weights_are_shuffled(method: str) -> None:
    network, shuffled = TinyClassifier(), TinyClassifier(seed=1)
    one, two = (activation_map(n, picture(), "features.4", 2, method) for n in (network, shuffled))
    assert np.abs(one - two).mean() > 0.02


@pytest.mark.parametrize("method", [m for m in METHODS if m not in RANDOM])  # their noise is evidence of a kind
def test_no_evidence_is_a_map_of_zeros_without_a_warning(method: str) -> None:
    heat = activation_map(RedGreenBlue().eval(), torch.zeros(1, 3, 64, 96), "pool", 0, method)
    assert heat.shape == (8, 12)
    assert not heat.any()


def test_explaining_leaves_no_hook_and_no_gradient_behind() -> None:
    network = TinyClassifier()
    for method in METHODS:
        activation_map(network, picture(), "features.4", 0, method)
    for module in network.modules():
        assert not module._forward_hooks and not module._backward_hooks and not module._forward_pre_hooks
    assert all(p.grad is None for p in network.parameters())
    assert not network.training


def test_layers_are_listed_as_they_run_with_their_shapes() -> None:
    layers = feature_layers(TinyClassifier(), picture())
    assert [(layer.name, layer.kind, layer.shape) for layer in layers][-2:] == [
        ("features.4", "ReLU", (12, 8, 12)),
        ("features", "Sequential", (12, 8, 12)),
    ]
    assert layers[0].name == "features.0"


def test_auto_is_the_last_feature_map() -> None:
    assert choose_layer(TinyClassifier(), picture(), "auto").shape == (12, 8, 12)
    assert choose_layer(RedGreenBlue(), with_spot(0, 0, 0), "auto").name == "last"


def test_a_wrong_layer_is_wrong_usage_with_near_matches() -> None:
    with pytest.raises(UsageError, match=r"no layer 'feature.4'.*Did you mean features\.4"):
        choose_layer(TinyClassifier(), picture(), "feature.4")
    with pytest.raises(UsageError, match="no layer 'classifier'"):
        choose_layer(TinyClassifier(), picture(), "classifier")


def test_a_network_without_feature_maps_cannot_be_explained() -> None:
    with pytest.raises(UsageError, match="no convolutional feature map"):
        choose_layer(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.zeros(1, 3, 2, 2), "auto")


def test_a_wrong_method_is_wrong_usage_with_near_matches() -> None:
    with pytest.raises(UsageError, match=r"no method 'gradcm'.*Did you mean .*gradcam"):
        check_method("gradcm")
