"""EfficientNet-Lite 0, 1 and 2 (Tan and Le, 2019, https://arxiv.org/abs/1905.11946).

The Lite family drops squeeze-and-excitation and replaces swish by ReLU6; stem and head keep their width and the
first and last stage their depth at every scale. Weights were trained with TensorFlow, hence its "SAME" padding.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH_NORM_EPS = 1e-3
# repeats, kernel, stride, expansion, output channels of each stage before scaling
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}  # width, depth


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's "SAME" padding: the odd pixel goes to the right and the bottom."""

    def forward(self, input: Tensor) -> Tensor:
        rows, columns = (
            max((math.ceil(n / s) - 1) * s + k - n, 0)
            for n, s, k in zip(input.shape[-2:], self.stride, self.kernel_size, strict=True)
        )
        padded = F.pad(input, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPS),
    ]


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where shapes allow (MobileNetV2)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [*_conv_bn(inputs, hidden, 1), nn.ReLU6()] if expansion > 1 else []
        self.expand = nn.Sequential(*expand)
        self.depthwise = nn.Sequential(*_conv_bn(hidden, hidden, kernel, stride, groups=hidden), nn.ReLU6())
        self.project = nn.Sequential(*_conv_bn(hidden, outputs, 1))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """`(N, 3, S, S)` float32, `(pixel - 127) / 128` -> `(N, 1000)` logits of ImageNet-1k."""

    def __init__(self, width: float, depth: float, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv_bn(3, 32, 3, 2), nn.ReLU6())
        blocks: list[nn.Module] = []
        inputs = 32
        for n, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
            outputs = _round_channels(channels * width)
            count = repeats if n in (0, len(_STAGES) - 1) else math.ceil(repeats * depth)
            for i in range(count):
                blocks.append(InvertedResidual(inputs, outputs, kernel, stride if i == 0 else 1, expansion))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(*_conv_bn(inputs, 1280, 1), nn.ReLU6())
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.head(self.blocks(self.stem(x)))
        logits: Tensor = self.classifier(features.mean((2, 3)))
        return logits


def _round_channels(channels: float, divisor: int = 8) -> int:
    """Nearest multiple of eight that loses at most a tenth, as the reference implementation rounds."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def build(variant: str, classes: str = "1000") -> EfficientNetLite:
    """The untrained network `lite0`, `lite1` or `lite2`."""
    return EfficientNetLite(*_SCALES[variant], int(classes))


_PARTS = {
    "_conv_stem": "stem.0",
    "_bn0": "stem.1",
    "_conv_head": "head.0",
    "_bn1": "head.1",
    "_fc": "classifier",
}
_BLOCK_PARTS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}


def import_weights(path: Path, variant: str) -> dict[str, Tensor]:
    """The carrier's checkpoint under the names of this module. Whether names and shapes fit is checked on loading."""
    return import_state(torch.load(path, map_location="cpu", weights_only=True), variant)


def import_state(state: dict[str, Tensor], variant: str, classes: str = "1000") -> dict[str, Tensor]:
    """A checkpoint in the lukemelas naming, or in this module's own, under the names of this module."""
    return {_rename(name): tensor for name, tensor in state.items()}


def _rename(name: str) -> str:
    """`_blocks.3._bn1.weight` -> `blocks.3.depthwise.1.weight`; a name it does not know stays as it is."""
    parts = name.split(".")
    if parts[0] == "_blocks" and len(parts) == 4:
        return f"blocks.{parts[1]}.{_BLOCK_PARTS.get(parts[2], parts[2])}.{parts[3]}"
    return ".".join([_PARTS.get(parts[0], parts[0]), *parts[1:]])
