"""Feature vectors of recordings: the mean over their windows of what a classifier's last layer takes."""

from typing import Any

import numpy as np

from visioncli.engines.interface import Engine
from visioncli.errors import InputError
from visioncli.models.row import ModelRow
from visioncli.predictions import Embedding
from visioncli.results import ModelInfo
from visioncli.sounds.spectrogram import windows
from visioncli.tasks.classify.sound import network_input
from visioncli.tasks.embed.unit_length import unit
from visioncli.tasks.interface import Answer
from visioncli.tasks.listening import Listening, ListeningTask


class EmbedSound(ListeningTask):
    """One vector a recording, `(F,) float32`; with `normalise` of length 1. Nothing is kept in a cache."""

    name = "embed"

    def __init__(self, row: ModelRow, engine: Engine, *, normalise: bool = False) -> None:
        assert row.sound is not None
        self.row, self.engine, self.spec, self.normalise = row, engine, row.sound, normalise
        self.labels: dict[int, str] = {}
        self.settings: dict[str, Any] = {"normalise": normalise}
        self.parallel = engine.parallel
        self.model = ModelInfo(row.name, row.source.sha256, "fp32")

    def heard(self, one: Listening) -> Answer:
        """The mean of the features of its windows."""
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
