"""Object detection: the whole picture, and on demand overlapping tiles of it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from PIL.Image import Image

from visioncli.engines.interface import Engine, EngineOptions
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.models.registry import Hub, ModelRow
from visioncli.models.tta import Tta
from visioncli.pictures import Picture
from visioncli.predictions import Detection
from visioncli.tasks.class_names import parse_classes
from visioncli.tasks.detect.detectors import Boxes, Detector, EfficientDetDetector, Limits, SsdDetector
from visioncli.tasks.detect.fusion import LOG_ODDS
from visioncli.tasks.detect.tiles import Tiling, Window, merge
from visioncli.tasks.detect.together import Member, Together
from visioncli.tasks.detect.torchvision import TorchvisionDetector
from visioncli.tasks.detect.yolo import YoloDetector
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.limits import between_0_and_1
from visioncli.tasks.members import TOGETHER, joint_info, same_classes
from visioncli.tasks.views import chosen_tta, told

WINDOWS_AT_ONCE = 8
"""Larger batches gain nothing on a CPU and hold more memory."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture's windows, the first of which is the whole picture, and the network's input for that one.

    Inputs for tiles are made when their turn comes: a large picture has hundreds, of a megabyte each.
    """

    windows: list[Window]
    whole: Any
    image: Image


class Detect(Task):
    """Finds objects: label, score and box of each, best first. `others` are networks that the detector has beside the
    row's; ids are those of the row."""

    name = "detect"

    def __init__(
        self,
        row: ModelRow,
        detector: Detector,
        *,
        score: float = 0.4,
        iou: float = 0.6,
        max_detections: int = 100,
        classes: str | None = None,
        agnostic: bool = False,
        tile: str | None = None,
        others: Sequence[ModelRow] = (),
        tta: str = Tta.NONE,
    ) -> None:
        between_0_and_1(score=score, iou=iou)
        if max_detections < 1:
            raise UsageError(f"--max-detections must be at least 1, not {max_detections}.")
        self.labels = load_labels(row.labels)
        wanted = parse_classes(classes, self.labels) if classes is not None else None
        self.detector = detector
        self.parallel = detector.parallel
        self.limits = Limits(score, iou, max_detections, wanted, agnostic)
        self.tiling = Tiling.parse(tile) if tile else None
        self.model = joint_info([row, *others], detector.precision)
        self.settings = {
            "score": score,
            "iou": iou,
            "max_detections": max_detections,
            "classes": sorted(wanted) if wanted is not None else None,
            "agnostic": agnostic,
            "tile": [self.tiling.size, self.tiling.overlap] if self.tiling else None,
            "tta": str(tta),
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What a record says of this detector where another network answers by what it finds."""
        return asdict(self.model) | told(self.settings)

    def prepare(self, picture: Picture) -> Prepared:
        """The network's input for the whole picture, and where its tiles lie."""
        whole: list[Window] = [(0, 0, picture.width, picture.height)]
        windows = self.tiling.windows(picture.width, picture.height) if self.tiling else whole
        return Prepared(windows, self.detector.prepare(picture.image), picture.image)

    def predict(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Runs the windows of all pictures together, then sorts them out."""
        return [Answer(self._detections(boxes)) for boxes in self.find(batch)]

    def find(self, batch: Sequence[Prepared]) -> list[Boxes]:
        """The objects of each prepared picture as arrays."""
        found = iter(self._windows(batch))
        answers = []
        for prepared in batch:
            objects = [next(found) for _ in prepared.windows]
            answers.append(objects[0] if len(objects) == 1 else merge(prepared.windows, objects, self.limits))
        return answers

    def _windows(self, batch: Sequence[Prepared]) -> Iterator[Boxes]:
        """The objects of every window of every picture, in order, a handful of windows at a time."""
        waiting = ((prepared, window) for prepared in batch for window in prepared.windows)
        while some := list(itertools.islice(waiting, WINDOWS_AT_ONCE)):
            inputs = [
                prepared.whole
                if window is prepared.windows[0]
                else self.detector.prepare(prepared.image.crop(window))
                for prepared, window in some
            ]
            sizes = [(x2 - x1, y2 - y1) for _, (x1, y1, x2, y2) in some]
            yield from self.detector.detect(inputs, sizes, self.limits)

    def _detections(self, objects: Boxes) -> tuple[Detection, ...]:
        return tuple(
            Detection(self.labels[i], i, float(score), (float(x1), float(y1), float(x2), float(y2)))
            for (x1, y1, x2, y2), score, i in zip(
                objects.boxes, objects.scores, objects.label_ids.tolist(), strict=True
            )
            if i in self.labels  # ids without a category (COCO has ten) are never trained, but never shown either
        )


def default_rows() -> list[ModelRow]:
    """The networks that find objects where none is named; their weights may have to be fetched."""
    return [registry.find(name, "detect") for name in registry.DEFAULTS["detect"].split(TOGETHER)]


def build(
    row: ModelRow,
    options: EngineOptions | None = None,
    *,
    others: Sequence[ModelRow] = (),
    tta: str | None = None,
    **settings: Any,
) -> Detect:
    """The task with its network loaded. Boxes are fused where there are `others`, and with the mirror image.

    Without `tta`, `chosen_tta` decides about that. Raises UsageError where the networks know different classes.
    """
    rows = [row, *others]
    tta = chosen_tta("detect", tta, rows, options)
    if not others and tta == Tta.NONE:
        return Detect(row, open_detector(row, options), **settings)
    members = [
        Member(open_detector(one, options), LOG_ODDS.get(one.name, 0.0) if others else 0.0, ids)
        for one, ids in zip(rows, same_classes(rows), strict=True)
    ]
    return Detect(row, Together(members, flip=tta == Tta.FLIP), others=others, tta=tta, **settings)


def open_detector(row: ModelRow, options: EngineOptions | None = None) -> Detector:
    """The row's network, loaded, with its own pre- and postprocessing."""
    from visioncli.engines import open_engine

    engine = open_engine(row, options)
    detector = detector_on(row, engine)
    detector.precision = engine.precision
    return detector


def detector_on(row: ModelRow, engine: Engine) -> Detector:
    """The pre- and postprocessing of the row's network, which `engine` runs."""
    if isinstance(row.source, Hub):
        from visioncli.tasks.detect.transformers import TransformersDetector

        return TransformersDetector(engine, row.source)
    if row.layout is not None:
        from visioncli.tasks.detect.onnx import OnnxDetector

        return OnnxDetector(row, engine)
    if row.form == "grids":
        return YoloDetector(row, engine)
    if row.form == "anchors":
        return EfficientDetDetector(engine, row.input)
    return TorchvisionDetector(engine) if row.form in ("boxes", "instances", "people") else SsdDetector(engine)
