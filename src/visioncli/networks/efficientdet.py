"""EfficientDet-Lite0: boxes of the 80 COCO classes.

Tan et al., "EfficientDet: Scalable and Efficient Object Detection", 2020, https://arxiv.org/abs/1911.09070, in the
Lite form for small devices: EfficientNet-Lite0 below, ReLU6 for swish, and plain sums where BiFPN weighs its
inputs. Batch normalisation is folded into the convolutions, as in the .tflite file, whose 8-bit weights are read as
numbers.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from visioncli.errors import ModelUnavailable
from visioncli.networks.folded_mobilenet import InvertedResidual, SameConv2d
from visioncli.weights.tflite import Convolution, TfliteFile, check_shapes, kernel_and_bias, read_tflite

INPUT = 320
CLASSES = 90
ANCHORS = 9
"""For each cell: three scales by three shapes."""
LEVELS = 5
"""The pyramid's: strides of 8, 16, 32, 64 and 128 pixels."""
CHANNELS = 64
CELLS = 3

# Channels, kernel, expansion, stride of the inverted residuals.
_BLOCKS = (
    *[(16, 3, 1, 1)],
    *[(24, 3, 6, 2), (24, 3, 6, 1)],
    *[(40, 5, 6, 2), (40, 5, 6, 1)],
    *[(80, 3, 6, 2), (80, 3, 6, 1), (80, 3, 6, 1)],
    *[(112, 5, 6, 1), (112, 5, 6, 1), (112, 5, 6, 1)],
    *[(192, 5, 6, 2), (192, 5, 6, 1), (192, 5, 6, 1), (192, 5, 6, 1)],
    *[(320, 3, 6, 1)],
)
# The blocks after which the picture has an eighth, a sixteenth and a thirty-second of its sides.
_OUTPUTS = (4, 10, 15)


class Separable(nn.Module):
    """Depthwise 3x3, then pointwise 1x1, with no function between them or behind."""

    def __init__(self, out: int = CHANNELS) -> None:
        super().__init__()
        self.depthwise = SameConv2d(CHANNELS, CHANNELS, 3, groups=CHANNELS)
        self.pointwise = SameConv2d(CHANNELS, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.pointwise(self.depthwise(x))
        return y


class Backbone(nn.Module):
    """EfficientNet-Lite0 without its head: (N, 3, S, S) -> 40, 112 and 320 channels at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 3, stride=2)
        blocks: list[nn.Module] = []
        channels = 32
        for out, kernel, expansion, stride in _BLOCKS:
            blocks.append(InvertedResidual(channels, out, expansion, stride, kernel=kernel))
            channels = out
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = F.relu6(self.stem(x))
        levels = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in _OUTPUTS:
                levels.append(x)
        return levels


class Entrance(nn.Module):
    """From the backbone's three levels to the first cell's inputs, all of 64 channels.

    The levels at strides 16 and 32 enter twice, by other weights: on the way down and on the way up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([SameConv2d(c, CHANNELS, 1) for c in (40, 112, 320)])
        self.up = nn.ModuleList([SameConv2d(c, CHANNELS, 1) for c in (112, 320)])
        self.coarser = SameConv2d(320, CHANNELS, 1)

    def forward(self, levels: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        sixth = _halved(self.coarser(levels[2]))
        coarse = [sixth, _halved(sixth)]
        down = [lateral(x) for lateral, x in zip(self.down, levels, strict=True)]
        up = [lateral(x) for lateral, x in zip(self.up, levels[1:], strict=True)]
        return down + coarse, up + coarse


class Cell(nn.Module):
    """One BiFPN layer: from the coarsest level down to the finest, then up again."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([Separable() for _ in range(LEVELS - 1)])
        self.up = nn.ModuleList([Separable() for _ in range(LEVELS - 1)])

    def forward(self, down: list[torch.Tensor], up: list[torch.Tensor]) -> list[torch.Tensor]:
        """`down`: the five levels, finest first; `up`: the four coarser ones as they enter on the way up."""
        middle = [down[-1]]
        for node, x in zip(self.down, reversed(down[:-1]), strict=True):
            middle.insert(0, node(F.relu6(x + _enlarged(middle[0], x))))
        out = [middle[0]]
        for n, (node, x) in enumerate(zip(self.up, up, strict=True), start=1):
            # At the coarsest level the way down begins, so that it has nothing to add.
            both = x if n == LEVELS - 1 else x + middle[n]
            out.append(node(F.relu6(both + _halved(out[-1]))))
        return out


class Head(nn.Module):
    """What a level answers for each of its cells: three hidden layers and a linear one.

    The published heads share their kernels over all levels, with a normalisation for each; folded into the kernels,
    it makes a head of its own for each level.
    """

    def __init__(self, out: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList([Separable() for _ in range(3)])
        self.predict = Separable(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.hidden:
            x = F.relu6(layer(x))
        maps: torch.Tensor = self.predict(x)
        return maps


class EfficientDetLite0(nn.Module):
    """(N, 3, 320, 320) float32, `(pixel - 127) / 128` -> box codes (N, 19206, 4) and class logits (N, 19206, 90).

    The anchors are those of `anchors.efficientdet_anchors`; a code is y, x, h, w, and class c is COCO's id c + 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.entrance = Entrance()
        self.cells = nn.ModuleList([Cell() for _ in range(CELLS)])
        self.boxes = nn.ModuleList([Head(ANCHORS * 4) for _ in range(LEVELS)])
        self.classes = nn.ModuleList([Head(ANCHORS * CLASSES) for _ in range(LEVELS)])

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        down, up = self.entrance(self.backbone(x))
        for cell in self.cells:
            down = cell(down, up)
            up = down[1:]
        return _rows(self.boxes, down, 4), _rows(self.classes, down, CLASSES)


def _enlarged(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="nearest")


def _halved(x: torch.Tensor) -> torch.Tensor:
    """The greatest of 3x3 at stride 2, with TensorFlow's "SAME" padding, whose odd pixel is the last."""
    even = x.shape[3] % 2 == 0
    return F.max_pool2d(x, 3, 2, padding=0 if even else 1, ceil_mode=even)


def _rows(heads: nn.ModuleList, levels: list[torch.Tensor], width: int) -> torch.Tensor:
    """(N, anchors of all levels, width): level, row, column, anchor in the cell."""
    maps = [head(x).permute(0, 2, 3, 1).flatten(1) for head, x in zip(heads, levels, strict=True)]
    rows = torch.cat(maps, dim=1)
    return rows.reshape(rows.shape[0], -1, width)


def build() -> EfficientDetLite0:
    """The network with untrained weights, in evaluation mode."""
    return EfficientDetLite0().eval()


def import_weights(path: Path) -> dict[str, torch.Tensor]:
    """The complete state dict of `EfficientDetLite0` from the quantised .tflite file, as float32.

    Raises ModelUnavailable when the file is unreadable, or any weight is left over, missing or misshapen.
    """
    file = read_tflite(path)
    weights: dict[str, torch.Tensor] = {}
    for layer, convolution in _layers(file).items():
        # Levels share kernels in the file; here each has its own.
        kernel, bias = kernel_and_bias(file, convolution)
        weights[f"{layer}.weight"], weights[f"{layer}.bias"] = torch.from_numpy(kernel), torch.from_numpy(bias)
    used = {name for c in file.convolutions for name in (c.kernel, c.bias)}
    if left_over := {name for name, array in file.tensors.items() if array.dtype.kind == "f"} - used:
        raise ModelUnavailable(f"{path} holds weights that the network has no place for: {min(left_over)}.")
    expected = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    check_shapes(path, expected, {name: tuple(value.shape) for name, value in weights.items()})
    return weights


def _layers(file: TfliteFile) -> dict[str, Convolution]:
    """The file's convolution of each layer; none is left over. Raises ModelUnavailable."""
    by_kernel: dict[str, list[Convolution]] = {}
    for convolution in file.convolutions:
        by_kernel.setdefault(convolution.kernel, []).append(convolution)
    found, seen = {}, Counter[str]()
    for layer, name in _kernels().items():
        fitting = [kernel for kernel in by_kernel if kernel == name or kernel.startswith(name + ";")]
        uses = by_kernel[fitting[0]] if len(fitting) == 1 else []
        if seen[name] >= len(uses):
            raise ModelUnavailable(f"{file.path} has no convolution {name} for {layer}: this is another network.")
        # Levels that share a kernel use it one after the other, the finest first.
        found[layer] = uses[seen[name]]
        seen[name] += 1
    if len(found) != len(file.convolutions):
        raise ModelUnavailable(
            f"{file.path} has {len(file.convolutions)} convolutions where {len(found)} are expected: this is another "
            "network."
        )
    return found


def _kernels() -> dict[str, str]:
    """Each layer's kernel in the file, whose fused names begin with the name given here."""
    boxes = _head("boxes", "box_net/box", "depthwise")
    # The converter appends "1" where a zero bias already has the kernel's name.
    return _backbone() | _pyramid() | boxes | _head("classes", "class_net/class", "depthwise1")


def _backbone() -> dict[str, str]:
    scope = "efficientnet-lite0"
    names = {"backbone.stem": f"{scope}/stem/conv2d/Conv2D"}
    for i, (_, _, expansion, _) in enumerate(_BLOCKS):
        block, layer = f"{scope}/blocks_{i}", f"backbone.blocks.{i}"
        norm = f"{block}/tpu_batch_normalization"
        if expansion > 1:
            names[f"{layer}.expand"] = f"{block}/conv2d/Conv2D"
        names[f"{layer}.depthwise"] = f"{norm}{'_1' if expansion > 1 else ''}/FusedBatchNormV3"
        names[f"{layer}.project"] = f"{block}/conv2d{'_1' if expansion > 1 else ''}/Conv2D"
    return names


def _pyramid() -> dict[str, str]:
    first = "fpn_cells/cell_0"
    names = {
        "entrance.down.0": f"{first}/fnode3/resample_0_0_8/conv2d/Conv2D",
        "entrance.down.1": f"{first}/fnode2/resample_0_1_7/conv2d/Conv2D",
        "entrance.down.2": f"{first}/fnode1/resample_0_2_6/conv2d/Conv2D",
        "entrance.up.0": f"{first}/fnode4/resample_0_1_9/conv2d/Conv2D",
        "entrance.up.1": f"{first}/fnode5/resample_0_2_10/conv2d/Conv2D",
        "entrance.coarser": "resample_p6/conv2d/Conv2D",
    }
    for cell in range(CELLS):
        for node in range(2 * (LEVELS - 1)):
            way, place = _node(node)
            scope = f"fpn_cells/cell_{cell}/fnode{node}/op_after_combine{node + LEVELS}/conv/separable_conv2d"
            names[f"cells.{cell}.{way}.{place}.depthwise"] = f"{scope}/depthwise"
            names[f"cells.{cell}.{way}.{place}.pointwise"] = scope
    return names


def _head(part: str, scope: str, predict: str) -> dict[str, str]:
    names = {}
    for level in range(LEVELS):
        for n in range(3):
            hidden = f"{part}.{level}.hidden.{n}"
            names[f"{hidden}.depthwise"] = f"{scope}-{n}/separable_conv2d_4/depthwise"
            names[f"{hidden}.pointwise"] = f"{scope}-{n}/separable_conv2d{f'_{level}' if level else ''}"
        names[f"{part}.{level}.predict.depthwise"] = f"{scope}-predict/separable_conv2d_4/{predict}"
        names[f"{part}.{level}.predict.pointwise"] = f"{scope}-predict/separable_conv2d_4"
    return names


def activation_ranges(path: Path) -> dict[str, tuple[float, float]]:
    """Between what least and greatest number the 8-bit file keeps what flows through `EfficientDetLite0`.

    By the convolution that the numbers come out of, after its activation: `backbone.stem`, `cells.0.up.1.pointwise`;
    `backbone.blocks.4.project/Add` where the input was added; `cells.0.up.1/sum` what a node of the pyramid takes,
    after its ReLU6, and `cells.0.up.1/two` the first two of three terms of it; `input` is the prepared picture.
    Raises ModelUnavailable where the file is not that of this network.
    """
    file = read_tflite(path)
    outputs = {layer: convolution.output for layer, convolution in _layers(file).items()}
    for operator in file.operators:
        if operator.kind == "ADD":
            outputs[_sum(operator.outputs[0])] = operator.outputs[0]
    ranges = {"input": file.quantisation[file.operators[0].outputs[0]].range}
    return ranges | {name: file.quantisation[tensor].range for name, tensor in outputs.items()}


def _sum(tensor: str) -> str:
    """Our name of a sum such as `efficientnet-lite0/blocks_2/Add` or `fpn_cells/cell_0/fnode4/add_n/add`."""
    parts = tensor.split("/")
    if parts[0] != "fpn_cells":
        return f"backbone.blocks.{parts[1].removeprefix('blocks_')}.project/Add"
    cell = parts[1].removeprefix("cell_")
    way, place = _node(int(parts[2].removeprefix("fnode")))
    return f"cells.{cell}.{way}.{place}/{'two' if parts[3] == 'add_n' else 'sum'}"


def _node(number: int) -> tuple[str, int]:
    """Of the eight nodes of a cell, in the file's order: on which way it lies, and in which place."""
    return ("down", number) if number < LEVELS - 1 else ("up", number - LEVELS + 1)
