import pytest
import torch

from visioncli.models.registry import ROWS, find
from visioncli.weights.checkpoints import architecture
from visioncli.weights.signatures import FILE, SKETCH, likeliest, rank, tensor_hashes


def state(name: str, classes: str | None = None) -> dict[str, torch.Tensor]:
    module, variant = architecture(find(name))
    with torch.device("meta"):
        network: torch.nn.Module = module.build(*variant, classes) if classes else module.build(*variant)
    return network.state_dict()


def test_every_network_that_sees_pictures_and_is_built_here_has_a_signature() -> None:
    names = [line.split()[0] for line in FILE.read_text().splitlines()]
    without = {"caption", "generate", "translate", "stylize"}
    assert names == [row.name for row in ROWS if not without & {*row.tasks} and row.architecture != "onnx"]


@pytest.mark.parametrize("name", ["efficientnet_lite1", "ssd_mobilenet_v2", "resnet34", "vit_b_32", "fcn_resnet50"])
def test_signatures_are_those_of_the_networks(name: str) -> None:
    hashes = tensor_hashes((n, tuple(t.shape)) for n, t in state(name).items())
    line = next(line.split() for line in FILE.read_text().splitlines() if line.split()[0] == name)
    assert line == [name, str(len(hashes)), *(f"{h:08x}" for h in hashes[:SKETCH])]


@pytest.mark.parametrize("name", ["resnet18", "resnet101", "vgg16_bn", "regnet_x_8gf", "swin_s", "densenet169"])
def test_a_checkpoint_with_other_classes_is_recognised(name: str) -> None:
    best, share = rank({n: tuple(t.shape) for n, t in state(name, "7").items()})[0]
    assert best == name
    assert share > 0.8


def test_nothing_is_named_where_nothing_is_alike() -> None:
    assert likeliest({"some.weight": torch.zeros(3)}) == ""
