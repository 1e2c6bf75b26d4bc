"""DeepLab v3 on MobileNet v2 (width 0.5): the Pascal VOC classes, pixel by pixel.

Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017. Strides stop at 8; later
blocks are dilated instead. The only context branch is pooling over the whole picture.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from visioncli.networks.folded_mobilenet import InvertedResidual, SameConv2d
from visioncli.weights.tflite import check_shapes, convolution_weights, read_tflite

CLASSES = 21
STRIDE = 8
"""Pixels of the input from one answer to the next."""

# Channels, expansion, stride, dilation of the inverted residuals.
_BLOCKS = (
    *[(8, 1, 1, 1)],
    *[(12, 6, 2, 1), (12, 6, 1, 1)],
    *[(16, 6, 2, 1), (16, 6, 1, 1), (16, 6, 1, 1)],
    *[(32, 6, 1, 1), (32, 6, 1, 2), (32, 6, 1, 2), (32, 6, 1, 2)],
    *[(48, 6, 1, 2), (48, 6, 1, 2), (48, 6, 1, 2)],
    *[(80, 6, 1, 2), (80, 6, 1, 4), (80, 6, 1, 4)],
    *[(160, 6, 1, 4)],
)


class DeepLabMobileNetV2(nn.Module):
    """(N, 3, H, W) float32 RGB of -1 to 1 -> (N, 21, h, w) float32 logits, h = ceil(H / 8), w = ceil(W / 8).

    Any H and W will do. At 8 k + 1 (257, 513), as in training, the cell (i, j) of the logits lies exactly on
    the input pixel (8 i, 8 j). Class 0 is background, the others are in Pascal VOC's order.
    """

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 16, 3, stride=2)
        blocks: list[nn.Module] = []
        channels = 16
        for out, expansion, stride, dilation in _BLOCKS:
            blocks.append(InvertedResidual(channels, out, expansion, stride, dilation))
            channels = out
        self.blocks = nn.Sequential(*blocks)
        self.pooled = SameConv2d(160, 256, 1)
        self.local = SameConv2d(160, 256, 1)
        self.merge = SameConv2d(512, 256, 1)
        self.logits = SameConv2d(256, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.blocks(F.relu6(self.stem(x)))
        context = F.relu(self.pooled(features.mean(dim=(2, 3), keepdim=True)))
        local = F.relu(self.local(features))
        context = context.expand(-1, -1, local.shape[2], local.shape[3])
        logits: torch.Tensor = self.logits(F.relu(self.merge(torch.cat((context, local), dim=1))))
        return logits


def build() -> DeepLabMobileNetV2:
    """The network with untrained weights, in evaluation mode."""
    return DeepLabMobileNetV2().eval()


def import_weights(path: Path) -> dict[str, torch.Tensor]:
    """The complete state dict of `DeepLabMobileNetV2` from deeplabv3.tflite.

    Raises ModelUnavailable when the file is unreadable, or any weight is left over, missing or misshapen.
    """
    weights = convolution_weights(read_tflite(path), _kernels(), ())
    expected = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    check_shapes(path, expected, {name: value.shape for name, value in weights.items()})
    return {name: torch.from_numpy(value) for name, value in weights.items()}


def _kernels() -> dict[str, str]:
    """Each layer's kernel in the file."""
    names = {
        "stem": "MobilenetV2/Conv/weights",
        "pooled": "image_pooling/weights",
        "local": "aspp0/weights",
        "merge": "concat_projection/weights",
        "logits": "logits/semantic/weights",
    }
    for i in range(len(_BLOCKS)):
        block = f"MobilenetV2/expanded_conv_{i}" if i else "MobilenetV2/expanded_conv"
        if i:
            names[f"blocks.{i}.expand"] = f"{block}/expand/weights"
        names[f"blocks.{i}.depthwise"] = f"{block}/depthwise/depthwise_weights"
        names[f"blocks.{i}.project"] = f"{block}/project/weights"
    return names
