"""SSD with a MobileNetV2 backbone, for 90 COCO categories as in TensorFlow's object detection zoo, or for others.

Papers: "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (Sandler et al., 2018) and "SSD: Single Shot
MultiBox Detector" (Liu et al., 2016). The weights are those of `ssd_mobilenet_v2_coco_2018_03_29`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from visioncli.errors import ModelUnavailable
from visioncli.weights.graphdef import read_constants

CLASSES = 91
_EPSILON = 1e-3

# (output channels, stride of the first block, blocks) of each stage, table 2 of the MobileNetV2 paper.
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))
# The block whose expansion is the finest level that boxes are predicted from.
_FINEST = 13
# (reduced channels, output channels) of the four levels past the backbone.
_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))
ANCHORS_PER_CELL = (3, 6, 6, 6, 6, 6)


class ConvNorm(nn.Module):
    """Convolution, batch normalisation and, where `active`, ReLU6.

    `padding` is (top and left, bottom and right).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        padding: tuple[int, int] = (0, 0),
        groups: int = 1,
        active: bool = True,
    ) -> None:
        super().__init__()
        before, after = padding
        # The convolution itself can only pad all sides alike.
        self.uneven = None if before == after else (before, after, before, after)
        even = before if before == after else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=even, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=_EPSILON)
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        if self.uneven is not None:
            x = F.pad(x, self.uneven)
        # With statistics that stay as they are while the rest learns, normalisation is a part of the convolution.
        if self.training and not self.norm.training:
            x = self._joined(x)
            return F.relu6(x, inplace=True) if self.active else x
        x = self.norm(self.conv(x))
        return F.relu6(x) if self.active else x

    def _joined(self, x: Tensor) -> Tensor:
        """Convolution and normalisation at once: the same numbers in two thirds of a step's time."""
        norm, conv = self.norm, self.conv
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale[:, None, None, None]
        bias = norm.bias - norm.running_mean * scale
        return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)


def same_padding(side: int, stride: int, kernel: int = 3) -> tuple[int, int]:
    """Return the padding before and after a side that TensorFlow's rule "SAME" gives.

    The output has ceil(side / stride) cells; of an odd amount, the larger half comes after.
    """
    amount = max((_ceil_div(side, stride) - 1) * stride + kernel - side, 0)
    return amount // 2, amount - amount // 2


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, factor: int, side: int) -> None:
        super().__init__()
        wide = inputs * factor
        self.expand = ConvNorm(inputs, wide) if factor > 1 else nn.Identity()
        self.depthwise = _depthwise(wide, stride, side)
        self.project = ConvNorm(wide, outputs, active=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output and its expansion."""
        expansion = self.expand(x)
        y = self.project(self.depthwise(expansion))
        return (x + y if self.residual else y), expansion


def _depthwise(channels: int, stride: int, side: int) -> ConvNorm:
    return ConvNorm(channels, channels, kernel=3, stride=stride, padding=same_padding(side, stride), groups=channels)


class Extra(nn.Sequential):
    """One coarser level: reduce the channels, halve the grid, widen again."""

    def __init__(self, inputs: int, reduced: int, outputs: int, side: int) -> None:
        super().__init__()
        self.reduce = ConvNorm(inputs, reduced)
        self.depthwise = _depthwise(reduced, 2, side)
        self.widen = ConvNorm(reduced, outputs)


class SsdMobileNetV2(nn.Module):
    """The network from pixels to box codes and class logits; decoding them is in `anchors` and `tasks.ssd`.

    `side` is that of its square input, in pixels: the padding of each layer follows from it. `classes` counts the
    background, which is the first.
    """

    def __init__(self, side: int = 300, classes: int = CLASSES) -> None:
        super().__init__()
        self.classes = classes
        self.stem = ConvNorm(3, 32, kernel=3, stride=2, padding=same_padding(side, 2))
        side = _ceil_div(side, 2)
        blocks: list[nn.Module] = []
        channels, finest = 32, 0
        for outputs, first_stride, count in _STAGES:
            for nth in range(count):
                stride, factor = (first_stride if nth == 0 else 1), (6 if blocks else 1)
                if len(blocks) == _FINEST:
                    finest = channels * factor
                blocks.append(InvertedResidual(channels, outputs, stride=stride, factor=factor, side=side))
                channels, side = outputs, _ceil_div(side, stride)
        self.blocks = nn.ModuleList(blocks)
        self.last = ConvNorm(channels, 1280)
        levels = [finest, 1280]
        self.extras = nn.ModuleList()
        for reduced, outputs in _EXTRAS:
            self.extras.append(Extra(levels[-1], reduced, outputs, side))
            levels.append(outputs)
            side = _ceil_div(side, 2)
        heads = list(zip(levels, ANCHORS_PER_CELL, strict=True))
        self.box_heads = nn.ModuleList(nn.Conv2d(c, a * 4, 3, padding=1) for c, a in heads)
        self.class_heads = nn.ModuleList(nn.Conv2d(c, a * classes, 3, padding=1) for c, a in heads)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the six levels that boxes are predicted from, finest first, each (N, C, H, W)."""
        levels: list[Tensor] = []
        x = self.stem(x)
        for index, block in enumerate(self.blocks):
            x, expansion = block(x)
            if index == _FINEST:
                levels.append(expansion)
        levels.append(self.last(x))
        for extra in self.extras:
            levels.append(extra(levels[-1]))
        return levels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return box codes (N, A, 4) y, x, h, w and class logits (N, A, C), C being 91 for COCO.

        `x` is (N, 3, side, side) in [-1, 1]; A is 1917 at 300 pixels. The order is that of
        `visioncli.networks.anchors.ssd_anchors`.
        """
        return self.answers(self.features(x))

    def answers(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return what `forward` does, from the levels that `features` gives."""
        codes = [_by_anchor(head(level), 4) for head, level in zip(self.box_heads, levels, strict=True)]
        logits = [_by_anchor(head(level), self.classes) for head, level in zip(self.class_heads, levels, strict=True)]
        return torch.cat(codes, 1), torch.cat(logits, 1)


def _by_anchor(x: Tensor, size: int) -> Tensor:
    """Return (N, anchors * size, H, W) as (N, H * W * anchors, size)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, size)


def build(classes: str = str(CLASSES)) -> SsdMobileNetV2:
    """Return the network in evaluation mode, its weights not yet loaded; `classes` counts the background."""
    return SsdMobileNetV2(classes=int(classes)).eval()


def import_weights(path: Path) -> dict[str, Tensor]:
    """Return the state dict of `build()` from a frozen TensorFlow graph of this network.

    Raises ModelUnavailable when the file cannot be read, and when any weight is missing, left over, or of
    another shape than the network's.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"The weights at {path} cannot be read: {error.strerror}.") from error
    return state_from_constants(read_constants(data))


def state_from_constants(constants: dict[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Return the state dict of `build()` from the graph's constants by name.

    Raises ModelUnavailable as `import_weights` does.
    """
    weights = {name: value for name, value in constants.items() if not _is_parameterless(name)}
    for name, value in constants.items():
        if name.endswith(_EPSILON_NAME) and not np.allclose(value, _EPSILON):
            raise ModelUnavailable(f"The weights do not fit: {name} is {value}, this network has {_EPSILON}.")
    with torch.device("meta"):
        expected = SsdMobileNetV2().state_dict()
    state: dict[str, Tensor] = {}
    missing: list[str] = []
    for key, like in expected.items():
        if key.endswith("num_batches_tracked"):
            # Only training reads it and TensorFlow has no such thing, but torch counts it as state.
            state[key] = torch.zeros((), dtype=torch.int64)
            continue
        name = _tensorflow_name(key)
        if name not in weights:
            missing.append(name)
            continue
        value = _torch_order(name, weights.pop(name))
        if value.shape != tuple(like.shape):
            raise ModelUnavailable(
                f"The weights do not fit: {name} gives the shape {value.shape}, this network has {tuple(like.shape)}."
            )
        state[key] = torch.from_numpy(np.array(value, np.float32, order="C"))
    if missing or weights:
        raise ModelUnavailable(
            f"The weights do not fit this network: {_listed(missing)} missing, {_listed(list(weights))} left over."
        )
    return state


_EPSILON_NAME = "/BatchNorm/batchnorm/add/y"
# Scopes of the graph around the network: resizing, anchors, suppression, the joining of outputs.
_OTHER_SCOPES = ("Preprocessor", "Postprocessor", "MultipleGridAnchorGenerator", "Concatenate")
_OTHER_NAMES = frozenset({"add/y", "concat/axis", "concat_1/axis", "Const"})
# Inside a predictor: the shapes that its output is brought into.
_SHAPE_SCOPES = ("stack", "strided_slice")


def _is_parameterless(name: str) -> bool:
    """Say whether a constant belongs to the graph's plumbing; all others must find their place as weights."""
    scope, _, rest = name.partition("/")
    return (
        scope in _OTHER_SCOPES
        or name in _OTHER_NAMES
        or name.endswith(_EPSILON_NAME)
        or (scope.startswith("BoxPredictor_") and rest.split("/")[0].startswith(_SHAPE_SCOPES))
    )


def _tensorflow_name(key: str) -> str:
    """Return the graph's name of a state-dict key, such as `blocks.3.project.conv.weight`."""
    module, _, rest = key.partition(".")
    if module in ("box_heads", "class_heads"):
        level, _, kind = rest.partition(".")
        predictor = "BoxEncodingPredictor" if module == "box_heads" else "ClassPredictor"
        return f"BoxPredictor_{level}/{predictor}/{'weights' if kind == 'weight' else 'biases'}"
    scope, depthwise = _scope(key)
    leaf = {
        "conv.weight": "depthwise_weights" if depthwise else "weights",
        "norm.weight": "BatchNorm/gamma",
        "norm.bias": "BatchNorm/beta",
        "norm.running_mean": "BatchNorm/moving_mean",
        "norm.running_var": "BatchNorm/moving_variance",
    }[".".join(key.split(".")[-2:])]
    return f"FeatureExtractor/MobilenetV2/{scope}/{leaf}"


def _scope(key: str) -> tuple[str, bool]:
    """Return the graph's scope of one ConvNorm, and whether it filters each channel alone."""
    module, *rest = key.split(".")
    if module == "stem":
        return "Conv", False
    if module == "last":
        return "Conv_1", False
    index, part = int(rest[0]), rest[1]
    if module == "blocks":
        return f"expanded_conv{f'_{index}' if index else ''}/{part}", part == "depthwise"
    reduced, outputs = _EXTRAS[index]
    level = index + 2
    if part == "reduce":
        return f"layer_19_1_Conv2d_{level}_1x1_{reduced}", False
    suffix = "_depthwise" if part == "depthwise" else ""
    return f"layer_19_2_Conv2d_{level}_3x3_s2_{outputs}{suffix}", part == "depthwise"


def _torch_order(name: str, value: NDArray[Any]) -> NDArray[Any]:
    """Return a kernel (H, W, in, out) as (out, in, H, W), one a channel (H, W, C, 1) as (C, 1, H, W)."""
    if value.ndim != 4:
        return value
    return value.transpose(2, 3, 0, 1) if name.endswith("depthwise_weights") else value.transpose(3, 2, 0, 1)


def _listed(names: list[str]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
