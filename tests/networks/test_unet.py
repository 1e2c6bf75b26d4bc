import pytest
import torch
from torch import Tensor

from visioncli.models import registry
from visioncli.networks.unet import build, pad_to_multiple


@pytest.mark.parametrize(
    ("name", "variant", "width"), [("unet", "small", 16), ("unet_medium", "medium", 32), ("unet_paper", "paper", 64)]
)
def test_levels_have_the_channels_of_the_paper(name: str, variant: str, width: int) -> None:
    widths = [width * 2**n for n in range(5)]
    counted, inputs = 2 * (width + 1), 3
    for n in widths:  # two convolutions and two normalisations on the way down
        counted += 9 * n * (inputs + n) + 4 * n
        inputs = n
    for n in widths[:-1]:  # a transposed one before the two on the way up
        counted += 4 * 2 * n * n + n + 9 * n * (2 * n + n) + 4 * n
    with torch.device("meta"):
        network = build(variant)
    assert sum(p.numel() for p in network.parameters()) == counted == registry.find(name).parameters


@pytest.mark.parametrize("size", [(1, 1), (16, 48), (45, 70)])
def test_each_pixel_of_a_picture_of_any_size_has_its_logits(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert build("small", "5").eval()(torch.zeros(2, 3, *size)).shape == (2, 5, *size)


def test_a_picture_is_continued_with_its_edge() -> None:
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    assert pad_to_multiple(x, 4)[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    whole = torch.zeros(1, 1, 8, 4)
    assert pad_to_multiple(whole, 4) is whole


def halves(count: int) -> tuple[Tensor, Tensor]:
    """Noise around a step in the middle, and which side of it each pixel is on."""
    truth = torch.zeros(count, 32, 32, dtype=torch.long)
    truth[..., 16:] = 1
    return torch.randn(count, 3, 32, 32) + 2 * truth[:, None], truth


def test_it_learns() -> None:
    torch.manual_seed(0)
    network, (x, truth) = build("small").train(), halves(4)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(network(x), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
