"""YOLOv3 and YOLOv3-tiny (Redmon and Farhadi, 2018, "YOLOv3: An Incremental Improvement",
https://arxiv.org/abs/1804.02767), layer for layer as in the authors' `yolov3.cfg` and `yolov3-tiny.cfg`.

Modules are made in the order in which a file of Darknet keeps their weights, which `weights.darknet` relies on.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.networks.anchors import YOLO_ANCHORS

_SLOPE = 0.1
_EPS = 1e-6
"""Darknet's, in batch normalisation."""


class Convolution(nn.Module):
    """A convolution, batch normalisation and a leaky ReLU; `half` as many places on a side on demand."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, half: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, 2 if half else 1, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), _SLOPE)


class Residual(nn.Module):
    """Half as many channels, then all of them again; the input is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = Convolution(channels, channels // 2, 1)
        self.wide = Convolution(channels // 2, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.wide(self.narrow(x))
        return out


class Stage(nn.Sequential):
    """A part of Darknet-53: half as many places with twice the channels, then residual blocks."""

    def __init__(self, channels: int, blocks: int) -> None:
        halving = Convolution(channels, 2 * channels, 3, half=True)
        super().__init__(halving, *(Residual(2 * channels) for _ in range(blocks)))


class Head(nn.Module):
    """Five convolutions, whose answer the finer head gets too; one more, and the map itself."""

    def __init__(self, inputs: int, channels: int, outputs: int) -> None:
        super().__init__()
        sizes = [(inputs, channels, 1), (channels, 2 * channels, 3), (2 * channels, channels, 1)]
        sizes += [(channels, 2 * channels, 3), (2 * channels, channels, 1)]
        self.neck = nn.Sequential(*(Convolution(*size) for size in sizes))
        self.last = Convolution(channels, 2 * channels, 3)
        self.map = nn.Conv2d(2 * channels, outputs, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.neck(x)
        return x, self.map(self.last(x))


class YOLOv3(nn.Module):
    """`(N, 3, H, W)` float32 of 0 to 1, sides multiples of 32 -> three maps, at 1/32, 1/16 and 1/8 of the size.

    A map is `(N, 3 (5 + C), h, w)`: for each of its three anchors x, y, w, h, objectness and the classes' logits,
    none of them through a sigmoid yet; `tasks.detect.yolo` says what boxes they mean.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        outputs = 3 * (5 + classes)
        self.stem = Convolution(3, 32, 3)
        self.stages = nn.ModuleList(Stage(32 * 2**n, blocks) for n, blocks in enumerate((1, 2, 8, 8, 4)))
        self.coarse = Head(1024, 512, outputs)
        self.to_middle = Convolution(512, 256, 1)
        self.middle = Head(256 + 512, 256, outputs)
        self.to_fine = Convolution(256, 128, 1)
        self.fine = Head(128 + 256, 128, outputs)
        _start(self, (self.coarse.map, self.middle.map, self.fine.map))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        x, coarse = self.coarse(maps[4])
        x, middle = self.middle(torch.cat((_enlarged(self.to_middle(x)), maps[3]), 1))
        _, fine = self.fine(torch.cat((_enlarged(self.to_fine(x)), maps[2]), 1))
        return coarse, middle, fine


class YOLOv3Tiny(nn.Module):
    """`(N, 3, H, W)` float32 of 0 to 1, sides multiples of 32 -> two maps as of `YOLOv3`, at 1/32 and 1/16."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        outputs = 3 * (5 + classes)
        self.early = nn.ModuleList(Convolution(a, b, 3) for a, b in _TINY[:5])
        self.late = nn.ModuleList(Convolution(a, b, 3) for a, b in _TINY[5:])
        self.neck = Convolution(1024, 256, 1)
        self.coarse_last = Convolution(256, 512, 3)
        self.coarse = nn.Conv2d(512, outputs, 1)
        self.to_fine = Convolution(256, 128, 1)
        self.fine_last = Convolution(128 + 256, 256, 3)
        self.fine = nn.Conv2d(256, outputs, 1)
        _start(self, (self.coarse, self.fine))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for n, convolution in enumerate(self.early):
            x = convolution(F.max_pool2d(x, 2) if n else x)
        middle = x
        wide, wider = self.late
        x = wide(F.max_pool2d(x, 2))
        # Of stride 1: what would lie beyond the right and the bottom edge counts as less than everything.
        x = wider(F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=float("-inf")), 2, 1))
        x = self.neck(x)
        coarse = self.coarse(self.coarse_last(x))
        fine = self.fine(self.fine_last(torch.cat((_enlarged(self.to_fine(x)), middle), 1)))
        return coarse, fine


_TINY = ((3, 16), (16, 32), (32, 64), (64, 128), (128, 256), (256, 512), (512, 1024))


def _enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _start(network: nn.Module, maps: Sequence[nn.Conv2d]) -> None:
    """Random weights after He et al. (2015), and maps that at first take few places for objects, so that the many
    that are none do not drown what is learnt (Lin et al., 2017, https://arxiv.org/abs/1708.02002, section 3.3)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=_SLOPE)
    for last in maps:
        assert last.bias is not None
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        with torch.no_grad():
            last.bias.view(3, -1)[:, 4] = -4.6  # a sigmoid of .01


def build(variant: str, classes: str = "80") -> YOLOv3 | YOLOv3Tiny:
    """The untrained network: `full` or `tiny`."""
    assert variant in YOLO_ANCHORS
    return (YOLOv3 if variant == "full" else YOLOv3Tiny)(int(classes))
