"""A small style-based generator (Karras, Laine and Aila, 2018, https://arxiv.org/abs/1812.04948), its convolutions
modulated as in its second version (Karras and others, 2019, https://arxiv.org/abs/1912.04958).

A mapping network turns the latent into a style; each convolution's weights are scaled by it and scaled back to unit
length; noise is added at each size; pictures of all sizes are summed. Maps are scaled before and after a convolution
instead of its weights, which is the same sum, and no slower for a batch than for one picture. Unlike there,
pictures end in tanh, so that they are in their range from the first step on.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.networks.picture_shapes import Shape

EMBEDDING, STYLE = 32, 128
"""Numbers that a class and a style are told by."""
MAPPED = 4
"""Layers of the mapping network: the paper's eight are for pictures of a thousand pixels."""
_MAPPING_RATE = 0.1
"""The part of the learning rate that the mapping network has: it is deep, and styles change all of a picture."""
FAINT = 0.3
"""Deviation of the first weights that make colours of maps: with 1, sums over five sizes begin where tanh is flat."""
_GAIN = math.sqrt(2)


class Linear(nn.Module):
    """A linear layer whose weights are kept at unit deviation and scaled when they are used, so that each learns as
    fast as another ("equalised learning rate", https://arxiv.org/abs/1710.10196)."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self._scale, self._rate = rate / math.sqrt(inputs), rate

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self._scale, self.bias * self._rate)


class Modulated(nn.Module):
    """A convolution `(N, inputs, h, w)` -> `(N, outputs, h, w)` whose weights a style `(N, STYLE)` scales; with
    `doubles` of maps twice as large, `(N, outputs, 2 h, 2 w)`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, doubles: bool = False, demodulates: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.style = Linear(STYLE, inputs, bias=1.0)
        self._scale = 1 / math.sqrt(inputs * kernel**2)
        self._doubles, self._demodulates = doubles, demodulates

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scales = self.style(style)
        weight = self.weight * self._scale
        x = x * scales[:, :, None, None]
        if self._doubles:
            weight = _doubling(weight)
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2, padding=1)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[2] // 2)
        if self._demodulates:
            # Of a kernel that doubles sides each pixel gets a quarter.
            squares = weight.square().sum((2, 3)) / (4 if self._doubles else 1)
            x = x * (scales.square() @ squares.T + 1e-8).rsqrt()[:, :, None, None]
        return x


def _doubling(weight: Tensor) -> Tensor:
    """The kernel `(O, I, 4, 4)` of a transposed convolution that does what doubling each pixel and then convolving
    with `weight` `(O, I, 3, 3)` does, for less than half of the multiplications: the first paper's "fused" layer.
    A free kernel of 4 leaves a pattern like a chessboard on photographs."""
    padded = F.pad(weight.flip(2, 3), (1, 1, 1, 1))
    parts = [padded[:, :, y : y + 4, x : x + 4] for y in (0, 1) for x in (0, 1)]
    return parts[0] + parts[1] + parts[2] + parts[3]


class Layer(nn.Module):
    """A modulated convolution, noise `(N, 1, h, w)` of a learned strength, and leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, *, doubles: bool = False) -> None:
        super().__init__()
        self.conv = Modulated(inputs, outputs, 3, doubles=doubles)
        self.strength = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        x = self.conv(x, style) + noise * self.strength + self.bias[:, None, None]
        return F.leaky_relu(x, 0.2) * _GAIN


class Generator(nn.Module):
    """Latent `(N, latent)` and classes `(N, C)`, 1 at the class or shares that mix some, -> `(N, channels, S, S)` of
    -1 to 1. `vector` is the style of a picture, `(N, D)`; `made` makes it, of one style or one a layer."""

    centres: Tensor
    mixes = True
    """Whether parts of two pictures' vectors can be put together."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.shape, self.classes = shape, classes
        self.embedding = nn.Linear(classes, EMBEDDING, bias=False) if classes else None
        inputs = shape.latent + (EMBEDDING if classes else 0)
        self.mapping = nn.ModuleList(
            Linear(inputs if n == 0 else STYLE, STYLE, rate=_MAPPING_RATE) for n in range(MAPPED)
        )
        first = shape.widths[0]
        self.start = nn.Parameter(torch.randn(1, first, shape.sides[0], shape.sides[0]))
        self.layers, self.colours = nn.ModuleList([Layer(first, first)]), nn.ModuleList()
        before = first
        for n, width in enumerate(shape.widths):
            if n:
                self.layers += [Layer(before, width, doubles=True), Layer(width, width)]
            colour = Modulated(width, shape.channels, 1, demodulates=False)
            nn.init.normal_(colour.weight, 0, FAINT)
            self.colours.append(colour)
            before = width
        self.bias = nn.Parameter(torch.zeros(shape.channels))
        # The mean style of each class, from which truncation measures.
        self.register_buffer("centres", torch.zeros(max(classes, 1), STYLE))

    @property
    def vector_length(self) -> int:
        """D."""
        return STYLE

    def mapped(self, z: Tensor, classes: Tensor) -> Tensor:
        """The styles `(N, STYLE)`."""
        x = _of_unit_size(z)
        if self.embedding is not None:
            # As large as the latent: what begins smaller has little say in the style.
            x = torch.cat([x, _of_unit_size(self.embedding(classes))], 1)
        for layer in self.mapping:
            x = F.leaky_relu(layer(x), 0.2) * _GAIN
        return x

    def vector(self, z: Tensor, classes: Tensor, truncation: float = 1.0) -> Tensor:
        """`(N, STYLE)`. A `truncation` below 1 takes styles nearer to the mean one of their class."""
        style = self.mapped(z, classes)
        if truncation == 1.0:
            return style
        centre = classes @ self.centres if self.classes else self.centres
        return centre + truncation * (style - centre)

    def noise(self, count: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """New noise `(count, 1, h, w)` for each layer."""
        device = self.start.device
        sides = [self.shape.sides[(n + 1) // 2] for n in range(len(self.layers))]
        return [torch.randn(count, 1, side, side, generator=generator, device=device) for side in sides]

    def made(self, vector: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        """Of styles `(N, STYLE)`, or `(N, layers, STYLE)` for each layer its own; without `noise` it is drawn."""
        noise = self.noise(len(vector)) if noise is None else noise
        styles = vector[:, None].expand(-1, len(self.layers), -1) if vector.ndim == 2 else vector
        x = self.layers[0](self.start.expand(len(vector), -1, -1, -1), styles[:, 0], noise[0])
        pictures: Tensor = self.colours[0](x, styles[:, 0])
        for n in range(1, len(self.shape.sides)):
            for k in (2 * n - 1, 2 * n):
                x = self.layers[k](x, styles[:, k], noise[k])
            pictures = F.interpolate(pictures, scale_factor=2.0, mode="bilinear", align_corners=False)
            pictures = pictures + self.colours[n](x, styles[:, 2 * n])
        return torch.tanh(pictures + self.bias[:, None, None])

    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        return self.made(self.vector(z, classes))


def _of_unit_size(x: Tensor) -> Tensor:
    """Vectors `(N, D)` scaled to a root mean square of 1."""
    return F.normalize(x, dim=1) * math.sqrt(x.shape[1])


def build(variant: str, classes: str = "0") -> Generator:
    """The untrained generator of a shape such as `28x1x32x64`. Raises ValueError."""
    return Generator(Shape.of(variant), int(classes))
