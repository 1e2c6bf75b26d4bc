"""The half of `vision train` that runs: what people see of it, and how it ends."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from visioncli.cli.downloading import download_progress
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.iou_progress import LineProgress
from visioncli.cli.options import FrameOptions
from visioncli.cli.terminal import Console
from visioncli.engines.interface import EngineOptions
from visioncli.errors import missing_extra
from visioncli.status import Status
from visioncli.training.train import Run, Where, reading, train
from visioncli.training.watch import Watcher
from visioncli.weights.runs import NOTES

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


_MEASURED = ("accuracy", "miou", "dice", "ap", "ap50")
_OF_GAMES = ("generator_loss", "discriminator_loss", "distance", "precision", "recall", "recognised")
_ON_BOARD = ("loss", "accuracy", "val_loss", *(f"val_{name}" for name in _MEASURED), *_OF_GAMES, "rate")
"""What of an epoch TensorBoard is told."""


class TrainingConsole(Watcher):
    """Tells on standard error how training goes: a line an epoch, and on a terminal a line that moves."""

    def __init__(self, run: Path, *, quiet: bool, tensorboard: bool) -> None:
        self._console = Console(quiet=quiet)
        self._line = LineProgress(quiet=quiet)
        self._loop_began: tuple[float, int] | None = None
        self._board: SummaryWriter | None = None
        self._wants_board = tensorboard
        if tensorboard and find_spec("tensorboard") is None:
            raise missing_extra("tensorboard", "train")
        self._run = run
        self.unreadable = 0

    def train(
        self,
        data: str,
        out: Path,
        frame: FrameOptions,
        what: dict[str, Any],
        where: dict[str, Any],
        *,
        check: bool,
        resume: bool,
        command: Sequence[str],
        choices: dict[str, Any],
    ) -> Run | None:
        """`training.train.train`, with words for people and an end for signals."""
        engine = EngineOptions(frame.device, frame.threads, precision="fp32", tell=self._console.note)
        how = Where(
            device=frame.device, threads=frame.threads, engine=engine, options=reading(frame.workers), **where
        )
        interrupts.begin()
        try:
            with (
                self._console.captured_warnings(),
                self._console.silent_decoders(),
                download_progress(quiet=frame.quiet) as progress,
                interrupts.armed(),
            ):
                run = train(
                    data, out, check=check, resume=resume, offline=frame.offline, progress=progress, where=how,
                    command=command, watcher=self, **what, **choices,
                )  # fmt: skip
        except KeyboardInterrupt:
            self._line.clear()
            if (out / NOTES).is_file() and not check:
                self._console.note(f"interrupted. {out} holds the best network so far; --resume goes on.")
            raise typer.Exit(Status.INTERRUPTED) from None
        finally:
            self._line.clear()
            if self._board is not None:
                self._board.close()
        if run is not None:
            if run.task == "generate":
                self._console.note(f"{out} is a model now: vision generate --model {out}")
                self._console.note(f"Its numbers are those of {run.pictures:,} made pictures; the card says by whom.")
                return run
            self._console.note(f"{out} is a model now: vision {run.task} {run.noun.upper()} --model {out}")
            if run.task == "stylize":
                first, second = run.classes
                self._console.note(f"It makes {second} of {first}, and with --reverse {first} of {second}.")
                self._console.note(f"Its numbers are those of {_counted(run.pictures, run.noun)} that were held out.")
                return run
            self._console.note(
                f"Its numbers are those of {_counted(run.pictures, run.noun)} for validation, with 95 % intervals."
            )
        return run

    def report(self, frame: FrameOptions) -> bool:
        """Makes the page of the run's validation pictures; whether that went well."""
        from visioncli.cli.reporting import make_beside

        return make_beside(self._run, frame, self._console)

    def say(self, sentence: str) -> None:
        self._line.clear()
        self._console.note(sentence)

    def failure(self, path: str, message: str) -> None:
        self._line.clear()
        self.unreadable += 1
        self._console.failure(path, message)

    def progress(self, what: str, done: int, total: int) -> None:
        self._line(what, done, total)
        if done >= total:
            self._line.clear()

    def undisturbed(self) -> AbstractContextManager[object]:
        return interrupts.held()

    def event(self, event: str, **facts: Any) -> None:
        if event == "step":
            self._step(**facts)
            return
        self._line.clear()
        if event in _SENTENCES:
            self.say(_SENTENCES[event](facts))
        if event == "epoch" and self._wants_board:
            self._to_board(facts)

    def _to_board(self, facts: dict[str, Any]) -> None:
        if self._board is None:
            from torch.utils.tensorboard import SummaryWriter

            # Not before: what lies in a folder when training begins there is somebody's.
            self._board = SummaryWriter(str(self._run / "tensorboard"))
        for name in _ON_BOARD:
            if facts.get(name) is not None:
                self._board.add_scalar(name, facts[name], facts["step"])

    def _step(self, step: int, steps: int, loss: float = 0.0, losses: dict[str, float] | None = None) -> None:
        now = time.monotonic()
        if self._loop_began is None:
            self._loop_began = now, step
        began, first = self._loop_began
        left = (now - began) / max(step - first, 1) * (steps - step)
        words = f"loss {loss:.3f}" if losses is None else _losses(losses)
        self._line(f"training, {words}, {_duration(left)} left, step", step, steps)


def _features(facts: dict[str, Any]) -> str:
    if not facts["computed"]:
        return "All features were in the cache."
    return f"{facts['computed']:,} features computed, {facts['ms_per_picture']:.1f} ms each."


def _head(facts: dict[str, Any]) -> str:
    right = "" if facts["val_accuracy"] is None else f", validation accuracy {facts['val_accuracy']:.3f}"
    return f"Head on frozen features: validation loss {facts['val_loss']:.3f}{right}."


def _start(facts: dict[str, Any]) -> str:
    return f"Before training: validation{_measured(facts)}."


def _measured(facts: dict[str, Any]) -> str:
    """What was found on the validation pictures."""
    loss = "" if facts["val_loss"] is None else f" loss {facts['val_loss']:.3f}"
    val = "" if facts["val_accuracy"] is None else f" accuracy {facts['val_accuracy']:.3f}"
    if facts.get("val_miou") is not None:
        val += f" mean IoU {facts['val_miou']:.3f}"
    if facts.get("val_ap") is not None:
        val += f" AP {facts['val_ap']:.3f}, AP50 {facts['val_ap50']:.3f}, AR {facts['val_ar100']:.3f}"
    return loss + val


def _losses(losses: dict[str, float]) -> str:
    """Those of networks that learn against each other, by name."""
    return "losses " + ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())


def _game_epoch(facts: dict[str, Any]) -> str:
    """A look at networks that learn against each other."""
    losses = {name.removesuffix("_loss"): loss for name, loss in facts.items() if name.endswith("_loss")}
    known = {name: v for name, v in facts.items() if name not in _NOT_MEASURED and isinstance(v, float)}
    found = ", ".join(f"{name} {v:.3g}" for name, v in known.items() if not name.endswith("_loss"))
    return f"epoch {facts['epoch']:g}: {_losses(losses)}; {found}".removesuffix("; ")


_NOT_MEASURED = ("epoch", "step", "steps", "rate", "stage")


def _epoch(facts: dict[str, Any]) -> str:
    if "best" not in facts:
        return _game_epoch(facts)
    accuracy = "" if facts["accuracy"] is None else f" accuracy {facts['accuracy']:.3f}"
    best = " (best)" if facts["best"] else ""
    return (
        f"epoch {facts['epoch']:g} ({facts['stage']}): training loss {facts['loss']:.3f}{accuracy}, "
        f"validation{_measured(facts)}{best}"
    )


def _forecast(facts: dict[str, Any]) -> str:
    return (
        f"{facts['ms_per_picture']:.1f} ms a picture ({facts['stage']} layers); {facts['epochs']:g} epochs, about "
        f"{_duration(facts['seconds'])} to go."
    )


_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "features": _features,
    "head": _head,
    "start": _start,
    "epoch": _epoch,
    "forecast": _forecast,
}


def _counted(pictures: int, noun: str) -> str:
    return f"1 {noun}" if pictures == 1 else f"{pictures:,} {noun}s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def show(run: Run, *, as_json: bool) -> None:
    """Prints the numbers of a finished run on standard output."""
    if as_json:
        body = {
            "run": str(run.folder),
            "val": run.numbers,
            "intervals": {name: list(ends) for name, ends in run.intervals.items()},
            "test": run.test_numbers or None,
        }
        sys.stdout.write(json.dumps(body, allow_nan=False) + "\n")
        return
    for name, value in run.numbers.items():
        if name == "top5" and len(run.classes) <= 5:
            continue  # it is 1 whatever the network answers
        low, high = run.intervals.get(name, (float("nan"),) * 2)
        ends = f"[{low:.3f}, {high:.3f}]" if isfinite(low) else ""
        test = f"  test {run.test_numbers[name]:.3f}" if name in run.test_numbers else ""
        sys.stdout.write(f"{name:<18} {value:.3f} {ends:<16}{test}".rstrip() + "\n")
