"""MoveNet Lightning: the 17 COCO keypoints of one person.

TensorFlow Hub, "MoveNet.SinglePose Lightning", model card 2021: MobileNet v2 with a feature pyramid and four
CenterNet heads (Zhou et al., "Objects as Points", 2019) at a quarter of the input size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from visioncli.errors import ModelUnavailable
from visioncli.networks.folded_mobilenet import InvertedResidual, SameConv2d
from visioncli.weights.tflite import TfliteFile, check_shapes, convolution_weights, read_tflite

INPUT = 192
GRID = INPUT // 4
KEYPOINTS = 17

# Channels, expansion, stride of the inverted residuals.
_BLOCKS = (
    *[(16, 1, 1)],
    *[(24, 6, 2), (24, 6, 1)],
    *[(32, 6, 2), (32, 6, 1), (32, 6, 1)],
    *[(64, 6, 2), (64, 6, 1), (64, 6, 1), (64, 6, 1)],
    *[(96, 6, 1), (96, 6, 1), (96, 6, 1)],
    *[(160, 6, 2), (160, 6, 1), (160, 6, 1)],
    *[(320, 6, 1)],
)
# The blocks whose outputs feed the pyramid: at 1/4, 1/8 and 1/16 of the input.
_LEVELS = (2, 5, 9)

# Distances in grid cells are softened by this before they divide a score.
_SOFTENING = 1.8


class Separable(nn.Module):
    """Depthwise 3x3 without activation, then pointwise 1x1 and ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.depthwise = SameConv2d(channels, channels, 3, groups=channels)
        self.pointwise = SameConv2d(channels, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.pointwise(self.depthwise(x)))


class Head(nn.Module):
    """Maps of one quantity on the 48x48 grid."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.hidden = Separable(24, 96)
        self.out = SameConv2d(96, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.out(self.hidden(x))
        return maps


class MoveNet(nn.Module):
    """(N, 3, 192, 192) float32 RGB of 0 to 255 -> (N, 17, 3) float32 rows of y, x, score.

    y and x are relative to the input (0 to 1, and a little beyond), score is 0 to 1.
    The keypoints are those of the person nearest to the middle.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 3, stride=2)
        blocks: list[nn.Module] = []
        channels = 32
        for out, expansion, stride in _BLOCKS:
            blocks.append(InvertedResidual(channels, out, expansion, stride))
            channels = out
        self.blocks = nn.ModuleList(blocks)
        self.top = SameConv2d(320, 1280, 1)
        self.lateral = nn.ModuleList([SameConv2d(c, o, 1) for c, o in ((24, 24), (32, 32), (64, 64), (1280, 64))])
        self.smooth = nn.ModuleList([Separable(c, o) for c, o in ((24, 24), (32, 24), (64, 32))])
        self.centre = Head(1)
        self.heat = Head(KEYPOINTS)
        self.offset = Head(2 * KEYPOINTS)
        self.regress = Head(2 * KEYPOINTS)
        rows = torch.arange(GRID, dtype=torch.float32).repeat_interleave(GRID)
        columns = torch.arange(GRID, dtype=torch.float32).repeat(GRID)
        middle = GRID / 2
        nearness = 1 / (torch.hypot(rows - middle, columns - middle) + _SOFTENING)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("nearness", nearness, persistent=False)

    rows: torch.Tensor
    columns: torch.Tensor
    nearness: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self._features(x / 127.5 - 1)
        return self._decode(
            torch.sigmoid(self.centre(features)).flatten(2),
            torch.sigmoid(self.heat(features)).flatten(2),
            self.offset(features).flatten(2),
            self.regress(features).flatten(2),
        )

    def _features(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 24, 48, 48): the pyramid's finest level."""
        x = F.relu6(self.stem(x))
        levels = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in _LEVELS:
                levels.append(x)
        levels.append(F.relu6(self.top(x)))
        merged: torch.Tensor = self.lateral[3](levels[3])
        for i in (2, 1, 0):
            finer = F.interpolate(merged, scale_factor=2.0, mode="bilinear", align_corners=False)
            merged = self.smooth[i](finer + self.lateral[i](levels[i]))
        return merged

    def _decode(
        self, centre: torch.Tensor, heat: torch.Tensor, offset: torch.Tensor, regress: torch.Tensor
    ) -> torch.Tensor:
        """Maps flattened to (N, channels, 48 * 48) -> (N, 17, 3).

        The centre nearest the middle says roughly where each joint is; the joint's own heat map, weighted by
        nearness to that guess, says in which cell; the offset map says where in the cell.
        """
        best = torch.argmax(centre * self.nearness, dim=2, keepdim=True)
        guess = _at(regress, best)
        guess_y = guess[:, 0::2] + self.rows[best]
        guess_x = guess[:, 1::2] + self.columns[best]
        distance = torch.sqrt((self.rows - guess_y) ** 2 + (self.columns - guess_x) ** 2)
        cell = torch.argmax(heat / (distance + _SOFTENING), dim=2, keepdim=True)
        y = (self.rows[cell] + torch.gather(offset[:, 0::2], 2, cell)) / GRID
        x = (self.columns[cell] + torch.gather(offset[:, 1::2], 2, cell)) / GRID
        return torch.cat((y, x, torch.gather(heat, 2, cell)), dim=2)


def _at(maps: torch.Tensor, cell: torch.Tensor) -> torch.Tensor:
    """The values of all channels at one cell: (N, C, cells) and (N, 1, 1) -> (N, C, 1)."""
    return torch.gather(maps, 2, cell.expand(-1, maps.shape[1], -1))


def build() -> MoveNet:
    """The network with untrained weights, in evaluation mode."""
    return MoveNet().eval()


def import_weights(path: Path) -> dict[str, torch.Tensor]:
    """The complete state dict of `MoveNet` from movenet_lightning.tflite (half precision widened to float32).

    Raises ModelUnavailable when the file is unreadable, or any weight is left over, missing or misshapen.
    """
    file = read_tflite(path)
    constants = _constants()
    weights = convolution_weights(file, _kernels(), constants)
    _check_constants(file, constants)
    expected = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    check_shapes(path, expected, {name: value.shape for name, value in weights.items()})
    return {name: torch.from_numpy(value) for name, value in weights.items()}


def _kernels() -> dict[str, str]:
    """Each layer's kernel in the file; fused names begin with the name given here."""
    extractor = "center_net_mobile_net_v2fpn_feature_extractor/model_1"
    body = f"{extractor}/model"
    names = {
        "stem": f"{body}/Conv1/Conv2D",
        "top": f"{body}/Conv_1/Conv2D",
        "lateral.0": f"{extractor}/conv2d_3/Conv2D",
        "lateral.1": f"{extractor}/conv2d_2/Conv2D",
        "lateral.2": f"{extractor}/conv2d_1/Conv2D",
        "lateral.3": f"{extractor}/conv2d/Conv2D",
    }
    for i in range(len(_BLOCKS)):
        block = f"{body}/block_{i}" if i else f"{body}/expanded_conv"
        if i:
            names[f"blocks.{i}.expand"] = f"{block}_expand/Conv2D"
        names[f"blocks.{i}.depthwise"] = f"{block}_depthwise_BN/FusedBatchNormV3"
        names[f"blocks.{i}.project"] = f"{block}_project/Conv2D"

    def separable(layer: str, scope: str, suffix: str = "") -> None:
        names[f"{layer}.depthwise"] = f"{scope}/separable_conv2d/depthwise{suffix}"
        names[f"{layer}.pointwise"] = f"{scope}/separable_conv2d"

    # The converter appends "1" where a zero bias already has the kernel's name.
    separable("smooth.2", f"{extractor}/separable_conv2d", "1")
    separable("smooth.1", f"{extractor}/separable_conv2d_1", "1")
    separable("smooth.0", f"{extractor}/separable_conv2d_2")
    for head, scope, n in (
        ("centre", "center_0", 3),
        ("heat", "kpt_heatmap_0", 4),
        ("offset", "kpt_offset_0", 6),
    ):
        separable(f"{head}.hidden", f"{scope}/separable_conv2d_{n}")
        names[f"{head}.out"] = f"{scope}/conv2d_{n + 1}/Conv2D"
    separable("regress.hidden", "kpt_regress_0/separable_conv2d_5", "1")
    names["regress.out"] = "kpt_regress_0/conv2d_6/Conv2D"
    return names


def _constants() -> dict[str, np.ndarray]:
    """The file's constants that are not weights, and what this network takes them to be."""
    network = build()
    return {
        "Reshape": np.zeros(3),
        "truediv_1;truediv_1/y": np.array(1 / 127.5),
        "sub_1/y": np.array(1.0),
        "add_1/y": np.array(_SOFTENING),
        "strided_slice_3": network.rows.numpy(),
        "strided_slice_4": network.columns.numpy(),
        "truediv_2;add_1": network.nearness.numpy(),
        "Reshape_13": np.full(2, 1 / GRID),
    }


def _check_constants(file: TfliteFile, constants: dict[str, np.ndarray]) -> None:
    for name, value in constants.items():
        found = file.tensors[name].ravel()
        if found.size != value.size or not np.allclose(found, value.ravel(), rtol=2e-3, atol=1e-6):
            raise ModelUnavailable(f"{file.path}: the constant {name} is not what this network computes with.")
