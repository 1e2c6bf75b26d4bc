"""The training loop, from top to bottom.

One step: a batch of pictures, each augmented by numbers of (seed, epoch, place); the loss; its gradient; AdamW; the
moving average. One epoch: each picture once, in an order of (seed, epoch); then the averaged network is validated,
kept if it is the best so far, and a checkpoint written. Nothing depends on global state, so a run that was killed
goes on from its checkpoint to the same tensors. What is learned, classes, masks or boxes, is the `Lesson`'s to know:
how a picture and its answer become tensors, the loss, and what validation measures.
"""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.training import checkpoint
from visioncli.training.chance import seed_of
from visioncli.training.checkpoint import CHECKPOINT, FOLDER, Progress
from visioncli.training.clock import Clock
from visioncli.training.job import Job
from visioncli.training.layers import Average, groups
from visioncli.training.lesson import Lesson, Measured, Sample
from visioncli.training.processes.interface import Launcher
from visioncli.training.processes.launcher import portion, share
from visioncli.training.recipe import Start, Unfreeze

WARM_UP = 0.05
"""Part of all steps in which the rate rises: the first gradients of a new optimizer are the least trustworthy."""
TIMED = 20
"""Steps after which the rest is forecast."""
SAVE_SECONDS = 60.0
"""So much work is lost to a kill at most."""
LAST_SHARE = 0.08
"""Part of all steps in which only the last blocks learn, before all do: errors of a new head would run through what
the network knows."""
CLIP = 1.0
"""Longest gradient (its norm): one odd batch must not throw the weights away (arXiv 1211.5063)."""


class Events(Protocol):
    """Is told what happens: the log, and whoever watches."""

    def __call__(self, event: str, **facts: Any) -> None:
        """`start`, `step`, `forecast`, `cost`, `epoch`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Some steps in which the same layers learn."""

    name: str
    what: Unfreeze
    steps: int


def stages(job: Job, steps: int) -> list[Stage]:
    """All steps, by which layers learn in them."""
    unfreeze = job.recipe.unfreeze
    # A detector begins with heads that are near right: all that it lacks is a slow start.
    together = job.task == "detect" and unfreeze is Unfreeze.ALL
    if job.recipe.start is Start.SCRATCH or together:
        return [Stage("all", Unfreeze.ALL, steps)]
    if unfreeze is not Unfreeze.ALL:
        return [Stage("head" if unfreeze is Unfreeze.NONE else "last", unfreeze, steps)]
    first = min(max(TIMED, round(LAST_SHARE * steps)), steps // 2)
    return [Stage("last", Unfreeze.LAST, first), Stage("all", Unfreeze.ALL, steps - first)]


def rate_at(step: int, steps: int, highest: float) -> float:
    """The learning rate of step number `step`, from 0 on: a short rise, then half a cosine (arXiv 1608.03983)."""
    warm = max(1.0, WARM_UP * steps)
    return highest * min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


class Loop:
    """One run of training in one process, whose state is a network, its average, an optimizer and `Progress`."""

    def __init__(
        self,
        job: Job,
        lesson: Lesson,
        network: nn.Module,
        run: Path,
        launcher: Launcher,
        keep: Callable[[dict[str, Tensor], int, float, Any], None],
        tell: Events,
        deadline: float = math.inf,
    ) -> None:
        """`keep` is given the best state so far, its step, its validation loss and what else `lesson.measure` found.
        `deadline` is a time of `time.monotonic`."""
        self.job, self.lesson, self.launcher, self.keep, self.tell = job, lesson, launcher, keep, tell
        self.recipe, self.deadline = job.recipe, deadline
        self.path = run / FOLDER / CHECKPOINT
        self.network = network.to(launcher.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.visits = lesson.visits()
        self.epoch_steps = math.ceil(len(self.visits) / job.batch_size)
        self.at = Progress(steps=job.epochs * self.epoch_steps)
        self.average = Average(network, self.recipe.average)
        self.optimizer: torch.optim.Optimizer | None = None
        self.saved: checkpoint.Checkpoint | None = None

    @property
    def highest_rate(self) -> float:
        """The learning rate between the rise and the fall."""
        return self.recipe.rate or self.lesson.rate

    # -- state on disk ------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Goes on where the checkpoint was written."""
        self.saved = checkpoint.read(self.path)
        planned = self.at.steps
        self.at = self.saved.progress
        self.at.steps = self.at.steps or planned
        self.network.load_state_dict(self.saved.network)
        for name, tensor in self.saved.average.items():
            self.average.state[name].copy_(tensor)

    def save(self) -> None:
        """Writes a checkpoint."""
        if self.launcher.is_main:
            checkpoint.save(self.path, self.at, self.network.state_dict(), self.average.state, self.optimizer)

    # -- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Every stage, from where training stands to its end, its patience or its deadline."""
        if self.lesson.knows and self.at.step == 0 and math.isinf(self.at.best_wrong):
            self._begin()
        while self.at.stage < len(plan := stages(self.job, self.at.steps)) and not self._is_over():
            stage = plan[self.at.stage]
            if self.at.stage_step < stage.steps and not self._stage(stage):
                return
            self.at.stage, self.at.stage_step = self.at.stage + 1, 0
            self.saved = None

    def _begin(self) -> None:
        """Measures and keeps the network as it is before it learns."""
        found = self.measured(self.average.state)
        self.at.best_wrong, self.at.best_loss = found.wrong, found.loss
        if self.launcher.is_main:
            self.keep(self.average.state, 0, found.loss, found.answers)
        self.tell("start", **({"val_loss": found.loss} | found.numbers))
        self.save()

    def _stage(self, stage: Stage) -> bool:
        """Trains one stage; False where training ends early."""
        rate = self.highest_rate
        learning = [
            group | {"share": part}
            for parameters, part in self.lesson.learning(stage.what)
            for group in groups(parameters, self.recipe.weight_decay)
        ]
        self.optimizer = torch.optim.AdamW(learning, lr=rate, betas=(0.9, 0.99))
        if self.saved is not None:
            self.saved.restore(self.optimizer)
            self.saved = None
        network, optimizer = self.launcher.setup(self.network, self.optimizer)
        clock = Clock()
        last_save = time.monotonic()
        self.lesson.learning_mode()
        for batch in self._batches():
            loss, right = self._step(network, optimizer, batch, rate)
            self.average.update(self.network, self.at.step)
            self.at.loss_sum += loss * batch.size
            self.at.right_sum += right * batch.size
            self.at.seen += batch.size
            clock.tick(batch.size)
            self.tell("step", step=self.at.step, steps=self.at.steps, loss=self.at.loss_sum / self.at.seen)
            if clock.steps == TIMED:
                self._forecast(stage, clock)
            epoch_ends = self.at.step % self.epoch_steps == 0
            ends = self.at.step >= self.at.steps or self._is_late()
            if epoch_ends or ends:
                self._validate(stage)
                self.lesson.learning_mode()
                self.save()
                last_save = time.monotonic()
                clock.go_on()
            elif time.monotonic() - last_save > SAVE_SECONDS:
                self.save()
                last_save = time.monotonic()
                clock.go_on()
            if ends or self._is_over():
                self._cost(stage, clock)
                return False
            plan = stages(self.job, self.at.steps)
            if self.at.stage < len(plan) - 1 and self.at.stage_step >= plan[self.at.stage].steps:
                break
        self._cost(stage, clock)
        return True

    def _step(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, batch: "Batch", rate: float
    ) -> tuple[float, float]:
        """One step of the optimizer. The mean loss, and the share of answers that were right."""
        step = self.at.step
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, self.at.steps, rate) * group["share"]
        # Dropout and dropped paths draw from torch's own generator.
        torch.manual_seed(seed_of(self.recipe.seed, step, self.launcher.rank))
        x, wanted = self.lesson.batch(batch.samples, batch.visits, step)
        optimizer.zero_grad(set_to_none=True)
        total = right = 0.0
        at_once = self.lesson.at_once
        for start in range(0, len(x), at_once):
            part, answers = x[start : start + at_once], wanted[start : start + at_once]
            with self.launcher.autocast():
                loss, part_right = self.lesson.learn(network, part, answers)
            share_of_batch = len(part) / len(x) * batch.weight
            self.launcher.backward(loss * share_of_batch)
            total += float(loss.detach()) * share_of_batch
            right += part_right * share_of_batch
        nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], CLIP)
        optimizer.step()
        self.at.step += 1
        self.at.stage_step += 1
        both = self.launcher.mean(torch.tensor([total, right], dtype=torch.float64, device=self.launcher.device))
        return float(both[0]), float(both[1])

    # -- what goes in -------------------------------------------------------------------------------------------

    def _batches(self) -> "Iterator[Batch]":
        """Batches from where training stands, made in threads ahead of the network, for ever."""
        with ThreadPoolExecutor(2, thread_name_prefix="augment") as pool, contextlib.ExitStack() as stack:
            ahead: deque[tuple[list[Future[Sample]], np.ndarray, float, int]] = deque()
            stack.callback(lambda: [f.cancel() for futures, *_ in ahead for f in futures])
            for epoch, visits, weight, size in self._order():
                ahead.append(
                    ([pool.submit(self.lesson.augmented, epoch, n) for n in visits.tolist()], visits, weight, size)
                )
                if len(ahead) > 2:
                    yield _made(*ahead.popleft())

    def _order(self) -> Iterator[tuple[int, np.ndarray, float, int]]:
        """Epoch, the visits of this process, their weight, and the whole batch's size."""
        epoch, done = divmod(self.at.step, self.epoch_steps)
        while True:
            rng = np.random.default_rng((self.recipe.seed, epoch))
            order = rng.permutation(self.visits)
            shares = share(order, self.launcher.rank, self.launcher.world, self.job.batch_size)
            for n, mine in enumerate(shares[done:], start=done):
                size = min(self.job.batch_size, len(order) - n * self.job.batch_size)
                yield epoch, mine.indices, mine.weight, size
            epoch, done = epoch + 1, 0

    # -- looking up from the work -------------------------------------------------------------------------------

    def _validate(self, stage: Stage) -> None:
        """Validates the averaged network, and keeps it where it is the best so far."""
        found = self.measured(self.average.state)
        before = self.at.best_wrong, self.at.best_loss
        best = self.lesson.is_better(found, *before)
        if best:
            self.at.best_wrong, self.at.best_loss = min((found.wrong, found.loss), before)
            self.at.best_step, self.at.stale = self.at.step, 0
        else:
            self.at.stale += 1
        if best and self.launcher.is_main:
            self.keep(self.average.state, self.at.step, found.loss, found.answers)
        self.tell(
            "epoch",
            stage=stage.name,
            epoch=round(self.at.step / self.epoch_steps, 2),
            step=self.at.step,
            steps=self.at.steps,
            loss=self.at.loss_sum / max(self.at.seen, 1),
            accuracy=self.at.right_sum / max(self.at.seen, 1) if self.lesson.counts_right else None,
            **({"val_loss": found.loss} | found.numbers),
            rate=rate_at(self.at.step - 1, self.at.steps, self.highest_rate),
            best=best,
        )
        self.at.loss_sum = self.at.right_sum = 0.0
        self.at.seen = 0

    @torch.no_grad()
    def measured(self, state: dict[str, Tensor]) -> Measured:
        """What the network with the tensors `state` is worth on the validation pictures."""
        mine = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(state)
        self.network.eval()
        places = portion(self.job.val, self.launcher.rank, self.launcher.world)
        answers = self.lesson.answers(places)
        self.network.load_state_dict(mine)
        return self.lesson.measure(self.launcher.gather(answers))

    def _forecast(self, stage: Stage, clock: Clock) -> None:
        """How long the rest will take; where that is too long, as many steps as there is time for.

        A later stage, timed in turn, may find that there is time for more after all.
        """
        each = self._agreed(clock.seconds_a_step)
        total = stages(self.job, self.at.steps)
        planned = self.job.epochs * self.epoch_steps
        left = planned - self.at.step
        # What all layers cost is known once they have been timed.
        dearer = self.lesson.dearer if stage.what is Unfreeze.LAST and len(total) > 1 else 1.0
        # A third of what the same pictures cost where they are learned from.
        looks = math.ceil(left / self.epoch_steps) * self.lesson.visits_of(len(self.job.val))
        validations = looks / len(self.visits) * self.epoch_steps / 3
        seconds = each * dearer * (left + validations)
        time_left = self._agreed(self.deadline - time.monotonic()) if math.isfinite(self.deadline) else math.inf
        self.at.steps = planned
        if seconds > time_left:
            fits = max(0.05, time_left / seconds)
            self.at.steps = self.at.step + max(1, math.floor(left * fits))
            seconds = time_left
        self.tell(
            "forecast",
            stage=stage.name,
            ms_per_picture=clock.ms_a_picture,
            seconds=seconds,
            steps=self.at.steps,
            epochs=round(self.at.steps / self.epoch_steps, 1),
        )

    def _cost(self, stage: Stage, clock: Clock) -> None:
        self.tell("cost", stage=stage.name, ms_per_picture=clock.ms_a_picture)

    def _is_over(self) -> bool:
        """Whether all steps were made, or too many of them for nothing."""
        return self.at.step >= self.at.steps or self.at.stale >= self.recipe.patience

    def _is_late(self) -> bool:
        """Whether the time is over; the same answer in every process."""
        return math.isfinite(self.deadline) and self._agreed(self.deadline - time.monotonic()) <= 0

    def _agreed(self, number: float) -> float:
        if self.launcher.world == 1:
            return number
        return float(self.launcher.mean(torch.tensor(number, dtype=torch.float64, device=self.launcher.device)))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """This process's part of a batch of `size` visits to pictures, augmented."""

    samples: list[Sample]
    visits: np.ndarray
    weight: float
    size: int


def _made(futures: list[Future[Sample]], visits: np.ndarray, weight: float, size: int) -> Batch:
    return Batch([future.result() for future in futures], visits, weight, size)
