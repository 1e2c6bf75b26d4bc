"""What a task is: pictures or recordings in, predictions out, with the network in between."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from visioncli.inputs.sources import Item
from visioncli.pictures import Picture
from visioncli.predictions import Window
from visioncli.results import ModelInfo, Record
from visioncli.sounds import Recording

Medium = Literal["picture", "sound"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A task's answer for one picture or recording.

    `extra` holds facts about the picture as a whole; `arrays` what only files are made of, such as label maps.
    `windows` is what was heard when; `model` is the network, where a task has several.
    """

    predictions: tuple[Any, ...]
    extra: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    windows: tuple[Window, ...] | None = None
    model: ModelInfo | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a task knows of a picture without decoding it: its size in pixels and the answer."""

    width: int
    height: int
    answer: Answer


class Task(ABC):
    """Preprocessing, network and postprocessing of one kind of prediction.

    `prepare` runs in decoding threads, one picture at a time; `predict` runs on any number of prepared
    pictures, in as many threads as `parallel` says, and what it answers for one of them never depends on the others.
    """

    name: ClassVar[str]
    takes: frozenset[Medium] = frozenset({"picture"})
    """What inputs may be."""
    model: ModelInfo
    labels: dict[int, str]
    """Category id -> name of everything that the network can answer."""
    parallel: int = 1
    """How many threads may call `predict` at the same time to any use."""
    enough: int | None = None
    """The pixels on a picture's shorter side beyond which more of them change nothing; None where all may matter, as
    they do for whatever has coordinates: those are pixels of the whole picture, and so are drawings of them."""
    settings: dict[str, Any]
    """Every option that affects the result, as JSON values (`--resume` compares them)."""

    @abstractmethod
    def prepare(self, picture: Picture) -> Any:
        """What the network needs of a picture, in numpy."""

    def prepare_item(self, item: Item, picture: Picture) -> Any:
        """As `prepare`, for a task to which it matters where the picture comes from."""
        return self.prepare(picture)

    def prepare_sound(self, recording: Recording) -> Any:
        """What the network needs of a recording, at least of its beginning, for a task that takes some.

        `predict` may read the rest, once.
        """
        raise NotImplementedError

    def recall(self, item: Item) -> Known | None:
        """The answer for an input, where the task knows it already; asked in decoding threads before it is read."""
        return None

    def take_over(self, item: Item, record: Record) -> Record | None:
        """An earlier run's record of this input as this run gives it again; None where it must be made anew."""
        return record

    def keep(self) -> None:  # noqa: B027 - most tasks keep nothing
        """Hands over what the task keeps for later runs; called when a run is over."""

    @abstractmethod
    def predict(self, batch: Sequence[Any]) -> list[Answer]:
        """One answer for each prepared picture, in their order."""
