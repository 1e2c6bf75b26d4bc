import pytest
import torch
from torch.nn import functional as F

from visioncli.networks.folded_mobilenet import InvertedResidual, SameConv2d


@pytest.mark.parametrize("size", range(3, 20))
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 2), (1, 4), (2, 1)])
def test_the_output_is_the_input_divided_by_the_stride_rounded_up(size: int, stride: int, dilation: int) -> None:
    layer = SameConv2d(2, 3, 3, stride=stride, dilation=dilation)
    out = layer(torch.zeros(1, 2, size, size + 1))
    assert out.shape == (1, 3, -(-size // stride), -(-(size + 1) // stride))


def test_odd_padding_goes_to_the_right_and_bottom() -> None:
    layer = SameConv2d(1, 1, 3, stride=2)
    x = torch.rand(1, 1, 8, 8)
    expected = F.conv2d(F.pad(x, (0, 1, 0, 1)), layer.weight, layer.bias, stride=2)
    assert torch.equal(layer(x), expected)


def test_the_input_is_added_only_where_shapes_allow() -> None:
    assert InvertedResidual(4, 4, 6).adds
    assert not InvertedResidual(4, 4, 6, stride=2).adds
    assert not InvertedResidual(4, 8, 6).adds
