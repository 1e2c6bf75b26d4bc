"""The adversarial loop, from top to bottom.

One step: a batch by numbers of (seed, epoch, place); every network in its turn, as the `Game` has it; the moving
averages of those that become the model. At the end of an epoch, or after a while in a long one, the averaged networks
are looked at: a sheet from the same noise, the losses and a distance; they are kept, and a checkpoint written. Which
network is kept does not hang on what was measured, for a distance of a few hundred pictures is too much chance to
choose by: it is the last one. Nothing depends on global state, so a run that was killed goes on from its checkpoint
to the same tensors.
"""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visioncli.training.adversarial import standing
from visioncli.training.adversarial.game import Game, Tally
from visioncli.training.adversarial.standing import Standing
from visioncli.training.chance import seed_of
from visioncli.training.checkpoint import CHECKPOINT, FOLDER
from visioncli.training.clock import Clock
from visioncli.training.job import Job
from visioncli.training.layers import Average
from visioncli.training.loop import Events

TIMED = 20
"""Steps after which the rest is forecast."""
SAVE_SECONDS = 60.0
"""So much work is lost to a kill at most."""
LOOK_SECONDS = 60.0
"""A look comes at the end of an epoch, and within one that takes longer than this."""
LOOK_SHARE = 0.1
"""Looks take no larger part of the time: where they cost more than that, some are left out, but never the last."""
AHEAD = 2
"""Batches that are made while the networks learn."""

Keep = Callable[[Mapping[str, Mapping[str, Tensor]], int, dict[str, float | None]], None]
"""Is given the averaged networks' tensors by name, the step, and what was measured."""
Show = Callable[[np.ndarray, float, int], None]
"""Is given a sheet `(H, W, 3) uint8`, the epoch and the step."""


class Loop:
    """One run in one process, whose state is the game's networks, their averages and optimizers, and a `Standing`."""

    def __init__(
        self, job: Job, game: Game, run: Path, keep: Keep, show: Show, tell: Events, deadline: float = math.inf
    ) -> None:
        """`deadline` is a time of `time.monotonic`."""
        self.job, self.game, self.keep, self.show, self.tell, self.deadline = job, game, keep, show, tell, deadline
        self.path = run / FOLDER / CHECKPOINT
        for network in game.networks.values():
            network.to(game.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.visits = game.visits()
        self.batch_size = min(job.batch_size, len(self.visits))
        # A batch is always whole: what batch normalisation and the other network see of it depends on its size.
        self.epoch_steps = max(1, len(self.visits) // self.batch_size)
        self.at = Standing(steps=job.epochs * self.epoch_steps)
        self.averages = {name: Average(game.networks[name], game.keep) for name in game.averaged}
        self.optimizers = game.optimizers()
        self.tally = Tally()
        self.clock = Clock()
        self._looked = self._spent = self._begun = time.monotonic()

    # -- state on disk ------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Goes on where the checkpoint was written."""
        saved = standing.read(self.path)
        planned = self.at.steps
        self.at = saved.standing
        self.at.steps = self.at.steps or planned
        for name, network in self.game.networks.items():
            network.load_state_dict(saved.networks[name])
        for name, average in self.averages.items():
            for key, tensor in saved.averages[name].items():
                average.state[key].copy_(tensor)
        saved.restore(self.optimizers)
        self.game.restore(saved.game)
        self.tally = Tally(self.at.sums, self.at.summed)

    def save(self) -> None:
        """Writes a checkpoint."""
        self.at.sums, self.at.summed = self.tally.sums, self.tally.steps
        networks = {name: network.state_dict() for name, network in self.game.networks.items()}
        averages = {name: average.state for name, average in self.averages.items()}
        standing.save(self.path, self.at, networks, averages, self.optimizers, self.game.state())

    # -- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Every step, from where training stands to its end or its deadline."""
        if self.at.step >= self.at.steps:
            return  # killed when all was learned; without time there still is one step, and a look
        self._begun = self._looked = last_save = time.monotonic()
        self._spent = 0.0
        with contextlib.closing(self._batches()) as batches:
            for size, batch in batches:
                self._step(batch)
                self.clock.tick(size)
                self.tell("step", step=self.at.step, steps=self.at.steps, losses=self.tally.means())
                if self.clock.steps == TIMED:
                    self._forecast()
                ends = self._is_over()
                epoch_ends = self.at.step % self.epoch_steps == 0
                looks = ends or (self._may_look() if epoch_ends else self._must_look())
                if looks:
                    self._look()
                if looks or time.monotonic() - last_save > SAVE_SECONDS:
                    self.save()
                    last_save = time.monotonic()
                    self.clock.go_on()
                if ends:
                    break
        self.tell("cost", stage="all", ms_per_picture=self.clock.ms_a_picture)

    def _step(self, batch: Any) -> None:
        """Every network in its turn."""
        step = self.at.step
        share = self.game.rate_at(step, self.at.steps)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = share * group.setdefault("highest", group["lr"])
        torch.manual_seed(seed_of(self.job.recipe.seed, step))
        for network in self.game.networks.values():
            network.train()
        losses = self.game.step(batch, step, self.optimizers)
        self.tally.add(losses)
        self.at.step += 1
        for name, average in self.averages.items():
            average.update(self.game.networks[name], self.at.step)

    # -- what goes in -------------------------------------------------------------------------------------------

    def _batches(self) -> Generator[tuple[int, Any]]:
        """Batches and their sizes from where training stands, made in threads ahead of the networks, for ever."""
        with ThreadPoolExecutor(AHEAD, thread_name_prefix="batch") as pool, contextlib.ExitStack() as stack:
            ahead: deque[tuple[int, Future[Any]]] = deque()
            stack.callback(lambda: [future.cancel() for _, future in ahead])
            for epoch, visits in self._order():
                ahead.append((len(visits), pool.submit(self.game.prepared, epoch, visits)))
                if len(ahead) > AHEAD:
                    size, future = ahead.popleft()
                    yield size, future.result()

    def _order(self) -> Iterator[tuple[int, np.ndarray]]:
        """Epoch and visits of each batch; what an epoch has beyond whole batches is others each time."""
        epoch, done = divmod(self.at.step, self.epoch_steps)
        while True:
            order = np.random.default_rng((self.job.recipe.seed, epoch)).permutation(self.visits)
            for n in range(done, self.epoch_steps):
                yield epoch, order[n * self.batch_size : (n + 1) * self.batch_size]
            epoch, done = epoch + 1, 0

    # -- looking up from the work -------------------------------------------------------------------------------

    def _may_look(self) -> bool:
        """Whether looks have left enough time for learning."""
        return self._spent <= LOOK_SHARE * (time.monotonic() - self._begun)

    def _must_look(self) -> bool:
        """Whether the last look is long ago."""
        return time.monotonic() - self._looked > LOOK_SECONDS and self._may_look()

    def _look(self) -> None:
        """Shows, measures and keeps the averaged networks."""
        begun = time.monotonic()
        epoch = self.at.step / self.epoch_steps
        with self.averaged():
            sheet = self.game.sample()
            numbers = self.game.measure()
            states = {name: self.game.networks[name].state_dict() for name in self.averages}
            self.show(sheet, epoch, self.at.step)
            self.keep(states, self.at.step, numbers)
        self.tell(
            "epoch",
            stage="all",
            epoch=round(epoch, 2),
            step=self.at.step,
            steps=self.at.steps,
            **{f"{name}_loss": loss for name, loss in self.tally.means().items()},
            **numbers,
            rate=self.game.rate_at(self.at.step - 1, self.at.steps),
        )
        self.tally = Tally()
        self._looked = time.monotonic()
        self._spent += self._looked - begun
        self.clock.go_on()

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """The averages in their networks, all in inference mode and without gradients; then everything as before."""
        networks = self.game.networks
        before = {name: {k: t.clone() for k, t in network.state_dict().items()} for name, network in networks.items()}
        with torch.no_grad():
            for name, average in self.averages.items():
                networks[name].load_state_dict(average.state)
            torch.manual_seed(seed_of(self.job.recipe.seed, self.at.step, 1))
            for network in networks.values():
                network.train()
            self.game.settle()
            for network in networks.values():
                network.eval()
            yield
            for name, network in networks.items():
                network.load_state_dict(before[name])

    def _forecast(self) -> None:
        """How long the rest will take; where that is too long, as many steps as there is time for."""
        planned = self.job.epochs * self.epoch_steps
        left = planned - self.at.step
        seconds = self.clock.seconds_a_step * left / (1 - LOOK_SHARE)
        time_left = self.deadline - time.monotonic()
        self.at.steps = planned
        if seconds > time_left:
            self.at.steps = self.at.step + max(1, math.floor(left * max(0.02, time_left / seconds)))
            seconds = time_left
        self.tell(
            "forecast",
            stage="all",
            ms_per_picture=self.clock.ms_a_picture,
            seconds=seconds,
            steps=self.at.steps,
            epochs=round(self.at.steps / self.epoch_steps, 1),
        )

    def _is_over(self) -> bool:
        """Whether all steps were made, or the time is over."""
        return self.at.step >= self.at.steps or time.monotonic() >= self.deadline
