"""Mask R-CNN: a mask for each object, the network's own."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from visioncli.engines.interface import Engine
from visioncli.models.labels import load_labels
from visioncli.models.registry import ModelRow
from visioncli.pictures import Picture
from visioncli.predictions import Segment
from visioncli.results import ModelInfo
from visioncli.tasks.class_names import parse_classes
from visioncli.tasks.detect.detectors import Limits
from visioncli.tasks.detect.torchvision import as_input, choose
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.limits import between_0_and_1
from visioncli.tasks.segment.masks import bounding_box, segment_fields

# The network scales longer sides down to this anyway; doing it before keeps its full-size masks small.
_LONGEST = 1333
# Torchvision's references cut soft masks here.
_INSIDE = 0.5


class InstanceTask(Task):
    """Objects with masks, best first."""

    name = "segment"

    def __init__(
        self,
        row: ModelRow,
        engine: Engine,
        *,
        score: float = 0.4,
        iou: float = 1.0,
        classes: str | None = None,
        polygons: bool = False,
    ) -> None:
        between_0_and_1(score=score)
        self._engine, self._polygons = engine, polygons
        self.labels = load_labels(row.labels)
        wanted = parse_classes(classes, self.labels) if classes is not None else None
        self._limits = Limits(score, iou, 100, wanted)
        self.model = ModelInfo(row.name, row.source.sha256, engine.precision)
        self.settings = {
            "mode": "instance",
            "score": score,
            "classes": sorted(wanted) if wanted is not None else None,
            "polygons": polygons,
        }

    def prepare(self, picture: Picture) -> tuple[np.ndarray, int, int]:
        """The picture, its longer side at most 1333 pixels, and its own width and height."""
        image, longest = picture.image, max(picture.width, picture.height)
        if longest > _LONGEST:
            size = [max(1, round(n * _LONGEST / longest)) for n in (picture.width, picture.height)]
            image = image.resize((size[0], size[1]), Image.Resampling.BILINEAR)
        return np.asarray(image), picture.width, picture.height

    def predict(self, batch: Sequence[tuple[np.ndarray, int, int]]) -> list[Answer]:
        """One picture after the other: masks of a batch would fill the memory."""
        return [self._answer(*prepared) for prepared in batch]

    def _answer(self, rgb: np.ndarray, width: int, height: int) -> Answer:
        classes = np.zeros((height, width), np.uint8)
        segments = []
        for segment, inside in self.instances(rgb, width, height):
            # Better objects come first and keep their pixels.
            classes[inside & (classes == 0)] = segment.label_id
            segments.append(segment)
        return Answer(tuple(segments), arrays={"classes": classes})

    def instances(self, rgb: np.ndarray, width: int, height: int) -> Iterator[tuple[Segment, np.ndarray]]:
        """The objects in `(h, w, 3) uint8`, best first, with their masks `(height, width) bool`.

        Masks and boxes are in pixels of a picture of `width` x `height`.
        """
        boxes, labels, scores, masks = (a[0] for a in self._engine.run(as_input(rgb)))
        labels = labels.astype(int)
        for n in choose(boxes, labels, scores, self._limits).tolist():
            mask = masks[n, 0]
            if mask.shape != (height, width):
                mask = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR))
            inside = mask > _INSIDE
            label_id = int(labels[n])
            if not inside.any() or label_id not in self.labels:
                continue
            fields = segment_fields(inside, with_polygons=self._polygons)
            box = bounding_box(inside)
            yield Segment(self.labels[label_id], label_id, **fields, score=float(scores[n]), box=box), inside
