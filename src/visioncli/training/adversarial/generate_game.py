"""The game of `--task generate`: a generator makes pictures, a discriminator tells them from real ones."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.networks import dcgan
from visioncli.networks.picture_shapes import Shape
from visioncli.render.tiles import scale_for, tiles
from visioncli.tasks.generate.maker import pixels
from visioncli.training.adversarial.augment_both import changed
from visioncli.training.adversarial.game import Game, Optimizers

SETTLED = 16
"""Batches from which the averaged generator's batch normalisation learns its statistics."""
CENTRED = 2000
"""Latents from which the mean style of each class is computed."""
SHEET_ROWS, SHEET_COLUMNS = 10, 10
"""Pictures of the sheet of each epoch; with up to ten classes a row has those of one."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What shapes the game beside the pictures: JSON values, the job's `settings`.

    `generator` and `discriminator` are Adam's highest rates, `first_moment` its first moment. `norm` and `spectral`
    are the discriminator's; with `placed` it is told for each class what is where in a picture, else only what is
    in it. With `augments` both networks see pictures augmented. `apart` is the weight of what made
    pictures of one class lack in difference. The moving average keeps the part `keep` of itself a step, and in the
    part `falls` of the steps, at the end, rates fall to a tenth.
    """

    generator: float
    discriminator: float
    first_moment: float
    norm: Literal["batch", "none"]
    spectral: bool
    augments: bool
    apart: float = 1.0
    keep: float = 0.999
    falls: float = 0.5
    placed: bool = False

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Choices":
        """What a job has written down."""
        return cls(**settings)


def choices_for(family: str, rate: float | None, *, augments: bool) -> Choices:
    """What is chosen for a network by measurement, on digits; `rate` replaces both rates."""
    usual = _USUAL[family]
    rates: dict[str, Any] = {} if rate is None else {"generator": rate, "discriminator": rate}
    return replace(usual, augments=augments, **rates)


_USUAL = {
    "dcgan": Choices(5e-4, 5e-4, 0.5, "batch", True, False),
    "style_generator": Choices(3e-3, 5e-4, 0.5, "batch", True, False, placed=True),
}


class Pictures(Protocol):
    """Pictures to learn from, by place."""

    def get(self, place: int) -> np.ndarray:
        """`(S, S, C) uint8`. Any thread may ask."""


class Judge(Protocol):
    """Who says how like real pictures made ones are."""

    def numbers(self, made: np.ndarray, classes: np.ndarray) -> dict[str, float | None]:
        """Of made pictures `(N, S, S, C) uint8` and the classes that were asked for, `(N,) int64`."""


class GenerateGame(Game):
    """A generator and a discriminator, hinge losses (https://arxiv.org/abs/1705.02894), conditional where there are
    classes. A made picture serves both turns: the discriminator's without gradients, then the generator's."""

    averaged = ("generator",)

    def __init__(
        self,
        generator: Any,
        pictures: Pictures,
        places: np.ndarray,
        labels: np.ndarray,
        choices: Choices,
        *,
        mirror: bool,
        seed: int,
        device: torch.device,
        judge: Judge | None = None,
        judged: int = 500,
    ) -> None:
        """`places` `(N,)` are those of pictures to learn from, `labels` `(N,)` their classes, anything where there
        are none. `judge` sees `judged` pictures each time."""
        self.generator = generator
        shape, self.classes = generator.shape, generator.classes
        self.shape: Shape = shape
        self.discriminator = dcgan.Discriminator(
            shape, self.classes, choices.norm, spectral=choices.spectral, placed=choices.placed
        )
        self.networks = {"generator": generator, "discriminator": self.discriminator}
        self.keep, self.device, self.choices = choices.keep, device, choices
        self._pictures, self._places, self._labels = pictures, places, labels
        self._mirror, self._seed, self.judge, self._judged = mirror, seed, judge, judged
        shares = np.bincount(labels, minlength=max(self.classes, 1)).astype(np.float64)
        self._shares = shares / shares.sum()

    def visits(self) -> np.ndarray:
        return np.arange(len(self._places), dtype=np.int64)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        chosen = self.choices
        rates = {"generator": chosen.generator, "discriminator": chosen.discriminator}
        return {
            name: torch.optim.Adam(self.networks[name].parameters(), rate, betas=(chosen.first_moment, 0.99))
            for name, rate in rates.items()
        }

    def rate_at(self, step: int, steps: int) -> float:
        left = (steps - step) / max(1, steps)
        return min(1.0, 0.1 + 0.9 * left / max(self.choices.falls, 1e-9))

    def prepared(self, epoch: int, visits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pixels = np.stack([self._pictures.get(int(self._places[n])) for n in visits])
        if self._mirror:
            turned = np.random.default_rng((self._seed, epoch, int(visits[0]))).random(len(visits)) < 0.5
            pixels[turned] = pixels[turned, :, ::-1]
        return pixels, self._labels[visits]

    def step(self, batch: tuple[np.ndarray, np.ndarray], step: int, optimizers: Optimizers) -> dict[str, float]:
        real = self._tensor(batch[0])
        told = self.told(batch[1])
        made = self._made(self.drawn(len(real)), told)
        self.discriminator.requires_grad_(True)
        optimizers["discriminator"].zero_grad(set_to_none=True)
        true = self.discriminator(self._seen(real), told)
        false = self.discriminator(self._seen(made.detach()), told)
        loss = F.relu(1 - true).mean() + F.relu(1 + false).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizers["discriminator"].step()
        # Gradients of the discriminator's weights are not wanted in the generator's turn.
        self.discriminator.requires_grad_(False)
        optimizers["generator"].zero_grad(set_to_none=True)
        fooled = -self.discriminator(self._seen(made), told).mean()
        (fooled + self.choices.apart * closeness(made, real, told)).backward()
        optimizers["generator"].step()
        return {"generator": float(fooled.detach()), "discriminator": float(loss.detach())}

    def _made(self, z: Tensor, told: Tensor) -> Tensor:
        """Pictures of new latents; of a generator that mixes, half of them of two styles."""
        if not self.generator.mixes:
            made: Tensor = self.generator(z, told)
            return made
        styles = self.generator.mapped(z, told)
        other = self.generator.mapped(self.drawn(len(z)), told)
        layers = len(self.generator.layers)
        border = torch.randint(1, layers, (len(z), 1), device=self.device)
        border = torch.where(torch.rand(len(z), 1, device=self.device) < 0.5, border, layers)
        first = (torch.arange(layers, device=self.device)[None] < border)[:, :, None]
        mixed: Tensor = self.generator.made(torch.where(first, styles[:, None], other[:, None]))
        return mixed

    def _seen(self, pictures: Tensor) -> Tensor:
        return changed(pictures, colours=self.shape.channels > 1) if self.choices.augments else pictures

    def _tensor(self, pixels: np.ndarray) -> Tensor:
        x = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float()
        return (x / 127.5 - 1).contiguous(memory_format=torch.channels_last)

    def drawn(self, count: int) -> Tensor:
        """New latents."""
        return torch.randn(count, self.shape.latent, device=self.device)

    def told(self, classes: np.ndarray) -> Tensor:
        """`(N, C)`, 1 at the class."""
        if not self.classes:
            return torch.zeros(len(classes), 0, device=self.device)
        return F.one_hot(torch.from_numpy(classes).to(self.device), self.classes).float()

    # -- what is to be seen of it -------------------------------------------------------------------------------

    def settle(self) -> None:
        """Statistics of batch normalisation of the averaged weights, and the mean styles."""
        norms = [m for m in self.generator.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over what follows
        if norms:
            for n in range(SETTLED):
                self.generator(self.drawn(64), self.told(self.wanted(64, n)))
        for norm in norms:
            norm.momentum = 0.1
        if self.generator.mixes:
            for k in range(max(self.classes, 1)):
                styles = self.generator.mapped(self.drawn(CENTRED), self.told(np.full(CENTRED, k)))
                self.generator.centres[k] = styles.mean(0)

    def wanted(self, count: int, seed: int) -> np.ndarray:
        """`(count,) int64` classes, as frequent as among the pictures."""
        return np.random.default_rng((self._seed, seed, 2)).choice(len(self._shares), count, p=self._shares)

    def sample(self) -> np.ndarray:
        count = SHEET_ROWS * SHEET_COLUMNS
        # Torch's own generator was set by the step: this noise is the same each time.
        latents = np.random.default_rng((self._seed, 3)).standard_normal((count, self.shape.latent), np.float32)
        classes = np.arange(count) // SHEET_COLUMNS
        if self.classes > SHEET_ROWS:
            classes = np.arange(count) * self.classes // count
        pictures = self.pixels(latents, classes % max(self.classes, 1), noise_seed=0)
        return tiles(pictures, SHEET_COLUMNS, scale=scale_for(self.shape.size))

    def measure(self) -> dict[str, float | None]:
        if self.judge is None:
            return {}
        return self.judge.numbers(*self.new_pictures(self._judged))

    def new_pictures(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Made pictures `(N, S, S, C) uint8` and the classes that were asked for, the same each time."""
        latents = np.random.default_rng((self._seed, 4)).standard_normal((count, self.shape.latent), np.float32)
        classes = self.wanted(count, 5)
        return self.pixels(latents, classes, noise_seed=1), classes

    @torch.no_grad()
    def pixels(self, latents: np.ndarray, classes: np.ndarray, noise_seed: int) -> np.ndarray:
        """`(N, S, S, C) uint8`."""
        torch.manual_seed(noise_seed)
        parts = []
        for n in range(0, len(latents), 100):
            z = torch.from_numpy(latents[n : n + 100]).to(self.device)
            parts.append(self.generator(z, self.told(classes[n : n + 100])))
        return pixels(torch.cat(parts))


def closeness(made: Tensor, real: Tensor, told: Tensor) -> Tensor:
    """How much nearer made pictures of one class are to each other than real ones: 0 where they are as far apart, 1
    where all are the same.

    A generator that makes one picture of each class fools a discriminator that sees pictures one by one for long.
    That made pictures should be as far apart as they can be is the idea of Mao and others, 2019, "Mode seeking"
    (https://arxiv.org/abs/1903.05628); here no farther than real ones are, by the root of the mean square difference
    of pixels over the pairs of a batch that share a class.
    """
    same = told @ told.T if told.shape[1] else torch.ones(len(made), len(made), device=made.device)
    pairs = same - torch.eye(len(made), device=made.device)
    if float(pairs.sum()) < 1:
        return made.new_zeros(())
    apart = [(_squares(x) * pairs).sum() / pairs.sum() for x in (made, real)]
    return F.relu(1 - ((apart[0] + 1e-8) / (apart[1] + 1e-8)).sqrt())


def _squares(x: Tensor) -> Tensor:
    """`(N, N)` mean square differences of pictures."""
    flat = x.flatten(1)
    lengths = flat.square().mean(1)
    return lengths[:, None] + lengths[None] - 2 * (flat @ flat.T) / flat.shape[1]
