"""DCGAN (Radford, Metz and Chintala, 2015, https://arxiv.org/abs/1511.06434), and the network that it plays against.

Strided convolutions instead of pooling, batch normalisation, ReLU and tanh in the generator, leaky ReLU in the
discriminator, as the paper has it. Classes are new: the generator takes an embedding of the class beside the noise,
and the discriminator multiplies its features with one (the projection of Miyato and Koyama, 2018,
https://arxiv.org/abs/1802.05637). Its layers may be held by spectral normalisation (https://arxiv.org/abs/1802.05957).
"""

import math
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from visioncli.networks.picture_shapes import Shape
from visioncli.weights.checkpoints import read_safetensors

EMBEDDING = 32
"""Numbers that a class is told by."""
_LEAK = 0.2


class Generator(nn.Module):
    """Latent `(N, latent)` and classes `(N, C)`, 1 at the class or shares that mix some, -> `(N, channels, S, S)` of
    -1 to 1. `vector` is what a picture is made of, `(N, D)`; `made` makes it."""

    mixes = False
    """Whether parts of two pictures' vectors can be put together."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.shape, self.classes = shape, classes
        self.embedding = nn.Linear(classes, EMBEDDING, bias=False) if classes else None
        first, *wider = shape.widths
        self._first = (first, shape.sides[0], shape.sides[0])
        self.start = nn.Linear(shape.latent + (EMBEDDING if classes else 0), first * shape.sides[0] ** 2, bias=False)
        self.norm = nn.BatchNorm2d(first)
        layers: list[nn.Module] = []
        width = first
        for n in wider[:-1]:
            layers += [nn.ConvTranspose2d(width, n, 4, 2, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU()]
            width = n
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(width, shape.channels, 4, 2, 1))
        self.apply(_as_in_the_paper)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight)

    @property
    def vector_length(self) -> int:
        """D."""
        return self.start.in_features

    def vector(self, z: Tensor, classes: Tensor, truncation: float = 1.0) -> Tensor:
        """`(N, D)`. A `truncation` below 1 takes the latent nearer to 0, the most likely one."""
        z = z * truncation
        return z if self.embedding is None else torch.cat([z, self.embedding(classes)], 1)

    def made(self, vector: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        """`(N, channels, S, S)`; there is no other noise."""
        x = F.relu(self.norm(self.start(vector).view(len(vector), *self._first)))
        pictures: Tensor = torch.tanh(self.layers(x))
        return pictures

    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        return self.made(self.vector(z, classes))


class Discriminator(nn.Module):
    """Pictures `(N, channels, S, S)` and classes `(N, C)` -> `(N,)`, above 0 for a picture that was not made.

    `norm` is "batch", as the paper has it but for the first and the last layer, or "none"; `spectral` holds the
    largest singular value of each layer at 1. A class is an embedding that is multiplied with the last maps' sums
    over places, or with `placed` with the maps themselves.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int,
        norm: Literal["batch", "none"] = "batch",
        *,
        spectral: bool = True,
        placed: bool = False,
    ) -> None:
        super().__init__()
        widths = [*reversed(shape.widths[:-1])]
        layers: list[nn.Module] = []
        before = shape.channels
        for n, width in enumerate(widths):
            normed = norm == "batch" and n > 0
            layers.append(nn.Conv2d(before, width, 4, 2, 1, bias=not normed))
            layers += [nn.BatchNorm2d(width)] if normed else []
            layers.append(nn.LeakyReLU(_LEAK))
            before = width
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(before * shape.sides[0] ** 2, 1)
        told = self.last.in_features if placed else before
        self.embedding = nn.Linear(classes, told, bias=False) if classes else None
        self._placed = placed
        self.apply(_as_in_the_paper)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, 0, 0.02)
        if spectral:
            for module in [m for m in self.modules() if isinstance(m, nn.Conv2d | nn.Linear)]:
                spectral_norm(module)

    def forward(self, pictures: Tensor, classes: Tensor) -> Tensor:
        maps = self.layers(pictures)
        score: Tensor = self.last(maps.flatten(1))[:, 0]
        if self.embedding is None:
            return score
        # A sum over places, scaled so that it weighs as much as the last layer: both have unit length.
        seen = maps.flatten(1) if self._placed else maps.sum((2, 3)) / math.sqrt(maps.shape[2] * maps.shape[3])
        projected: Tensor = (self.embedding(classes) * seen).sum(1)
        return score + projected


def _as_in_the_paper(module: nn.Module) -> None:
    """Weights of a normal distribution with a deviation of 0.02."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def import_weights(path: Path, variant: str, classes: str = "0") -> dict[str, Tensor]:
    """The tensors of a generator that comes with this package, which keeps them in half precision."""
    return {n: t.float() if t.is_floating_point() else t for n, t in read_safetensors(path).items()}


def build(variant: str, classes: str = "0") -> Generator:
    """The untrained generator of a shape such as `28x1x32x64`. Raises ValueError."""
    return Generator(Shape.of(variant), int(classes))
