"""The picture of a network nearest to one of the user's, by optimisation of what the network makes it of.

As Abdal, Qin and Wonka, 2019, "Image2StyleGAN" (https://arxiv.org/abs/1904.03189), by the pixels alone: it
begins with the nearest of many seeds, and follows the gradient of the mean squared difference.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from visioncli.tasks.generate.latents import Seed
from visioncli.tasks.generate.maker import Maker, pixels

TRIED = 256
"""Seeds among which the beginning is looked for, over all classes."""
STEPS = 300
_RATE = 0.05
_TOGETHER = 32


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """`picture` `(S, S, C) uint8` is the nearest that was found to `wanted`, `vector` `(D,) float32` what it is made
    of. Distances are root mean squares of differences of pixels, from 0 to 1: of the nearest seed, and then."""

    wanted: np.ndarray
    picture: np.ndarray
    vector: np.ndarray
    seed: int
    label: int | None
    start_distance: float
    distance: float


def project(
    maker: Maker,
    image: Image.Image,
    *,
    label: int | None = None,
    steps: int = STEPS,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Projection:
    """The nearest picture to an RGB image, whose shorter side is resized and whose centre is cut, as in training;
    of the class `label`, or of whichever class begins nearest."""
    wanted = _wanted(maker, image)
    target = torch.from_numpy(wanted).to(maker.device).permute(2, 0, 1)[None].float() / 127.5 - 1
    seeds = [maker.seed(n, label) for n in range(TRIED)]
    number, start = _nearest(maker, seeds, target)
    best = seeds[number]
    noise = maker.noise(best)
    vector = maker.vector(best).detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([vector], _RATE)
    kept, lowest = vector.detach().clone(), float("inf")
    with torch.enable_grad():
        for step in range(steps + 1):
            loss = F.mse_loss(maker.network.made(vector, noise), target)
            if float(loss.detach()) < lowest:
                kept, lowest = vector.detach().clone(), float(loss.detach())
            if step == steps:
                break
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            tell(step + 1, steps)
    label = int(best.classes.argmax()) if len(best.classes) else None
    made = maker.made(kept, noise)
    return Projection(
        wanted, made, kept[0].cpu().numpy(), number, label, start, _distance(made, wanted)
    )  # fmt: skip


def _wanted(maker: Maker, image: Image.Image) -> np.ndarray:
    from visioncli.tasks.preprocess import INTERPOLATION, crop_box

    spec = maker.row.input
    image = image.convert("L") if maker.shape.channels == 1 else image
    box = crop_box(*image.size, spec)
    found = np.asarray(image.resize((spec.size, spec.size), INTERPOLATION[spec.interpolation], box=box))
    return np.array(found.reshape(spec.size, spec.size, maker.shape.channels))


@torch.no_grad()
def _nearest(maker: Maker, seeds: list[Seed], target: Tensor) -> tuple[int, float]:
    """The place of the seed whose picture is nearest, and how far that is."""
    pictures = []
    for n in range(0, len(seeds), _TOGETHER):
        part = seeds[n : n + _TOGETHER]
        vectors = torch.cat([maker.vector(seed) for seed in part])
        noise = None
        if maker.mixes:
            noise = [torch.cat(layer) for layer in zip(*(maker.noise(seed) or [] for seed in part), strict=True)]
        pictures.append(maker.network.made(vectors, noise))
    differences = (torch.cat(pictures).clamp(-1, 1) - target).square().mean((1, 2, 3))
    place = int(differences.argmin())
    made = maker.picture(seeds[place])
    wanted = pixels(target)[0]
    return place, _distance(made, wanted)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.square(a.astype(np.float64) - b.astype(np.float64)).mean()) / 255)
