"""U-Net (Ronneberger, Fischer and Brox, 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
https://arxiv.org/abs/1505.04597).

As is usual today, convolutions are padded, so that the answer is as large as the picture, and batch normalisation
follows each of them. The way up enlarges with a transposed convolution, as in the paper.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIZES = {"small": (16, 4), "medium": (32, 4), "paper": (64, 4)}
"""Channels of the first level, which double from level to level, and how often the picture is halved."""


MULTIPLE = 32
"""Sides of pictures that every U-Net here can halve as often as it does."""


def convolutions(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions of 3 x 3, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """`(N, 3, H, W)` float32 -> `(N, C, H, W)` logits, for any H and W.

    Inside, the picture is continued at the right and the bottom, with its own edge, to multiples of `MULTIPLE`.
    """

    def __init__(self, width: int, depth: int, classes: int) -> None:
        super().__init__()
        channels = [width * 2**n for n in range(depth + 1)]
        self.first = convolutions(3, width)
        self.down = nn.ModuleList(convolutions(a, b) for a, b in itertools.pairwise(channels))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, stride=2) for c in channels[-2::-1])
        self.up = nn.ModuleList(convolutions(2 * c, c) for c in channels[-2::-1])
        self.logits = nn.Conv2d(width, classes, 1)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        framed = pad_to_multiple(x)
        answer = self._answer(framed)
        return answer if framed is x else answer[:, :, : x.shape[2], : x.shape[3]]

    def _answer(self, x: Tensor) -> Tensor:
        x = self.first(x)
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(F.max_pool2d(x, 2))
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            x = block(torch.cat((skips.pop(), enlarge(x)), 1))
        logits: Tensor = self.logits(x)
        return logits


def pad_to_multiple(x: Tensor, multiple: int = MULTIPLE) -> Tensor:
    """`(N, C, H, W)` continued with its last row and column until both sides are multiples; `x` itself where they
    are, as they must be for a graph that is exported."""
    if torch.compiler.is_exporting():
        return x
    rows, columns = (-n % multiple for n in x.shape[2:])
    return F.pad(x, (0, columns, 0, rows), mode="replicate") if rows or columns else x


def start(network: nn.Module) -> None:
    """Random weights as He et al. (2015, https://arxiv.org/abs/1502.01852) draw them, as the paper wants."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def build(variant: str, classes: str = "2") -> UNet:
    """The untrained network `small`, `medium` or `paper`: 16, 32 or 64 channels at the picture's own size."""
    return UNet(*_SIZES[variant], int(classes))
