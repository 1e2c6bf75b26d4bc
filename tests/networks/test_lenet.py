import pytest
import torch

from visioncli.models import registry
from visioncli.networks.lenet import build


def test_layers_have_the_sizes_of_the_paper() -> None:
    # Of the paper, but that C1 sees three planes instead of one, and C3 all six maps instead of 60 of 96 pairs.
    c1, c3, c5 = 6 * (3 * 25 + 1), 16 * (6 * 25 + 1), 120 * (16 * 25 + 1)
    f6, output = 84 * (120 + 1), 10 * (84 + 1)
    counted = sum(p.numel() for p in build("lenet5").parameters())
    assert counted == c1 + c3 + c5 + f6 + output == registry.find("lenet5").parameters


@pytest.mark.parametrize("classes", [1, 10, 26])
def test_a_picture_gives_one_logit_a_class(classes: int) -> None:
    with torch.inference_mode():
        assert build("lenet5", str(classes))(torch.zeros(2, 3, 32, 32)).shape == (2, classes)


def test_maps_shrink_as_in_the_paper() -> None:
    network, seen = build("lenet5"), []
    for layer in (network.c1, network.c3, network.c5):
        layer.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[1:])))
    network(torch.zeros(1, 3, 32, 32))
    assert seen == [(6, 28, 28), (16, 10, 10), (120, 1, 1)]
