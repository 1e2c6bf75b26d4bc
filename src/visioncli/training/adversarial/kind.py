"""What the runs that make pictures differ in: reading, the networks, what is kept, and how it ends. One file each."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from visioncli.errors import UsageError
from visioncli.models.row import ModelRow
from visioncli.training.data.ready import Ready
from visioncli.training.one_run import Where
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Log, Watcher
from visioncli.weights.downloads import Access

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from visioncli.training.adversarial.game import Game
    from visioncli.training.job import Job

R = TypeVar("R", bound=Ready)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user named: the pictures `data`, and how they are to be read; `judge` is a classifier of the user's,
    and `weights` are what nothing begins with here."""

    data: str
    images: str | None = None
    judge: str | None = None
    weights: str | None = None
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True, eq=False)
class Ended(Generic[R]):
    """What is known of a run when its loop has ended."""

    folder: Path
    ready: R
    job: "Job"
    where: Where
    begun: float
    command: tuple[str, ...]
    log: Log
    watcher: Watcher
    averages: "Mapping[str, Mapping[str, Tensor]]"
    """The tensors of the averaged networks by name, as they were kept last."""


class Kind(ABC, Generic[R]):
    """One kind of run: `generate`, `translate`. It imports torch only where it is asked to build something."""

    task: str
    default: str
    """The network that is begun with where none is named."""
    least_batch = 1

    @abstractmethod
    def prepare(self, asked: Asked, base: ModelRow, recipe: Recipe, where: Where, watcher: Watcher) -> R:
        """Reads every picture once. Raises UsageError and SetError, also where there are too few to learn from."""

    @abstractmethod
    def row(self, ready: R) -> ModelRow:
        """The row of the network that becomes the model: its architecture, labels and input are this run's."""

    @abstractmethod
    def plan(self, ready: R, recipe: Recipe) -> tuple[int, int, dict[str, Any]]:
        """Epochs, pictures a step, and what else was chosen by the data, as JSON values: the job's `settings`."""

    @abstractmethod
    def game(self, ready: R, row: ModelRow, job: "Job", device: "torch.device", asked: Asked) -> "Game":
        """The game with new networks, the same for a seed."""

    @abstractmethod
    def keep(self, folder: Path, row: ModelRow, averages: "Mapping[str, Mapping[str, Tensor]]", facts: Any) -> None:
        """Writes the model as it is so far, with `facts` of how far it has learned."""

    @abstractmethod
    def finish(self, ended: Ended[R], row: ModelRow, game: "Game") -> None:
        """Measures the kept model with more pictures, and writes all that belongs to a finished folder. The game's
        averaged networks have their averages, in inference mode."""

    @abstractmethod
    def seconds_to_finish(self, ready: R) -> float:
        """How long that will take, about."""

    def noun(self, ready: R) -> str:
        """What is learned, for the first sentence."""
        return f"{len(ready.seen):,} pictures"

    def check(self, choices: Mapping[str, Any]) -> None:
        """Raises UsageError for choices that mean nothing here."""
        for name, option in NOT_HERE.items():
            if choices.get(name) not in (None, USUAL.get(name)):
                raise UsageError(f"{option} does not go with --task {self.task}. Leave it out.")
        if choices.get("batch_size") == 1 and self.least_batch > 1:
            raise UsageError("--batch-size is at least 2: batch normalisation has nothing to go by in one picture.")


NOT_HERE = {
    "start": "--from",
    "unfreeze": "--unfreeze",
    "turns": "--turns",
    "dropout": "--dropout",
    "views": "--views",
    "ignore_index": "--ignore-index",
    "balance": "--balance",
    "patience": "--patience",
}
"""Choices of other tasks, by the names of the recipe."""

USUAL = {"balance": "auto", "patience": 10}
"""What a choice is where nobody chose."""
