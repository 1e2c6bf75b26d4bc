"""Which layers learn, and how."""

import pytest
import torch
from torch import nn

from visioncli.models import registry
from visioncli.networks import efficientnet_lite
from visioncli.training.layers import (
    Average,
    drop_before,
    free,
    groups,
    learning_mode,
    statistics_kept_for_one,
    units,
)
from visioncli.training.recipe import Unfreeze
from visioncli.weights.checkpoints import architecture


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return efficientnet_lite.build("lite0", "4")


def learning(network: nn.Module) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


def test_the_last_blocks_are_two_and_what_follows(network: nn.Module) -> None:
    free(network, Unfreeze.LAST, network.classifier)
    names = {".".join(name.split(".")[:2]) for name in learning(network)}
    assert names == {"blocks.14", "blocks.15", "head.0", "head.1", "classifier.weight", "classifier.bias"}


def test_none_leaves_the_head_and_all_leaves_nothing_out(network: nn.Module) -> None:
    free(network, Unfreeze.NONE, network.classifier)
    assert learning(network) == {"classifier.weight", "classifier.bias"}
    assert len(free(network, Unfreeze.ALL, network.classifier)) == len(list(network.parameters()))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vit_b_16", "convnext_tiny", "vgg11", "alexnet"])
def test_of_torchvisions_networks_some_learn_and_some_do_not(name: str) -> None:
    module, variant = architecture(registry.find(name, "classify"))
    with torch.device("meta"):
        network = module.build(*variant, "3")
    every = sum(p.numel() for p in network.parameters())
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
    some = sum(p.numel() for p in free(network, Unfreeze.LAST, linear))
    assert sum(p.numel() for p in linear.parameters()) < some < every
    assert len(units(network)) > 3


def test_frozen_statistics_do_not_move(network: nn.Module) -> None:
    before = network.stem[1].running_mean.clone()
    learning_mode(network, keep_statistics=True)
    network(torch.randn(2, 3, 32, 32))
    assert torch.equal(network.stem[1].running_mean, before)
    learning_mode(network, keep_statistics=False)
    network(torch.randn(2, 3, 32, 32))
    assert not torch.equal(network.stem[1].running_mean, before)


def test_dropout_comes_before_the_head_in_training_only() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(100, 1, bias=False))
    nn.init.ones_(network[1].weight)
    drop_before(network[1], network, 0.5)
    x = torch.ones(1, 100)
    assert network.eval()(x).item() == 100
    assert network.train()(x).item() != 100


def test_biases_and_normalisation_do_not_decay(network: nn.Module) -> None:
    decaying, others = groups(list(network.parameters()), 0.1)
    assert decaying["weight_decay"] == 0.1
    assert others["weight_decay"] == 0.0
    assert all(p.ndim <= 1 for p in others["params"])


def test_the_average_begins_as_a_mean_and_ends_as_a_moving_one() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = Average(network, 0.9)
    nn.init.ones_(network.weight)
    average.update(network, 1)
    assert float(average.state["weight"]) == pytest.approx(0.9)
    average = Average(network, 0.9)
    nn.init.zeros_(network.weight)
    average.update(network, 10_000)
    assert float(average.state["weight"]) == pytest.approx(0.9)


def test_a_picture_alone_is_normalised_by_the_statistics_so_far() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4).eval())
    network[1].train()
    one = torch.randn(1, 3, 1, 1)
    with pytest.raises(ValueError, match="more than 1 value"):
        network(one)
    before = network[1].running_mean.clone()
    with statistics_kept_for_one(network, 1):
        network(one)
    assert torch.equal(network[1].running_mean, before)
    assert (network[1].training, network[2].training) == (True, False)
    with statistics_kept_for_one(network, 2):
        network(torch.randn(2, 3, 1, 1))
    assert not torch.equal(network[1].running_mean, before)
