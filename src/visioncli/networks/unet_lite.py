"""A U-Net (https://arxiv.org/abs/1505.04597) whose way down is EfficientNet-Lite0, which has seen ImageNet.

What the encoder finds at each scale goes to a light decoder of bilinear enlargement and convolutions of few channels;
the picture itself is the last thing that it gets, so that edges come out where they are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.models import registry
from visioncli.networks import efficientnet_lite
from visioncli.networks.unet import convolutions, pad_to_multiple, start
from visioncli.weights.load import load_network

_ENCODERS = {"lite0": "efficientnet_lite0"}
"""Rows of the encoders."""
_DECODER = (96, 64, 48, 32, 16)
"""Channels of the way up, at 1/16 of the picture's size to its own."""


class UNetLite(nn.Module):
    """`(N, 3, H, W)` float32, `(pixel - 127) / 128` -> `(N, C, H, W)` logits, for any H and W."""

    def __init__(self, variant: str, classes: int) -> None:
        super().__init__()
        encoder = efficientnet_lite.build(variant)
        self.stem, self.blocks = encoder.stem, encoder.blocks
        self._halving = {n for n, block in enumerate(self.blocks) if _convolution(block, "depthwise").stride[0] == 2}
        kept = [n - 1 for n in sorted(self._halving)]
        inputs, *skips = [_convolution(self.blocks[n], "project").out_channels for n in (-1, *reversed(kept))]
        self.up = nn.ModuleList()
        for skip, outputs in zip((*skips, 3), _DECODER, strict=True):
            self.up.append(convolutions(inputs + skip, outputs))
            inputs = outputs
        self.logits = nn.Conv2d(inputs, classes, 1)
        start(self.up)
        start(self.logits)

    def encode(self, x: Tensor) -> list[Tensor]:
        """The encoder's last map at each scale, the finest first."""
        maps: list[Tensor] = []
        x = self.stem(x)
        for n, block in enumerate(self.blocks):
            if n in self._halving:
                maps.append(x)
            x = block(x)
        return [*maps, x]

    def forward(self, x: Tensor) -> Tensor:
        framed = pad_to_multiple(x)
        answer = self._answer(framed)
        return answer if framed is x else answer[:, :, : x.shape[2], : x.shape[3]]

    def _answer(self, x: Tensor) -> Tensor:
        *skips, answer = [x, *self.encode(x)]
        for block in self.up:
            enlarged = F.interpolate(answer, scale_factor=2.0, mode="bilinear", align_corners=False)
            answer = block(torch.cat((skips.pop(), enlarged), 1))
        logits: Tensor = self.logits(answer)
        return logits


def _convolution(block: nn.Module, part: str) -> nn.Conv2d:
    convolution = block.get_submodule(f"{part}.0")
    assert isinstance(convolution, nn.Conv2d)
    return convolution


def build(variant: str, classes: str = "2") -> UNetLite:
    """The untrained network; there is one variant, `lite0`. `pretrained` fills its encoder."""
    return UNetLite(variant, int(classes))


def pretrained(variant: str, classes: str = "2") -> UNetLite:
    """The network to begin training with: its encoder is the embedded EfficientNet-Lite's, the decoder is random.

    Raises ModelUnavailable where the encoder's weights are not there.
    """
    network = build(variant, classes)
    encoder = load_network(registry.find(_ENCODERS[variant]))
    network.stem.load_state_dict(encoder.get_submodule("stem").state_dict())
    network.blocks.load_state_dict(encoder.get_submodule("blocks").state_dict())
    return network
