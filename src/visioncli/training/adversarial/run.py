"""One run of networks that make pictures, from the set that was named to the finished folder."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncli.errors import UsageError
from visioncli.files import write_picture
from visioncli.models.row import ModelRow
from visioncli.resolve import describe
from visioncli.training.adversarial.kind import Asked, Ended, Kind
from visioncli.training.adversarial.kinds import kind_of
from visioncli.training.job import Job, names_of
from visioncli.training.one_run import Run, Training, Where
from visioncli.training.recipe import Recipe
from visioncli.training.run_folder import locked
from visioncli.training.watch import Watcher

if TYPE_CHECKING:
    from torch import Tensor

    from visioncli.training.adversarial.loop import Loop

TASKS = ("generate", "translate")
"""What is learned here; a test holds the command's words to it."""
SAMPLES = "samples"
"""The folder of sheets, one a look, named after the step."""


def train_pictures(
    task: str,
    run: Path,
    asked: Asked,
    *,
    model: str | None,
    check: bool,
    resume: bool,
    where: Where,
    watcher: Watcher,
    begun: float,
    command: Sequence[str],
    choices: dict[str, Any],
) -> Run | None:
    """Trains networks that make pictures on what `asked` names, into the folder `run`; the rest as `train` has it.

    Raises UsageError for impossible choices, SetError where the set cannot be read, ModelUnavailable, OutputError.
    """
    kind = kind_of(task)
    kind.check(choices)
    if where.devices > 1 or _is_one_of_many():
        raise UsageError(f"--task {task} trains in one process: its networks learn in turns. Leave --devices out.")
    if where.precision not in ("auto", "fp32"):
        raise UsageError(f"--task {task} trains in fp32: leave --precision {where.precision} out.")
    if asked.weights is not None:
        raise UsageError(f"--weights does not go with --task {task}: its networks begin with random numbers.")
    recipe = Recipe.of(**choices)
    base = describe(model or kind.default, task, access=asked.access)
    with locked(run, check=check, resume=resume):
        ready = kind.prepare(asked, base, recipe, where, watcher)
        for sentence in ready.look.lines():
            watcher.say(sentence)
        for n, error in ready.look.unreadable:
            watcher.failure(ready.look.paths[n], error.message)
        if check:
            return None
        told = {"name": asked.data, "images": asked.images}
        given = (run, ready, recipe, where, watcher, begun, model or kind.default, told, command)
        return GameTraining(*given, kind=kind, asked=asked, resume=resume).run()


class GameTraining(Training[Any]):
    """Networks that learn in turns."""

    def __init__(self, *args: Any, kind: Kind[Any], asked: Asked, **named: Any) -> None:
        super().__init__(*args, **named)
        self.kind, self.asked = kind, asked
        self._loop: Loop | None = None

    @property
    def unfreezes(self) -> bool:
        """There is always something to learn."""
        return True

    def row_to_learn(self) -> ModelRow:
        return self.kind.row(self.ready)

    def seconds_to_finish(self) -> float:
        return self.kind.seconds_to_finish(self.ready)

    def begin(self) -> None:
        """New networks, and the first checkpoint."""
        from visioncli.training.adversarial import standing
        from visioncli.training.checkpoint import CHECKPOINT, FOLDER

        job, game = self._job(), self._game()
        job.write(self.folder)
        standing.first(self.folder / FOLDER / CHECKPOINT, game, self.log.size)

    def learn(self) -> None:
        """The loop, in this process."""
        import torch

        from visioncli.training.adversarial.loop import Loop
        from visioncli.training.processes.memory import keep_freed_memory

        keep_freed_memory()
        if self.where.threads is not None:
            torch.set_num_threads(self.where.threads)
        deadline = time.monotonic() + self._seconds_left()

        def tell(event: str, **facts: Any) -> None:
            self.log(event, **facts)
            loop.at.log_size = self.log.size

        loop = Loop(self._job(), self._game(), self.folder, self._keep, self._show, tell, deadline)
        loop.resume()
        self.log.truncate(loop.at.log_size)
        try:
            loop.run()
        except (MemoryError, RuntimeError) as problem:
            raise _without_memory(problem, loop.batch_size) from problem
        loop.save()
        self._loop = loop

    def finish(self) -> None:
        """Measures the network that was kept, and writes what belongs to it."""
        loop = self._loop
        assert loop is not None
        with loop.averaged():
            states = {name: loop.game.networks[name].state_dict() for name in loop.averages}
            ended = Ended(
                self.folder, self.ready, loop.job, self.where, self.begun, tuple(self.command), self.log,
                self.watcher, states,
            )  # fmt: skip
            self.kind.finish(ended, self.row, loop.game)

    def _keep(
        self, averages: "Mapping[str, Mapping[str, Tensor]]", step: int, numbers: dict[str, float | None]
    ) -> None:
        with self.watcher.undisturbed():
            self.kind.keep(self.folder, self.row, averages, {"step": step, "finished": False})

    def _show(self, sheet: np.ndarray, epoch: float, step: int) -> None:
        from PIL import Image

        folder = self.folder / SAMPLES
        folder.mkdir(exist_ok=True)
        write_picture(folder / f"{step:07d}.png", Image.fromarray(sheet), "PNG", optimize=True)

    def _game(self) -> Any:
        from visioncli.engines.pytorch import choose_device

        device = choose_device(self.where.device)
        return self.kind.game(self.ready, self.row, self._job(), device, self.asked)

    def _job(self) -> Job:
        epochs, batch_size, settings = self.kind.plan(self.ready, self.recipe)
        return Job(
            self.data, names_of(self.ready.listed), self.recipe, self.train, self.val, False, epochs, batch_size,
            None, self.key, task=self.kind.task, side=self.row.input.size, settings=settings,
        )  # fmt: skip


def _without_memory(problem: Exception, batch_size: int) -> Exception:
    """The sentence for too large batches, or the problem as it is where it is another one."""
    words = str(problem)
    if not isinstance(problem, MemoryError) and "allocate" not in words and "out of memory" not in words:
        return problem
    return UsageError(
        f"There is not enough memory for batches of {batch_size}. Take smaller ones, such as --batch-size "
        f"{max(2, batch_size // 2)}, or a smaller --size."
    )


def _is_one_of_many() -> bool:
    return int(os.environ.get("WORLD_SIZE") or 1) > 1
