"""The training loop, from top to bottom.

One step: a batch of pictures, each augmented by numbers of (seed, epoch, place); the loss; its gradient; AdamW; the
moving average. One epoch: each picture once, in an order of (seed, epoch); then the averaged network is validated,
kept if it is the best so far, and a checkpoint written. Nothing depends on global state, so a run that was killed
goes on from its checkpoint to the same tensors.
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
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.labelled.interface import PictureSet
from visioncli.models.row import ModelRow
from visioncli.training import augment, checkpoint
from visioncli.training.checkpoint import CHECKPOINT, FOLDER, Progress
from visioncli.training.clock import Clock
from visioncli.training.head import validation_loss
from visioncli.training.interface import Launcher
from visioncli.training.job import Job, targets
from visioncli.training.launcher import portion, share
from visioncli.training.layers import Average, drop_before, free, groups, learning_mode
from visioncli.training.recipe import Start, Unfreeze
from visioncli.training.store import BUDGET, PictureStore
from visioncli.weights.heads import head_of

WARM_UP = 0.05
"""Part of all steps in which the rate rises: the first gradients of a new optimizer are the least trustworthy."""
TIMED = 20
"""Steps after which the rest is forecast."""
SAVE_SECONDS = 60.0
"""So much work is lost to a kill at most."""
_PIXELS = 32 * 128 * 128
"""Pixels that go through the network at once: the gradients of a batch are summed over such parts, which keeps the
memory of a laptop (2 GB) free for the rest and changes no result."""
RATES = {Start.PRETRAINED: 6e-4, Start.SCRATCH: 2e-3}
"""Highest learning rates for batches of 64; for others in proportion, since the gradient of few pictures is noise: at
1e-3 and sixteen pictures a step the pretrained network of two classes was lost within fifty steps."""
LAST_SHARE = 0.08
"""Part of all steps in which only the last blocks learn, before all do: errors of a new head would run through what
the network knows."""
CLIP = 1.0
"""Longest gradient (its norm): one odd batch must not throw the weights away (arXiv 1211.5063)."""


class Events(Protocol):
    """Is told what happens: the log, and whoever watches."""

    def __call__(self, event: str, **facts: Any) -> None:
        """`step`, `forecast`, `cost`, `epoch`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Some steps in which the same layers learn."""

    name: str
    what: Unfreeze
    steps: int


def stages(job: Job, steps: int) -> list[Stage]:
    """All steps, by which layers learn in them."""
    unfreeze = job.recipe.unfreeze
    if job.recipe.start is Start.SCRATCH:
        return [Stage("all", Unfreeze.ALL, steps)]
    if unfreeze is Unfreeze.LAST:
        return [Stage("last", Unfreeze.LAST, steps)]
    first = min(max(TIMED, round(LAST_SHARE * steps)), steps // 2)
    return [Stage("last", Unfreeze.LAST, first), Stage("all", Unfreeze.ALL, steps - first)]


def rate_at(step: int, steps: int, highest: float) -> float:
    """The learning rate of step number `step`, from 0 on: a short rise, then half a cosine (arXiv 1608.03983)."""
    warm = max(1.0, WARM_UP * steps)
    return highest * min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


def loss_of(logits: Tensor, wanted: Tensor, weights: Tensor | None, *, multi_label: bool) -> Tensor:
    """The mean loss of `(N, C)` logits: cross entropy with `wanted` shares of classes, or of yes and no for each."""
    if multi_label:
        return F.binary_cross_entropy_with_logits(logits.float(), wanted)
    each = -(wanted * F.log_softmax(logits.float(), 1))
    return (each if weights is None else each * weights).sum(1).mean()


class Loop:
    """One run of training in one process, whose state is a network, its average, an optimizer and `Progress`."""

    def __init__(
        self,
        job: Job,
        pictures: PictureSet,
        row: ModelRow,
        network: nn.Module,
        run: Path,
        launcher: Launcher,
        keep: Callable[[dict[str, Tensor], int, float, np.ndarray], None],
        tell: Events,
        deadline: float = math.inf,
    ) -> None:
        """`row` is that of `network`, with its classes. `keep` is given the best state so far, its step, its
        validation loss and its logits of the validation pictures. `deadline` is a time of `time.monotonic`."""
        self.job, self.row, self.launcher, self.keep, self.tell = job, row, launcher, keep, tell
        self.recipe, self.deadline = job.recipe, deadline
        self.path = run / FOLDER / CHECKPOINT
        self.network = network.to(launcher.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = head_of(network, row)[1]
        drop_before(self.head, network, self.recipe.dropout)
        self.store, self.plain = (
            PictureStore(pictures.examples, row.input, BUDGET // launcher.world) for _ in range(2)
        )
        self.multi_label = pictures.multi_label
        self.classes = len(pictures.classes)
        self.targets = targets(pictures, np.arange(len(pictures)))
        weights = None if job.class_weights is None else torch.from_numpy(job.class_weights).float()
        self.weights = None if weights is None else weights.to(launcher.device)
        self.epoch_steps = math.ceil(len(job.train) / job.batch_size)
        self.at = Progress(steps=job.epochs * self.epoch_steps)
        self.average = Average(network, self.recipe.average)
        self.optimizer: torch.optim.Optimizer | None = None
        self.saved: checkpoint.Checkpoint | None = None

    @property
    def highest_rate(self) -> float:
        """The learning rate between the rise and the fall."""
        return self.recipe.rate or RATES[self.recipe.start] * self.job.batch_size / 64

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
        while self.at.stage < len(plan := stages(self.job, self.at.steps)) and not self._is_over():
            stage = plan[self.at.stage]
            if self.at.stage_step < stage.steps and not self._stage(stage):
                return
            self.at.stage, self.at.stage_step = self.at.stage + 1, 0
            self.saved = None

    def _stage(self, stage: Stage) -> bool:
        """Trains one stage; False where training ends early."""
        parameters = free(self.network, stage.what, self.head)
        rate = self.highest_rate
        self.optimizer = torch.optim.AdamW(groups(parameters, self.recipe.weight_decay), lr=rate, betas=(0.9, 0.99))
        if self.saved is not None:
            self.saved.restore(self.optimizer)
            self.saved = None
        network, optimizer = self.launcher.setup(self.network, self.optimizer)
        clock = Clock()
        last_save = time.monotonic()
        mode = {"keep_statistics": self.recipe.start is Start.PRETRAINED}
        learning_mode(self.network, **mode)
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
                learning_mode(self.network, **mode)
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
        """One step of the optimizer. The mean loss, and the share of pictures that were right."""
        step = self.at.step
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, self.at.steps, rate)
        # Dropout and dropped paths draw from torch's own generator.
        torch.manual_seed(_mixed(self.recipe.seed, step, self.launcher.rank))
        device = self.launcher.device
        x = augment.batch(batch.pixels, self.row.input, device)
        wanted = self._wanted(batch.places).to(device)
        if self.recipe.augment is augment.Augment.STRONG and not self.multi_label:
            x, wanted = augment.mix(x, wanted, augment.generator(self.recipe.seed, 1 << 32, step))
        optimizer.zero_grad(set_to_none=True)
        total = right = 0.0
        at_once = max(1, _PIXELS // self.row.input.size**2)
        for start in range(0, len(x), at_once):
            part, answers = x[start : start + at_once], wanted[start : start + at_once]
            with self.launcher.autocast():
                logits = network(part.contiguous(memory_format=torch.channels_last))
                loss = loss_of(logits, answers, self.weights, multi_label=self.multi_label)
            share_of_batch = len(part) / len(x) * batch.weight
            self.launcher.backward(loss * share_of_batch)
            total += float(loss.detach()) * share_of_batch
            right += float((logits.argmax(1) == answers.argmax(1)).float().mean()) * share_of_batch
        nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], CLIP)
        optimizer.step()
        self.at.step += 1
        self.at.stage_step += 1
        both = self.launcher.mean(torch.tensor([total, right], dtype=torch.float64, device=device))
        return float(both[0]), float(both[1])

    def _wanted(self, places: np.ndarray) -> Tensor:
        """`(N, C) float32`: shares of classes, the labels smoothed."""
        found = torch.from_numpy(self.targets[places])
        if self.multi_label:
            return found
        smoothing = self.recipe.smoothing
        return F.one_hot(found, self.classes).float() * (1 - smoothing) + smoothing / self.classes

    # -- what goes in -------------------------------------------------------------------------------------------

    def _batches(self) -> "Iterator[Batch]":
        """Batches from where training stands, made in threads ahead of the network, for ever."""
        with ThreadPoolExecutor(2, thread_name_prefix="augment") as pool, contextlib.ExitStack() as stack:
            ahead: deque[tuple[list[Future[np.ndarray]], np.ndarray, float, int]] = deque()
            stack.callback(lambda: [f.cancel() for futures, *_ in ahead for f in futures])
            for epoch, places, weight, size in self._order():
                ahead.append(
                    ([pool.submit(self._augmented, epoch, n) for n in places.tolist()], places, weight, size)
                )
                if len(ahead) > 2:
                    yield _made(*ahead.popleft())

    def _order(self) -> Iterator[tuple[int, np.ndarray, float, int]]:
        """Epoch, the places of this process's pictures, their weight, and the whole batch's size."""
        epoch, done = divmod(self.at.step, self.epoch_steps)
        while True:
            rng = np.random.default_rng((self.recipe.seed, epoch))
            order = rng.permutation(self.job.train)
            shares = share(order, self.launcher.rank, self.launcher.world, self.job.batch_size)
            for n, mine in enumerate(shares[done:], start=done):
                size = min(self.job.batch_size, len(order) - n * self.job.batch_size)
                yield epoch, mine.indices, mine.weight, size
            epoch, done = epoch + 1, 0

    def _augmented(self, epoch: int, place: int) -> np.ndarray:
        pixels = self.store.get(place)
        rng = augment.generator(self.recipe.seed, epoch, place)
        size = (pixels.shape[1], pixels.shape[0])
        drawn = augment.draw(rng, self.recipe.augment, size, self.row.input, self.job.mirror)
        return augment.apply(pixels, drawn, self.row.input)

    # -- looking up from the work -------------------------------------------------------------------------------

    def _validate(self, stage: Stage) -> None:
        """Validates the averaged network, and keeps it where it is the best so far."""
        logits = self.validation_logits(self.average.state)
        answers = self.targets[self.job.val]
        loss = validation_loss(logits, answers)
        right = float((logits.argmax(1) == answers).mean()) if answers.ndim == 1 else None
        wrong = 0.0 if right is None else 1 - right
        # By what people ask for; the loss decides between equals, of which few validation pictures make many. By the
        # loss alone an early epoch wins, before the network becomes sure, and one picture in a hundred is lost.
        best = (wrong, loss) < (self.at.best_wrong, self.at.best_loss)
        if best:
            self.at.best_wrong, self.at.best_loss = wrong, loss
            self.at.best_step, self.at.stale = self.at.step, 0
        else:
            self.at.stale += 1
        if best and self.launcher.is_main:
            self.keep(self.average.state, self.at.step, loss, logits)
        self.tell(
            "epoch",
            stage=stage.name,
            epoch=round(self.at.step / self.epoch_steps, 2),
            step=self.at.step,
            steps=self.at.steps,
            loss=self.at.loss_sum / max(self.at.seen, 1),
            accuracy=None if self.multi_label else self.at.right_sum / max(self.at.seen, 1),
            val_loss=loss,
            val_accuracy=right,
            rate=rate_at(self.at.step - 1, self.at.steps, self.highest_rate),
            best=best,
        )
        self.at.loss_sum = self.at.right_sum = 0.0
        self.at.seen = 0

    @torch.no_grad()
    def validation_logits(self, state: dict[str, Tensor]) -> np.ndarray:
        """`(N, C) float32` of the validation pictures, by the network with the tensors `state`."""
        mine = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(state)
        self.network.eval()
        at_once = max(1, _PIXELS // self.row.input.size**2)
        places = portion(self.job.val, self.launcher.rank, self.launcher.world)
        found = [np.zeros((0, self.classes), np.float32)]
        with ThreadPoolExecutor(2) as pool:
            for start in range(0, len(places), at_once):
                pixels = np.stack(list(pool.map(self.plain.plain, places[start : start + at_once].tolist())))
                x = augment.batch(pixels, self.row.input, self.launcher.device)
                with self.launcher.autocast():
                    logits = self.network(x.contiguous(memory_format=torch.channels_last))
                found.append(logits.float().cpu().numpy())
        self.network.load_state_dict(mine)
        return self.launcher.gather(np.concatenate(found))

    def _forecast(self, stage: Stage, clock: Clock) -> None:
        """How long the rest will take; where that is too long, as many steps as there is time for.

        A later stage, timed in turn, may find that there is time for more after all.
        """
        each = self._agreed(clock.seconds_a_step)
        total = stages(self.job, self.at.steps)
        planned = self.job.epochs * self.epoch_steps
        left = planned - self.at.step
        # All layers cost four times what the last ones do; it is known once they have been timed.
        dearer = 3.8 if stage.what is Unfreeze.LAST and len(total) > 1 else 1.0
        validations = (
            math.ceil(left / self.epoch_steps) * len(self.job.val) / len(self.job.train) * self.epoch_steps / 3
        )
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
    """This process's part of a batch of `size` pictures: `pixels` `(N, S, S, 3) uint8`, `places` in the set."""

    pixels: np.ndarray
    places: np.ndarray
    weight: float
    size: int


def _made(futures: list[Future[np.ndarray]], places: np.ndarray, weight: float, size: int) -> Batch:
    return Batch(np.stack([future.result() for future in futures]), places, weight, size)


def _mixed(*numbers: int) -> int:
    """A seed made of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
