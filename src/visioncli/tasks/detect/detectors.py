"""Object detectors behind one face: a picture or a part of it in, boxes in pixels out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL.Image import Image, Transpose

from visioncli.engines.interface import Engine
from visioncli.models.row import InputSpec
from visioncli.tasks.detect import efficientdet, ssd


@dataclass(frozen=True, slots=True)
class Boxes:
    """Objects of one picture, best first: `boxes (K, 4)` x1 y1 x2 y2 in pixels, `scores (K,)`, `label_ids (K,)`."""

    boxes: np.ndarray
    scores: np.ndarray
    label_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Limits:
    """Which of a network's boxes count: the options of `vision detect`."""

    score: float = 0.4
    iou: float = 0.6
    most: int = 100
    classes: frozenset[int] | None = None
    agnostic: bool = False


class Detector(ABC):
    """A detection network with its own pre- and postprocessing; `parallel` and `precision` are its engine's."""

    parallel: int = 1
    precision: str = "fp32"

    @abstractmethod
    def prepare(self, image: Image) -> Any:
        """A picture of mode RGB -> the network's input for one picture, without the batch dimension."""

    def prepare_mirrored(self, image: Image, prepared: Any) -> Any:
        """The network's input for the mirror image, where `prepared` is that for the picture itself."""
        return self.prepare(image.transpose(Transpose.FLIP_LEFT_RIGHT))

    @abstractmethod
    def detect(self, inputs: Sequence[Any], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        """The objects of each input; `sizes` are (width, height) of what it was prepared from."""


class SsdDetector(Detector):
    """The embedded SSD: every picture is squashed to 300 x 300."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.parallel = engine.parallel

    def prepare(self, image: Image) -> np.ndarray:
        return ssd.preprocess(image)

    def prepare_mirrored(self, image: Image, prepared: np.ndarray) -> np.ndarray:
        # A squashed picture can be mirrored as well as the picture itself.
        return np.ascontiguousarray(prepared[..., ::-1])

    def detect(self, inputs: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        codes, logits = self._engine.run(np.stack(inputs))
        chosen = _options(limits)
        return [
            Boxes(*ssd.postprocess(code, logit, *size, **chosen))
            for code, logit, size in zip(codes, logits, sizes, strict=True)
        ]


class EfficientDetDetector(Detector):
    """EfficientDet: every picture is framed in grey."""

    def __init__(self, engine: Engine, spec: InputSpec) -> None:
        self._engine, self._spec = engine, spec
        self.parallel = engine.parallel

    def prepare(self, image: Image) -> np.ndarray:
        return efficientdet.preprocess(image, self._spec)

    def prepare_mirrored(self, image: Image, prepared: np.ndarray) -> np.ndarray:
        return efficientdet.mirrored(prepared, *image.size)

    def detect(self, inputs: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        codes, logits = self._engine.run(np.stack(inputs))
        chosen = _options(limits) | {"size": self._spec.size}
        return [
            Boxes(*efficientdet.postprocess(code, logit, *size, **chosen))
            for code, logit, size in zip(codes, logits, sizes, strict=True)
        ]


def _options(limits: Limits) -> dict[str, Any]:
    """Limits as the options of `postprocess`."""
    return {
        "score": limits.score,
        "iou": limits.iou,
        "most": limits.most,
        "classes": limits.classes,
        "agnostic": limits.agnostic,
    }
