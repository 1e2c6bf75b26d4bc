from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from visioncli.errors import ModelUnavailable
from visioncli.models import registry
from visioncli.resolve import own_weights
from visioncli.weights.fitting import fitted, suggestion
from visioncli.weights.load import load_network

State = dict[str, Tensor]
NAMES = ("cat", "dog", "bird")


def with_head(name: str, head: Callable[[int], nn.Module]) -> nn.Module:
    """Torchvision's network with another head, which gets the number of features."""
    network: Any = models.get_model(name, weights=None, num_classes=3)
    if name == "resnet18":
        network.fc = head(512)
    elif name == "mobilenet_v3_small":
        network.classifier[3] = head(1024)
    else:
        network.classifier = head(1280)
    return network.eval()


HEADS = {
    "dropout": lambda n: nn.Sequential(nn.Dropout(0.2), nn.Linear(n, 3)),
    "flatten": lambda n: nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(n, 3)),
    "plain": lambda n: nn.Linear(n, 3),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "mobilenet_v3_small"])
def test_a_linear_head_is_found_inside_and_outside_a_sequential(name: str, head: str, tmp_path: Path) -> None:
    theirs = with_head(name, HEADS[head])
    torch.save({"state_dict": theirs.state_dict(), "best_acc1": torch.tensor(0.5)}, tmp_path / "own.pth")
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    row = own_weights(registry.find(name), tmp_path / "own.pth", tmp_path / "names.txt")
    assert row.labels == tuple(enumerate(NAMES))
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(load_network(row)(x), theirs(x))


def test_a_head_of_several_layers_is_not_taken_for_a_linear_one(tmp_path: Path) -> None:
    theirs = with_head("resnet18", lambda n: nn.Sequential(nn.Linear(n, 8), nn.ReLU(), nn.Linear(8, 1000)))
    torch.save(theirs.state_dict(), tmp_path / "own.pth")
    row = own_weights(registry.find("resnet18"), tmp_path / "own.pth", None)
    with pytest.raises(ModelUnavailable, match=r"fc\.0\.weight.*It is a resnet18 that was changed.*onnx:FILE"):
        load_network(row)


def resnet() -> State:
    return models.resnet18(num_classes=3).state_dict()


def prefixed(prefix: str) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in resnet().items()}


@pytest.mark.parametrize("prefix", ["", "net.", "backbone.", "lightning.model."])
def test_what_a_larger_module_puts_before_and_beside_the_network_is_taken_off(prefix: str) -> None:
    state = prefixed(prefix) | ({"criterion.weight": torch.ones(3), "n_averaged": torch.tensor(3)} if prefix else {})
    assert fitted(state, registry.find("resnet18")).keys() == resnet().keys()


def test_a_network_that_is_there_twice_is_not_guessed() -> None:
    with pytest.raises(ModelUnavailable, match="holds the network 2 times, as student, teacher"):
        fitted(prefixed("student.") | prefixed("teacher."), registry.find("resnet18"))


def test_of_another_network_nothing_is_renamed() -> None:
    state = {"stem.weight": torch.ones(3, 3), "fc.1.weight": torch.ones(3, 7), "fc.1.bias": torch.ones(3)}
    assert fitted(state, registry.find("resnet18")).keys() == state.keys()


def test_a_suggestion_names_another_network_or_none() -> None:
    assert suggestion(resnet(), "vgg11") == " It fits resnet18: give --model resnet18."
    assert suggestion(prefixed("net."), "vgg11") == " It fits resnet18: give --model resnet18."
    changed = resnet() | {"extra.weight": torch.ones(3, 3)}
    del changed["layer1.0.bn1.weight"]
    assert suggestion(changed, "vgg11") == " The checkpoint looks like resnet18: try --model resnet18."
    assert "--model resnet18" not in suggestion(changed, "resnet18")
    assert suggestion({"some.weight": torch.zeros(3)}, "vgg11") == ""
