"""Naming what is to be heard in a recording: windows of its spectrogram, network, and the mean over all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from visioncli.engines.interface import Engine, EngineOptions
from visioncli.models.labels import load_labels
from visioncli.models.registry import ModelRow
from visioncli.models.sound import SoundSpec
from visioncli.predictions import Classification, Window
from visioncli.results import ModelInfo
from visioncli.sounds.pictures import as_picture
from visioncli.sounds.spectrogram import Pool, drawing, windows
from visioncli.tasks.classify.scores import best, check_choice, least_scores, probabilities
from visioncli.tasks.interface import Answer
from visioncli.tasks.listening import Listening, ListeningTask
from visioncli.tasks.preprocess import preprocess

MOST_COLUMNS = 2048
"""What is drawn of a recording has at most so many columns."""


class ClassifySound(ListeningTask):
    """Names what is to be heard, best first: at most `top_k` classes with a score of at least `threshold`.

    Scores of a recording are the mean of those of its windows, as YAMNet's authors take it. With `each_window` the
    answer has those of each window too. Memory does not grow with the length of a recording, but for these.
    """

    name = "classify"

    def __init__(
        self,
        row: ModelRow,
        engine: Engine,
        *,
        top_k: int = 5,
        threshold: float | None = None,
        each_window: bool = False,
    ) -> None:
        assert row.sound is not None
        check_choice(top_k, threshold)
        self.row, self.engine, self.spec, self.top_k = row, engine, row.sound, top_k
        self.labels = load_labels(row.labels)
        self.least = least_scores(row, threshold)
        self.parallel = engine.parallel
        self.model = ModelInfo(row.name, row.source.sha256, engine.precision)
        self.settings = {"top_k": top_k, "threshold": threshold, "windows": each_window}

    @property
    def thresholds(self) -> tuple[float, ...]:
        """(C,) of a network of several labels a recording, from which on a class is its answer; else empty."""
        return self.row.thresholds

    def scores(self, some: np.ndarray) -> np.ndarray:
        """`(N, frames, mels) uint8` windows -> `(N, C) float32`: the probabilities of all classes."""
        (outputs,) = self.engine.run(network_input(some, self.row))
        if self.row.answer is not None:
            outputs = (outputs.astype(np.float32) - self.row.answer.zero) * np.float32(self.row.answer.step)
        return probabilities(outputs, self.row)

    def heard(self, one: Listening) -> Answer:
        """The mean over its windows, and what is drawn of it."""
        drawn, course = Pool(MOST_COLUMNS), Pool(MOST_COLUMNS)
        total = np.zeros(len(self.labels))
        found: list[tuple[Classification, ...]] = []

        for some in windows(one.drawn_in(drawn), self.spec):
            scores = self.scores(some)
            total += scores.sum(axis=0, dtype=np.float64)
            course.add(np.rint(scores * 255).astype(np.uint8))
            if self.settings["windows"]:
                found += [self._best(row) for row in scores]
        mean = (total / course.count).astype(np.float32)
        predictions = self._best(mean)
        seconds = one.recording.seconds
        listed = timed(found, self.spec, seconds) if self.settings["windows"] else None
        ids = [prediction.label_id for prediction in predictions]
        arrays = {
            **drawing(drawn, self.spec, seconds),
            "scores": mean,
            "course": course.rows()[:, ids],
            "course_seconds": np.array(course.each * self.spec.step * self.spec.hop / self.spec.rate),
        }
        return Answer(predictions, arrays=arrays, windows=listed)

    def _best(self, scores: np.ndarray) -> tuple[Classification, ...]:
        return best(scores, self.least, self.top_k, self.labels)


def network_input(some: np.ndarray, row: ModelRow) -> np.ndarray:
    """`(N, frames, mels) uint8` windows as the row's network takes them: as they are, `(N, 1, frames, mels) uint8`,
    or as pictures, `(N, 3, S, S) float32`."""
    if row.form == "sound":
        return np.ascontiguousarray(some[:, None])
    return np.stack([preprocess(as_picture(one), row.input) for one in some])


def timed(found: Sequence[tuple[Classification, ...]], spec: SoundSpec, seconds: float) -> tuple[Window, ...]:
    """What was heard in each window of a recording so many `seconds` long, with its time; the last ends with it."""
    step = spec.step * spec.hop / spec.rate
    return tuple(
        Window(n * step, max(min(n * step + spec.seconds, seconds), n * step), predictions)
        for n, predictions in enumerate(found)
    )


def build(row: ModelRow, options: EngineOptions | None = None, **settings: Any) -> ClassifySound:
    """The task with its network loaded."""
    from visioncli.engines import open_engine

    return ClassifySound(row, open_engine(row, options), **settings)
