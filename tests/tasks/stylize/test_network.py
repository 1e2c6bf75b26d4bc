import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from visioncli.results import ModelInfo
from visioncli.tasks.detect.tiles import Tiling
from visioncli.tasks.stylize.network import NetworkPainter
from visioncli.tasks.stylize.tiles import painted


@pytest.fixture
def painter() -> NetworkPainter:
    """Two instance normalisations, one with weights, at half the picture's size."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.ReflectionPad2d(1), nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8, affine=True), nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1), nn.InstanceNorm2d(8), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(8, 3, 3, padding=1), nn.Tanh(),
    )  # fmt: skip
    nn.init.normal_(network[2].weight)
    return NetworkPainter(ModelInfo("net", None), network, method="net", step=2, reach=8, device="cpu")


def test_a_whole_picture_is_the_networks_answer(painter: NetworkPainter) -> None:
    pixels = np.random.default_rng(0).random((32, 40, 3), np.float32)
    answer, averages = painter.look(pixels)
    planes = torch.from_numpy(pixels.transpose(2, 0, 1))[None]
    with torch.no_grad():
        expected = painter._network(planes * 2 - 1)[0].permute(1, 2, 0).numpy() / 2 + 0.5
    np.testing.assert_allclose(answer, expected, atol=1e-6)
    assert len(averages) == 2


def test_tiles_are_the_whole_picture(painter: NetworkPainter) -> None:
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (130, 171, 3), np.uint8))
    whole, tiled = painted(painter, image), painted(painter, image, Tiling(64, 0.4))
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_it_leaves_no_hooks_behind(painter: NetworkPainter) -> None:
    pixels = np.zeros((32, 32, 3), np.float32)
    painter.paint(pixels, painter.look(pixels)[1])
    assert not any(module._forward_hooks for module in painter._network.modules())
