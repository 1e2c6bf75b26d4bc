import pytest
import torch

from visioncli.models import registry
from visioncli.networks import efficientnet_lite
from visioncli.networks.unet_lite import build, pretrained
from visioncli.weights.load import load_network


@pytest.mark.parametrize("size", [(1, 1), (64, 32), (45, 70)])
def test_each_pixel_of_a_picture_of_any_size_has_its_logits(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert build("lite0", "3").eval()(torch.zeros(2, 3, *size)).shape == (2, 3, *size)


def test_the_encoder_is_kept_at_five_scales() -> None:
    with torch.inference_mode():
        maps = build("lite0").eval().encode(torch.zeros(1, 3, 64, 96))
    expected = [(16, 32, 48), (24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3)]
    assert [tuple(x.shape[1:]) for x in maps] == expected


def test_the_row_tells_its_size_and_the_encoder_s_preprocessing() -> None:
    row, encoder = registry.find("unet_lite0"), registry.find("efficientnet_lite0")
    with torch.device("meta"):
        assert sum(p.numel() for p in build("lite0").parameters()) == row.parameters
    assert (row.input.mean, row.input.std) == (encoder.input.mean, encoder.input.std)


def test_its_encoder_begins_with_the_embedded_weights() -> None:
    network, known = pretrained("lite0").eval(), load_network(registry.find("efficientnet_lite0"))
    assert isinstance(known, efficientnet_lite.EfficientNetLite)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(network.encode(x)[-1], known.blocks(known.stem(x)))


def test_all_of_it_can_be_trained() -> None:
    network = build("lite0").train()
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
