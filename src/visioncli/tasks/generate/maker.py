"""A generator with its weights, from seeds to pictures."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from visioncli.engines.interface import EngineOptions
from visioncli.engines.pytorch import choose_device
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.results import ModelInfo
from visioncli.tasks.generate.latents import Seed, drawn
from visioncli.weights.load import load_network

if TYPE_CHECKING:
    from visioncli.networks.picture_shapes import Shape


class Maker:
    """Makes pictures `(S, S, C) uint8`, C 1 or 3, one at a time: the last digits of a network's answer depend on how
    many it is given, and a seed's picture must not."""

    def __init__(self, row: ModelRow, options: EngineOptions) -> None:
        """Raises ModelUnavailable, and UsageError for a device that is not there."""
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self.row, self.device = row, choose_device(options.device)
        network: Any = load_network(row).to(self.device)
        self.network = network.requires_grad_(False)
        self.labels = dict(load_labels(row.labels))
        self.model = ModelInfo(row.name, row.source.sha256, "fp32")
        shape: Shape = network.shape
        self.shape, self.classes = shape, int(network.classes)

    @property
    def mixes(self) -> bool:
        """Whether coarse and fine styles of two pictures can be put together."""
        return bool(self.network.mixes)

    def seed(self, number: int, label: int | None = None) -> Seed:
        """What the seed `number` stands for; without a `label` its class follows from it."""
        sides = [self.shape.sides[(n + 1) // 2] for n in range(len(self.network.layers))] if self.mixes else []
        return drawn(number, self.shape.latent, self.classes, label, sides)

    def vector(self, seed: Seed, truncation: float = 1.0) -> Tensor:
        """`(1, D)`: what the network makes the picture of."""
        z, classes = (torch.from_numpy(one)[None].to(self.device) for one in (seed.z, seed.classes))
        found: Tensor = self.network.vector(z, classes, truncation)
        return found

    def noise(self, seed: Seed) -> list[Tensor] | None:
        """For `network.made`; None where there is none."""
        return [torch.from_numpy(one)[None].to(self.device) for one in seed.noise] if self.mixes else None

    def picture(self, seed: Seed, truncation: float = 1.0) -> np.ndarray:
        """The picture of a seed. With `truncation` 1 it is as various as what was learned from, near 0 as usual as
        can be."""
        return self.made(self.vector(seed, truncation), self.noise(seed))

    def mixed(self, coarse: Seed, fine: Seed, truncation: float = 1.0) -> np.ndarray:
        """The picture whose first layers, the smaller half, have the style of `coarse`, and the others that of
        `fine`; the noise is that of `coarse`."""
        layers = len(self.network.layers)
        parts = [self.vector(seed, truncation) for seed in (coarse, fine)]
        styles = torch.stack([parts[n >= layers // 2] for n in range(layers)], 1)
        return self.made(styles, self.noise(coarse))

    @torch.no_grad()
    def made(self, vector: Tensor, noise: list[Tensor] | None) -> np.ndarray:
        """The picture of a vector of `vector`."""
        found: np.ndarray = pixels(self.network.made(vector, noise))[0]
        return found


def pixels(pictures: Tensor) -> np.ndarray:
    """`(N, C, S, S)` of -1 to 1 -> `(N, S, S, C) uint8`."""
    scaled = (pictures.float().clamp(-1, 1) * 127.5 + 127.5).round()
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8))


def as_rgb(picture: np.ndarray) -> np.ndarray:
    """`(S, S, 3)` of `(S, S, C)`."""
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


def walk(maker: Maker, seeds: Sequence[Seed], frames: int, truncation: float = 1.0) -> list[np.ndarray]:
    """`frames` pictures from each seed to the next, the first and the last being those of the seeds themselves."""
    from visioncli.tasks.generate.latents import between

    made = [maker.picture(seeds[0], truncation)]
    for a, b in pairwise(seeds):
        made += [maker.picture(between(a, b, n / (frames - 1)), truncation) for n in range(1, frames)]
    return made
