"""Feature vectors of recordings: the mean over their windows of what a classifier's last layer takes."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visioncli.engines.interface import Engine
from visioncli.errors import InputError
from visioncli.models.row import ModelRow
from visioncli.pictures import Picture
from visioncli.results import Embedding, ModelInfo
from visioncli.sounds import Recording
from visioncli.sounds.spectrogram import pieces, windows
from visioncli.tasks.classify.sound import PIECES_AHEAD, network_input
from visioncli.tasks.embed.unit_length import unit
from visioncli.tasks.interface import Answer, Task


@dataclass(slots=True, eq=False)
class Listening:
    """A recording on its way to the network. It can be read once only, so what came of that is kept."""

    pieces: Iterator[np.ndarray]
    answer: Answer | InputError | None = None


class EmbedSound(Task):
    """One vector a recording, `(F,) float32`; with `normalise` of length 1. Nothing is kept in a cache."""

    name = "embed"
    takes = frozenset({"sound"})

    def __init__(self, row: ModelRow, engine: Engine, *, normalise: bool = False) -> None:
        assert row.sound is not None
        self.row, self.engine, self.spec, self.normalise = row, engine, row.sound, normalise
        self.labels: dict[int, str] = {}
        self.settings: dict[str, Any] = {"normalise": normalise}
        self.parallel = engine.parallel
        self.model = ModelInfo(row.name, row.source.sha256, "fp32")

    def prepare(self, picture: Picture) -> Listening:
        """No picture is taken."""
        raise NotImplementedError

    def prepare_sound(self, recording: Recording) -> Listening:
        """The first minutes of its spectrogram, and the way to the rest."""
        left = pieces(recording, self.spec)
        return Listening(itertools.chain(list(itertools.islice(left, PIECES_AHEAD)), left))

    def predict(self, batch: Sequence[Listening]) -> list[Answer]:
        """One vector for each recording. Raises InputError where one cannot be read on."""
        for one in batch:
            if one.answer is None:
                try:
                    one.answer = self._heard(one)
                except InputError as problem:
                    one.answer = problem
        if problems := [one.answer for one in batch if isinstance(one.answer, InputError)]:
            raise problems[0]
        return [one.answer for one in batch if isinstance(one.answer, Answer)]

    def _heard(self, one: Listening) -> Answer:
        total: np.ndarray | None = None
        count = 0
        for some in windows(one.pieces, self.spec):
            (outputs,) = self.engine.run(network_input(some, self.row))
            added = outputs.sum(axis=0, dtype=np.float64)
            total, count = added if total is None else total + added, count + len(some)
        assert total is not None  # every recording has a window
        # As features of pictures, in fp16.
        found = (total / count).astype(np.float16).astype(np.float32)
        if not np.isfinite(found).all():
            raise InputError("prediction_failed", "Its features are too large for the numbers that they are kept in.")
        found = unit(found) if self.normalise else found
        return Answer((Embedding(len(found), tuple(found.tolist())),))
