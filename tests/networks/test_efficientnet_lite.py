import pytest
import torch
import torch.nn.functional as F

from visioncli.models import registry
from visioncli.networks import efficientnet_lite
from visioncli.networks.efficientnet_lite import SameConv, _rename, _round_channels, build


@pytest.mark.parametrize("variant", ["lite0", "lite1", "lite2"])
def test_a_network_has_the_published_number_of_parameters(variant: str) -> None:
    with torch.device("meta"):
        network = build(variant)
    row = registry.find(f"efficientnet_{variant}", "classify")
    assert sum(p.numel() for p in network.parameters()) == row.parameters


def test_a_picture_gives_a_thousand_logits_whatever_its_size() -> None:
    network = build("lite0").eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 1000)
        assert network(torch.zeros(1, 3, 75, 33)).shape == (1, 1000)


@pytest.mark.parametrize(("size", "stride"), [(7, 1), (7, 2), (8, 2), (9, 2), (224, 2)])
def test_same_padding_keeps_size_over_stride_and_puts_the_odd_pixel_last(size: int, stride: int) -> None:
    conv = SameConv(1, 1, 3, stride, bias=False)
    torch.nn.init.ones_(conv.weight)
    with torch.inference_mode():
        out = conv(torch.ones(1, 1, size, size))
    assert out.shape[-1] == -(-size // stride)
    if stride == 2 and size % 2 == 0:
        assert out[0, 0, 0, 0] == 9
        assert out[0, 0, -1, -1] == 4


def test_same_padding_is_symmetric_where_it_can_be() -> None:
    conv = SameConv(2, 3, 5, 1, bias=False)
    x = torch.randn(1, 2, 9, 9)
    torch.testing.assert_close(conv(x), F.conv2d(x, conv.weight, padding=2))


def test_channels_are_rounded_to_eights_and_lose_at_most_a_tenth() -> None:
    assert [_round_channels(c) for c in (16, 17.6, 26.4, 352)] == [16, 16, 24, 352]
    assert _round_channels(12) == 16
    assert all(_round_channels(c) >= 0.9 * c for c in range(1, 500))


def test_names_of_the_checkpoint_become_ours() -> None:
    assert _rename("_conv_stem.weight") == "stem.0.weight"
    assert _rename("_blocks.3._bn1.running_mean") == "blocks.3.depthwise.1.running_mean"
    assert _rename("_fc.bias") == "classifier.bias"
    assert _rename("_blocks.0._se_reduce.weight") == "blocks.0._se_reduce.weight"
    assert _rename("unknown.weight") == "unknown.weight"


def test_batch_norm_has_tensorflows_epsilon() -> None:
    with torch.device("meta"):
        modules = list(build("lite0").modules())
    epsilons = {m.eps for m in modules if isinstance(m, torch.nn.BatchNorm2d)}
    assert epsilons == {efficientnet_lite.BATCH_NORM_EPS} == {1e-3}
