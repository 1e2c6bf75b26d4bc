"""What each process of a run does: read the job, build what learns, and run the loop."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.training.job import Job, read_job
from visioncli.training.lesson import Lesson
from visioncli.training.loop import Loop
from visioncli.training.processes.interface import Launcher
from visioncli.training.watch import Log, Watcher

watcher = Watcher()
"""Who watches this process: set by `train` before it launches; other processes have nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Learning:
    """What a process learns: a lesson, its network, and who writes the best model so far: `keep` takes its tensors,
    what the lesson found, and facts about it."""

    lesson: Lesson
    network: nn.Module
    keep: Callable[[dict[str, Tensor], Any, dict[str, Any]], None]


Prepares = Callable[[Path, Job, Launcher], Learning]
"""Makes ready, in each process, what is learned: of classes, masks or boxes. A function that can be found by name."""


def work(prepares: Prepares, run: Path, seconds: float, threads: int | None, launcher: Launcher) -> None:
    """Trains the job in the folder `run` for at most so many seconds, beginning at its checkpoint.

    How many seconds is what the first process says, which all wait for here: it may still be writing the job.
    Raises UsageError where the set is no longer what it was when it was looked at.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    deadline = time.monotonic() + float(launcher.gather(np.array([seconds]))[0])
    job = read_job(run)
    learning = prepares(run, job, launcher)
    log = Log(run, watcher, keep=True) if launcher.is_main else None

    def keep(state: dict[str, Tensor], step: int, loss: float, answers: Any) -> None:
        with watcher.undisturbed():
            learning.keep(state, answers, {"step": step, "val_loss": loss})

    def tell(event: str, **facts: Any) -> None:
        if log is not None:
            log(event, **facts)
            loop.at.log_size = log.size

    loop = Loop(job, learning.lesson, learning.network, run, launcher, keep, tell, deadline)
    loop.resume()
    if log is not None:
        log.truncate(loop.at.log_size)
    # An interrupt may come in the middle of a step, so that nothing is written then: the last checkpoint holds.
    loop.run()
    loop.save()
    launcher.barrier()
