"""The game of `--task translate`: CycleGAN (Zhu, Park, Isola and Efros, 2017, https://arxiv.org/abs/1703.10593).

Two generators translate pictures of A into B and back, each against a discriminator of its own; what was translated
there and back must be what it was. Losses of least squares (https://arxiv.org/abs/1611.04076).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.networks.cyclegan import Discriminator, Pair, start
from visioncli.render.tiles import PAPER, tiles, titled
from visioncli.training.adversarial.game import Game, Optimizers
from visioncli.training.adversarial.image_pool import ImagePool
from visioncli.training.data.augment import generator

_SHEET_SIDE = 128
"""Pixels of a picture on the sheet, at least where whole factors allow it."""
_GAP = 2
RATE = 2e-4
"""Of Adam, as in the paper."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What shapes the game beside the pictures: JSON values, the job's `settings`.

    `cycle` and `identity` are the weights of these losses beside the adversarial ones. The paper has an identity loss
    of half the cycle's weight where paintings become photographs, so that tints stay: where the kinds differ in
    colour it works against the translation, and each step costs a third more.
    """

    patch: int
    width: int
    rate: float = RATE
    cycle: float = 10.0
    identity: float = 0.0
    keep: float = 0.99


class Pictures(Protocol):
    """Pictures of one kind, by number from 0."""

    def __len__(self) -> int:
        """How many there are to learn from."""

    def drawn(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """`(S, S, 3) uint8`, a part of picture `number` as chance has it. Any thread may ask."""


class Distances(Protocol):
    """Who says how like real pictures translated ones are."""

    def compare_with(self, a: np.ndarray, b: np.ndarray) -> None:
        """Sets the real pictures of both kinds, `(N, S, S, 3) uint8`."""

    def numbers(self, translated: np.ndarray, back: np.ndarray) -> dict[str, float | None]:
        """Of the held-out pictures of A as B, and of those of B as A, `(N, S, S, 3) uint8` each."""


class TranslateGame(Game):
    """Two generators, which are one network for whoever keeps them, and two discriminators."""

    averaged = ("generators",)

    def __init__(
        self,
        pair: Pair,
        kinds: Sequence[Pictures],
        held_out: Sequence[np.ndarray],
        choices: Choices,
        *,
        names: tuple[str, str],
        shown: int,
        seed: int,
        device: torch.device,
        distances: Distances | None = None,
    ) -> None:
        """Gives all networks their first weights, by torch's own generator. `kinds` are A and B, `held_out` pictures
        `(N, S, S, 3) uint8` of each, of which the first `shown` are on the sheet. `names` are those of the kinds."""
        self.pair = pair
        self.judge_a, self.judge_b = (Discriminator(choices.patch, choices.width) for _ in "ab")
        self.networks = {"generators": pair, "discriminator_a": self.judge_a, "discriminator_b": self.judge_b}
        for network in self.networks.values():
            start(network)
        self.keep, self.device, self.choices = choices.keep, device, choices
        self._kinds, self._names, self._shown, self._seed = kinds, names, shown, seed
        self.distances = distances
        self.hold_out(held_out)
        self._pools = {"a": ImagePool(), "b": ImagePool()}

    def visits(self) -> np.ndarray:
        """Of the larger kind each picture once, as the paper has it."""
        return np.arange(max(len(kind) for kind in self._kinds), dtype=np.int64)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        judges = [*self.judge_a.parameters(), *self.judge_b.parameters()]
        adam = {"lr": self.choices.rate, "betas": (0.5, 0.999)}
        return {
            "generators": torch.optim.Adam(self.pair.parameters(), **adam),  # type: ignore[arg-type]
            "discriminators": torch.optim.Adam(judges, **adam),  # type: ignore[arg-type]
        }

    def rate_at(self, step: int, steps: int) -> float:
        """Constant for the first half, then down to nothing in a line."""
        return min(1.0, 2 * (1 - step / max(1, steps)))

    def prepared(self, epoch: int, visits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each picture of the larger kind, and one of the other that chance puts beside it."""
        pictures: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        larger = 0 if len(self._kinds[0]) >= len(self._kinds[1]) else 1
        for visit in visits.tolist():
            rng = generator(self._seed, epoch, visit)
            for place, kind in enumerate(self._kinds):
                number = visit if place == larger else int(rng.integers(len(kind)))
                pictures[place].append(kind.drawn(number, rng))
        return np.stack(pictures[0]), np.stack(pictures[1])

    def step(self, batch: tuple[np.ndarray, np.ndarray], step: int, optimizers: Optimizers) -> dict[str, float]:
        a, b = (self._tensor(pixels) for pixels in batch)
        told, (as_a, as_b) = self._translate(a, b, optimizers["generators"])
        return told | self._judge(a, b, as_a, as_b, optimizers["discriminators"])

    def _translate(
        self, a: Tensor, b: Tensor, optimizer: torch.optim.Optimizer
    ) -> tuple[dict[str, float], tuple[Tensor, Tensor]]:
        """The generators' turn. Their losses, and what they made of the pictures."""
        choices = self.choices
        # Gradients of the discriminators' weights are not wanted in this turn.
        for parameter in self._judged():
            parameter.requires_grad_(False)
        as_b, as_a = self.pair.a_to_b(a), self.pair.b_to_a(b)
        losses = {
            "a_to_b": _squares(self.judge_b(as_b), 1.0),
            "b_to_a": _squares(self.judge_a(as_a), 1.0),
            "cycle": _difference(self.pair.b_to_a(as_b), a) + _difference(self.pair.a_to_b(as_a), b),
        }
        total = losses["a_to_b"] + losses["b_to_a"] + choices.cycle * losses["cycle"]
        if choices.identity:
            losses["identity"] = _difference(self.pair.b_to_a(a), a) + _difference(self.pair.a_to_b(b), b)
            total = total + choices.identity * losses["identity"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return {name: float(loss.detach()) for name, loss in losses.items()}, (as_a, as_b)

    def _judge(
        self, a: Tensor, b: Tensor, as_a: Tensor, as_b: Tensor, optimizer: torch.optim.Optimizer
    ) -> dict[str, float]:
        """The discriminators' turn: real pictures beside translated ones, new and old."""
        for parameter in self._judged():
            parameter.requires_grad_(True)
        losses = {}
        turns = (("a", self.judge_a, a, as_a), ("b", self.judge_b, b, as_b))
        for name, judge, real, made in turns:
            false = judge(self._pools[name].swap(made))
            losses[f"discriminator_{name}"] = (_squares(judge(real), 1.0) + _squares(false, 0.0)) / 2
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _judged(self) -> chain[nn.Parameter]:
        return chain(self.judge_a.parameters(), self.judge_b.parameters())

    # -- what is seen of it -------------------------------------------------------------------------------------

    def translated(self, pixels: np.ndarray, back: bool = False) -> np.ndarray:
        """`(N, S, S, 3) uint8` of A as pictures of B, or with `back` of B as pictures of A."""
        network = self.pair.b_to_a if back else self.pair.a_to_b
        answers = [network(self._tensor(pixels[n : n + 8])) for n in range(0, len(pixels), 8)]
        numbers = (torch.cat(answers) * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
        found: np.ndarray = numbers.permute(0, 2, 3, 1).cpu().numpy()
        return found

    def hold_out(self, pictures: Sequence[np.ndarray]) -> None:
        """Sets the pictures of both kinds that are looked at."""
        self._held_out = pictures
        if self.distances is not None:
            self.distances.compare_with(*pictures)

    def sample(self) -> np.ndarray:
        """The same held-out pictures each time, a column each: of A, as B, and as A again; of B, as A, as B again."""
        rows = []
        for pixels, back in zip(self._held_out, (False, True), strict=True):
            shown = pixels[: self._shown]
            there = self.translated(shown, back)
            rows += [shown, there, self.translated(there, not back)]
        first, second = self._names
        words = "{0}, made {1}, and {0} again".format
        return titled(sheet(rows), words(first, second), [f"below: {words(second, first)}"])

    def measure(self) -> dict[str, float | None]:
        """How far what was translated there and back is from what it was (0 to 1), and the distances."""
        pairs = list(zip(self._held_out, (False, True), strict=True))
        there = [self.translated(pixels, back) for pixels, back in pairs]
        again = [self.translated(made, not back) for made, (_, back) in zip(there, pairs, strict=True)]
        errors = [
            float(np.abs(was.astype(np.float32) - now).mean() / 255)
            for was, now in zip(self._held_out, again, strict=True)
        ]
        found: dict[str, float | None] = {"cycle_error": float(np.mean(errors))}
        return found | (self.distances.numbers(*there) if self.distances is not None else {})

    # -- beyond a kill ------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Tensor]:
        return {f"pool_{name}": pool.state() for name, pool in self._pools.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        for name, pool in self._pools.items():
            pool.restore(state.get(f"pool_{name}", torch.zeros(0, 3, 1, 1)).to(self.device))

    def _tensor(self, pixels: np.ndarray) -> Tensor:
        """`(N, S, S, 3) uint8` -> `(N, 3, S, S) float32` of -1 to 1, on the device."""
        values = torch.from_numpy(np.require(pixels, requirements="W")).to(self.device).to(torch.float32)
        return (values / 127.5 - 1).permute(0, 3, 1, 2)


def sheet(rows: Sequence[np.ndarray]) -> np.ndarray:
    """`(H, W, 3) uint8`: rows of pictures `(N, S, S, 3)`, enlarged by a whole factor, on white; the rows of B's
    pictures, the second half, stand a little apart."""
    side = rows[0].shape[1]
    columns = max(len(row) for row in rows)
    # White stands where a row has fewer pictures than the longest.
    filled = [np.pad(row, ((0, columns - len(row)), *[(0, 0)] * 3), constant_values=PAPER) for row in rows]
    halves = (filled[: len(rows) // 2], filled[len(rows) // 2 :])
    above, below = (tiles(np.concatenate(h), columns, _GAP, max(1, _SHEET_SIDE // side)) for h in halves)
    return np.concatenate([above, np.full_like(above[: 2 * _GAP], PAPER), below])


def _squares(answers: Tensor, wanted: float) -> Tensor:
    return (answers - wanted).square().mean()


def _difference(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().mean()


def choices_for(architecture: str, size: int, rate: float | None = None, identity: float = 0.0) -> Choices:
    """What suits pictures of `size` pixels: discriminators as wide as the generators, which see 70 pixels as in the
    paper, and of smaller pictures about half, so that there are several patches to judge."""
    width = int(architecture.split(":")[1].rpartition("-")[2])
    patch = 70 if size >= 2 * 64 else 34
    return Choices(patch, width, rate or RATE, identity=identity)
