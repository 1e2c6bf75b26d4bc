"""Image classification: resize, centre crop, network, softmax or sigmoid, the best k classes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from visioncli.engines.interface import Engine, EngineOptions
from visioncli.errors import UsageError
from visioncli.models.labels import load_labels
from visioncli.models.registry import Hub, ModelRow
from visioncli.models.tta import Tta, is_mirrored
from visioncli.pictures import Picture
from visioncli.predictions import Classification
from visioncli.results import ModelInfo
from visioncli.tasks.classify.scores import are_probabilities, best, check_choice, least_scores, probabilities
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.preprocess import preprocess

Preprocess = Callable[[Image.Image], np.ndarray]
"""A picture of mode RGB -> `(3, h, w) float32`."""


class Classify(Task):
    """Names what a picture shows, best first; at most `top_k` classes with a score of at least `threshold`.

    Without a `threshold`, each class of a network of several labels a picture has its own, and others have none. With
    `tta` flip, probabilities are the mean of the picture's and its mirror image's.
    """

    name = "classify"

    def __init__(
        self,
        row: ModelRow,
        engine: Engine,
        *,
        top_k: int = 5,
        threshold: float | None = None,
        own_preprocess: Preprocess | None = None,
        own_softmax: bool = False,
        tta: str = Tta.NONE,
    ) -> None:
        check_choice(top_k, threshold)
        self.engine, self.spec = engine, row.input
        self.labels = load_labels(row.labels)
        self.top_k, self.row = top_k, row
        self.least = least_scores(row, threshold)
        self._own_preprocess, self._own_softmax = own_preprocess, own_softmax
        self._flip = is_mirrored("classify", tta)
        self.parallel = engine.parallel
        # Twice the side that it is resized to: the resampling filter then still sees every detail that it lets pass.
        self.enough = None if own_preprocess else 2 * max(row.input.size, row.input.resize)
        self.model = ModelInfo(row.name, row.source.sha256, engine.precision)
        self.settings = {"top_k": top_k, "threshold": threshold, "tta": str(tta)}

    @property
    def thresholds(self) -> tuple[float, ...]:
        """(C,) of a network of several labels a picture, from which on a class is its answer; else empty."""
        return self.row.thresholds

    def prepare(self, picture: Picture) -> np.ndarray:
        """`(3, S, S) float32`."""
        if self._own_preprocess is not None:
            return self._own_preprocess(picture.image)
        return preprocess(picture.image, self.spec)

    def predict(self, batch: Sequence[np.ndarray]) -> list[Answer]:
        """Probabilities of the network's logits, then the best classes of each picture."""
        return self.answers(self.scores(batch))

    def scores(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        """`(N, C) float32`: the probabilities of all classes."""
        x = np.stack(batch)
        found = self._probabilities(x)
        if self._flip:
            found = (found + self._probabilities(np.ascontiguousarray(x[..., ::-1]))) / 2
        return found

    def _probabilities(self, x: np.ndarray) -> np.ndarray:
        (outputs,) = self.engine.run(x)
        ready = self._own_softmax and not self.row.thresholds and are_probabilities(outputs)
        return outputs if ready else probabilities(outputs, self.row)

    def answers(self, scores: np.ndarray) -> list[Answer]:
        """The best classes of each picture, from what `scores` gave."""
        return [Answer(self._best(row)) for row in scores]

    def _best(self, scores: np.ndarray) -> tuple[Classification, ...]:
        return best(scores, self.least, self.top_k, self.labels)


def build(row: ModelRow, options: EngineOptions | None = None, *, windows: bool = False, **settings: Any) -> Task:
    """The task with its network loaded. Raises UsageError for settings that are not for pictures, or recordings."""
    if row.sound is not None:
        from visioncli.tasks.classify import sound

        if settings.pop("tta", Tta.NONE) != Tta.NONE:
            raise UsageError(
                f"--tta is for pictures: a mirrored recording runs backwards, and {row.name} hears that."
            )
        return sound.build(row, options, each_window=windows, **settings)
    if windows:
        raise UsageError(f"--windows is for recordings, and {row.name} looks at pictures.")
    return build_for_pictures(row, options, **settings)


def build_for_pictures(row: ModelRow, options: EngineOptions | None = None, **settings: Any) -> Classify:
    """As `build`, of a network of pictures."""
    from visioncli.engines import open_engine

    engine = open_engine(row, options)
    if isinstance(row.source, Hub) and row.source.library == "transformers":
        from visioncli.tasks.transformers import preprocessor

        settings["own_preprocess"] = preprocessor(row.source)
    return Classify(row, engine, own_softmax=row.architecture == "onnx", **settings)
