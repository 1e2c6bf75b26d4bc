import math

import pytest

from visioncli.anatomy.layers import Layer, LayerTable, layer_table
from visioncli.errors import UsageError
from visioncli.models.registry import ROWS, find

# The classification networks that are quick to build, one a family or so.
QUICK = (
    *("alexnet", "vgg16", "googlenet", "resnet50", "resnext50_32x4d", "densenet121", "squeezenet1_1"),
    *("shufflenet_v2_x1_0", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "regnet_y_400mf"),
    *(
        "convnext_tiny",
        "vit_b_16",
        "vit_h_14",
        "swin_t",
        "swin_v2_t",
        "maxvit_t",
        "efficientnet_lite0",
        "inception_v3",
    ),
    *("ssd_mobilenet_v2", "movenet_lightning", "deeplab_v3_mobilenet_v2", "ssd300_vgg16", "retinanet_resnet50_fpn"),
    *("fasterrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn", "lraspp_mobilenet_v3_large"),
)


def sight(table: LayerTable, name: str) -> tuple[float, float]:
    layer: Layer = next(layer for layer in table.layers if layer.name == name)
    assert layer.sight is not None
    return layer.sight.field


@pytest.mark.parametrize("name", QUICK)
def test_multiply_adds_are_the_published_ones(name: str) -> None:
    row = find(name)
    assert layer_table(row).multiply_adds / 1e9 == pytest.approx(row.gflops, rel=0.01)


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.name in QUICK and "classify" in row.tasks])
def test_parameters_are_the_published_ones(name: str) -> None:
    table = layer_table(find(name))
    extra = 3_326_696 if name == "inception_v3" else 0  # its second classifier, which only training uses
    assert table.parameters + extra == find(name).parameters
    if name not in ("vit_b_16", "vit_h_14", "swin_t", "swin_v2_t", "maxvit_t", "convnext_tiny"):
        assert sum(layer.parameters for layer in table.layers) == table.parameters


# Araujo, Norris and Sim, 2019, table 1, where the network is the same.
@pytest.mark.parametrize(("name", "layer", "field"), [("alexnet", "features.12", 195), ("vgg16", "features.30", 212)])
def test_receptive_fields_are_the_published_ones(name: str, layer: str, field: int) -> None:
    assert sight(layer_table(find(name)), layer) == (field, field)


def test_receptive_fields_of_a_residual_network_are_those_of_its_longest_path() -> None:
    table = layer_table(find("resnet18"))
    assert sight(table, "conv1") == (7, 7)
    assert sight(table, "maxpool") == (11, 11)
    assert sight(table, "layer1.0.conv2") == (27, 27)
    assert sight(table, "layer4.1.conv2") == (435, 435)
    assert sight(table, "avgpool") == (math.inf, math.inf)


def test_gates_do_not_widen_the_receptive_field() -> None:
    assert sight(layer_table(find("efficientnet_b0")), "features.8.0") == (851, 851)


def test_attention_over_all_patches_sees_everything_and_in_windows_is_left_open() -> None:
    table = layer_table(find("vit_b_16"))
    assert sight(table, "conv_proj") == (16, 16)
    assert sight(table, "encoder.layers.encoder_layer_0.self_attention") == (math.inf, math.inf)
    assert layer_table(find("swin_t")).layers[-1].sight is None


def test_shapes_follow_the_input_size() -> None:
    table = layer_table(find("resnet18"), 320)
    assert next(layer for layer in table.layers if layer.name == "layer4.1.conv2").output == (1, 512, 10, 10)
    conv = table.layers[0]
    assert (conv.kernel, conv.stride, conv.padding, conv.dilation) == ("7", "2", "3", "1")
    assert conv.multiply_adds == 160 * 160 * 64 * 3 * 49


def test_a_size_that_the_network_cannot_take_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="cannot take pictures of 100 pixels"):
        layer_table(find("vit_b_16"), 100)
    with pytest.raises(UsageError, match="has no layer table"):
        layer_table(find("object_layout"))
