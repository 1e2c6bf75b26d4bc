"""CycleGAN's networks (Zhu, Park, Isola and Efros, 2017, https://arxiv.org/abs/1703.10593): two generators, which
translate pictures of one kind into those of another and back, and the discriminators that judge patches of them.

The generator is Johnson's (https://arxiv.org/abs/1603.08155): a 7 x 7 convolution, two that halve, residual blocks,
two that double, and a 7 x 7 convolution. Every size of picture goes through it. Instance normalisation
(https://arxiv.org/abs/1607.08022) has scales and offsets that are learned.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.weights.checkpoints import read_checkpoint

MULTIPLE = 4
"""Sides that generators take without a frame are multiples of this."""
PATCHES = {16: 1, 34: 2, 70: 3, 142: 4}
"""Convolutions that halve, by the side of the patch of the picture that one answer of the discriminator sees."""
_VARIANT = re.compile(r"(pair-)?resnet(\d+)-(\d+)")
_PUBLISHED_BLOCKS = 9


class Block(nn.Module):
    """`x` plus what two convolutions make of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.first_norm = nn.InstanceNorm2d(channels, affine=True)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.second_norm = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(x)))
        added: Tensor = self.second_norm(self.second(inner))
        return x + added


class Generator(nn.Module):
    """`(N, 3, H, W)` float32 of -1 to 1 -> the translated pictures, of the same shape and range."""

    def __init__(self, blocks: int = 9, width: int = 64) -> None:
        super().__init__()
        self.enter = _normalised(nn.Conv2d(3, width, 7, padding=3, padding_mode="reflect"))
        self.down = nn.Sequential(
            _normalised(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)),
            _normalised(nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)),
        )
        self.blocks = nn.Sequential(*(Block(4 * width) for _ in range(blocks)))
        self.up = nn.Sequential(
            _normalised(nn.ConvTranspose2d(4 * width, 2 * width, 3, stride=2, padding=1, output_padding=1)),
            _normalised(nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1)),
        )
        self.leave = nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect")

    @property
    def reach(self) -> int:
        """How many pixels away a pixel still changes the answer, beside what normalisation sees of the whole."""
        # 3 on the way in and out each, 9 around the layers between sizes; 8 for two convolutions at a quarter.
        return 15 + 8 * len(self.blocks)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        below, right = -height % MULTIPLE, -width % MULTIPLE
        if below or right:
            x = F.pad(x, (0, right, 0, below), mode="reflect")
        answer = torch.tanh(self.leave(self.up(self.blocks(self.down(self.enter(x))))))
        return answer[..., :height, :width]


class Pair(nn.Module):
    """Both generators of a CycleGAN: `a_to_b`, which `forward` runs, and `b_to_a`."""

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.a_to_b = Generator(blocks, width)
        self.b_to_a = Generator(blocks, width)

    def forward(self, x: Tensor) -> Tensor:
        translated: Tensor = self.a_to_b(x)
        return translated


class Discriminator(nn.Module):
    """PatchGAN: `(N, 3, H, W)` float32 of -1 to 1 -> `(N, 1, h, w)`, how real each patch of the picture looks.

    Each answer sees `patch` pixels on a side, one of `PATCHES`; 70 is the paper's. Least-squares losses take the
    answers as they are: there is no sigmoid.
    """

    def __init__(self, patch: int = 70, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        channels = width
        halving = PATCHES[patch]
        for n in range(1, halving + 1):
            wider = width * min(2**n, 8)
            stride = 2 if n < halving else 1
            layers += [
                nn.Conv2d(channels, wider, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(wider, affine=True),
                nn.LeakyReLU(0.2),
            ]
            channels = wider
        layers.append(nn.Conv2d(channels, 1, 4, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.layers(x)
        return answers


def _normalised(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.InstanceNorm2d(convolution.out_channels, affine=True), nn.ReLU())


def start(network: nn.Module) -> None:
    """Gives convolutions the paper's random weights, of mean 0 and standard deviation .02; biases become 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def build(variant: str, kinds: str = "2") -> Generator | Pair:
    """The untrained network `resnetBLOCKS-WIDTH`, such as `resnet9-64`; `pair-resnet6-24` has both generators.

    There are two `kinds` of pictures, whatever their number is said to be.
    """
    match = _VARIANT.fullmatch(variant)
    if match is None:
        raise ValueError(f"there is no {variant!r}")
    blocks, width = int(match[2]), int(match[3])
    return Pair(blocks, width) if match[1] else Generator(blocks, width)


def import_weights(path: Path, variant: str) -> dict[str, Tensor]:
    """The tensors of a generator saved as the one long sequence that published implementations make of it."""
    return import_state(read_checkpoint(path), variant)


def import_state(state: Mapping[str, Tensor], variant: str) -> dict[str, Tensor]:
    """Tensors named by their place in that sequence, under this module's names; other names stay as they are."""
    match = _VARIANT.fullmatch(variant)
    names = _places(int(match[2]) if match else _PUBLISHED_BLOCKS)
    found = {}
    for name, tensor in state.items():
        place, _, what = name.removeprefix("model.").rpartition(".")
        found[f"{names[place]}.{what}" if place in names else name] = tensor
    return found


def _places(blocks: int) -> dict[str, str]:
    """Where the layers with weights stand in the sequence (padding and ReLU count too), and our names of them."""
    places = {"1": "enter.0", "2": "enter.1"}
    places |= {"4": "down.0.0", "5": "down.0.1", "7": "down.1.0", "8": "down.1.1"}
    for n in range(blocks):
        inner = {"1": "first", "2": "first_norm", "5": "second", "6": "second_norm"}
        places |= {f"{10 + n}.block.{place}": f"blocks.{n}.{name}" for place, name in inner.items()}
    after = 10 + blocks
    places |= {str(after): "up.0.0", str(after + 1): "up.0.1"}
    places |= {str(after + 3): "up.1.0", str(after + 4): "up.1.1"}
    return places | {str(after + 7): "leave"}
