"""MobileNet v2 building blocks with batch normalisation folded into the convolutions, as in .tflite files.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding: the output is ceil(input / stride) on each side."""

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        super().__init__(channels, out, kernel, stride=stride, dilation=dilation, groups=groups)
        self.reach = dilation * (kernel - 1)
        # With stride 1 the padding is the same on both sides whatever the size of the input.
        self.padding = (self.reach // 2, self.reach // 2) if stride == 1 else (0, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride[0] > 1:
            x = F.pad(x, (*self._sides(x.shape[3]), *self._sides(x.shape[2])))
        return super().forward(x)

    def _sides(self, size: int) -> tuple[int, int]:
        stride = self.stride[0]
        # For every input at least as large as the kernel this equals (ceil(size / stride) - 1) * stride
        # + kernel - size; written without max() it can be exported for any size.
        total = self.reach - (size - 1) % stride
        return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3 or `kernel`, project 1x1; the input is added where shapes allow."""

    def __init__(
        self, channels: int, out: int, expansion: int, stride: int = 1, dilation: int = 1, kernel: int = 3
    ) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = SameConv2d(channels, wide, 1) if expansion > 1 else None
        self.depthwise = SameConv2d(wide, wide, kernel, stride=stride, dilation=dilation, groups=wide)
        self.project = SameConv2d(wide, out, 1)
        self.adds = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self.expand(x)) if self.expand is not None else x
        y = self.project(F.relu6(self.depthwise(y)))
        out: torch.Tensor = x + y if self.adds else y
        return out
