"""A small convolutional network over log-mel spectrograms, to be trained from nothing on recordings.

Four pairs of 3 x 3 convolutions with batch normalisation, the resolution halved after each, as in the CNNs of Q. Kong
et al., "PANNs", 2020, https://arxiv.org/abs/1912.10211, of which the head too is taken: the mean over pitches, then
the mean and the maximum over time. How loud a recording is, and the noise below its sounds, does not reach the first
layer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = {"small": (16, 32, 64, 128)}
CHANNELS = 2
"""Of what the first convolution takes: the sound, and where it lies."""
RANGE = 0.94
"""Part of the scale of 8 bits, below the loudest point of a spectrogram, that is told apart: 120 dB."""
QUIETEST = -0.1
"""What is loudest at least, so that silence stays silence."""


class LogMelCnn(nn.Module):
    """`(N, 3, mels, T)` float32, a grey picture of -1 to 1, high pitches on top -> `(N, C)` logits."""

    def __init__(self, widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        last = CHANNELS
        for n, width in enumerate(widths):
            blocks.append(Block(last, width, twice=n > 0, halved=n < len(widths) - 1))
            last = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(2 * last, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(levelled(x))
        x = x.mean(2)  # (N, W, T)
        logits: Tensor = self.head(torch.cat([x.mean(2), x.amax(2)], 1))
        return logits


class Block(nn.Module):
    """One or two convolutions, and half the resolution where there are more to come."""

    def __init__(self, channels: int, width: int, *, twice: bool, halved: bool) -> None:
        super().__init__()
        self.halved = halved
        layers: list[nn.Module] = []
        for n in range(1 + twice):
            layers += [
                nn.Conv2d(channels if n == 0 else width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        return F.max_pool2d(x, 2) if self.halved else x


def levelled(x: Tensor) -> Tensor:
    """`(N, 3, mels, T)` -> `(N, 2, mels, T)`: the sound, and the pitch of each point, from 1 on top to -1.

    The sound is 1 at the loudest point of each spectrogram, and -1 where there is RANGE of the scale less, or still
    less. Without the pitch, convolutions that are averaged over all pitches would hardly know a low tone from a high
    one (R. Liu et al., 2018, https://arxiv.org/abs/1807.03247).
    """
    x = x[:, :1]
    loudest = torch.clamp(x.amax((2, 3), keepdim=True), min=QUIETEST)
    sound = torch.clamp((x - loudest) / (2 * RANGE), min=-1.0) * 2 + 1
    pitch = torch.linspace(1, -1, x.shape[2], dtype=x.dtype, device=x.device)
    return torch.cat([sound, pitch[None, None, :, None].expand_as(x)], 1)


def build(variant: str, classes: str = "10") -> LogMelCnn:
    """The untrained network."""
    return LogMelCnn(WIDTHS[variant], int(classes))
