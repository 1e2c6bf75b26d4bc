"""What runs on the machines of a cluster: an actor with one loaded network."""

import dataclasses
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from visioncli import __version__
from visioncli.cluster.piece import Done, Job, do
from visioncli.cluster.plan import Piece
from visioncli.errors import VisionError
from visioncli.runner import usual_workers
from visioncli.tasks.interface import Task

TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error of ours on its way to who started the run: the name of its class and its sentence."""

    kind: str
    sentence: str


class Worker:
    """Does pieces of a run, one at a time. `cpus` are those that it may use."""

    def __init__(self, job: Job, cpus: float) -> None:
        self._job, self._cpus = job, max(1, int(cpus))
        self._task: Task | None = None

    def process(self) -> int:
        """The id of its process."""
        return os.getpid()

    def prepare(self) -> Trouble | None:
        """Loads the network, once; what prevents it."""
        job = self._job
        if self._task is not None:
            return None
        if job.version != __version__:
            words = (
                f"{socket.gethostname()} has vision {__version__}, and this is {job.version}. Install the same one."
            )
            return Trouble("UsageError", words)
        try:
            seen = Path(job.room, TOKEN).read_text()
        except OSError:
            seen = ""
        if seen != job.token:
            return Trouble(
                "OutputError",
                f"{socket.gethostname()} does not see the folder {job.room}. With --on ray the output folder lies "
                "where all machines of the cluster see it under one path.",
            )
        if os.path.isdir(job.here):  # relative paths of inputs begin there
            os.chdir(job.here)
        try:
            self._task = job.make(self._cpus)
        except VisionError as problem:
            return Trouble(type(problem).__name__, f"{socket.gethostname()}: {problem}")
        if dataclasses.asdict(self._task.model) != job.facts["model"]:
            return Trouble(
                "ClusterLost",
                f"{socket.gethostname()} computes in another way than this machine ({self._task.model} there), so "
                "records would differ. Name a precision that both have, such as --precision fp32.",
            )
        return None

    def work(self, piece: Piece) -> Done | Trouble:
        """Does a piece."""
        assert self._task is not None
        options = self._job.options
        if self._job.usual_workers:
            options = dataclasses.replace(options, workers=min(self._cpus, usual_workers()))
        try:
            return do(self._job, piece, self._task, options)
        except VisionError as problem:
            return Trouble(type(problem).__name__, str(problem))
