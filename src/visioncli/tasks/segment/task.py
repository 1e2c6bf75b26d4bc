"""Segmentation: a class for each pixel, a mask for each detected object, or the foreground.

The embedded network knows classes, not objects. Instance masks are therefore an approximation: the class mask
inside the detected box of the same class, and marked so in every record.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL.Image import Image

from visioncli.engines.interface import EngineOptions
from visioncli.errors import UsageError
from visioncli.models.labels import load_labels
from visioncli.models.registry import Hub, ModelRow
from visioncli.models.tta import SegmentTta, known_tta
from visioncli.pictures import Picture
from visioncli.predictions import Segment
from visioncli.results import ModelInfo
from visioncli.tasks.beforehand import check_mode, check_tile, check_views
from visioncli.tasks.detect.detectors import Boxes
from visioncli.tasks.detect.task import Detect
from visioncli.tasks.detect.task import Prepared as PreparedDetection
from visioncli.tasks.detect.tiles import Tiling, Window
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.segment.deeplab import resize_alpha, resize_logits
from visioncli.tasks.segment.masks import bounding_box, segment_fields
from visioncli.tasks.segment.offset import moved
from visioncli.tasks.segment.segmenters import DeeplabSegmenter, DenseSegmenter, PlainSegmenter, Segmenter
from visioncli.tasks.segment.tiles import AUTO, LARGE, blend
from visioncli.tasks.views import VIEWS, chosen_tta, seen, seen_back

MODES = ("semantic", "instance", "foreground")
DEFAULT_SIZE = 513
BACKGROUND = 0
FOREGROUND = "foreground"

COCO_NAME_OF_VOC = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}
"""Pascal VOC classes that COCO calls otherwise; the other fourteen have the same name in both."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The network's input `(3, h, w)`, the picture's size, and the detector's input in instance mode.

    With a `tiling` inputs are made tile by tile when their turn comes, of the `image`.
    """

    x: np.ndarray | None
    width: int
    height: int
    detection: PreparedDetection | None = None
    image: Image | None = None
    tiling: Tiling | None = None


class SegmentTask(Task):
    """Masks at the picture's full size: logits are enlarged, then the best class is taken, so edges are smooth.

    With `tta` flip they are the mean of the picture's and its mirror image's (`flip` is short for that), with turns
    that of all eight ways to turn it by quarters and mirror it.
    """

    name = "segment"

    def __init__(
        self,
        row: ModelRow,
        segmenter: Segmenter,
        *,
        mode: str = "semantic",
        size: int = DEFAULT_SIZE,
        tta: str = SegmentTta.NONE,
        flip: bool = False,
        polygons: bool = False,
        detector: Detect | None = None,
        tile: str | None = None,
    ) -> None:
        check_options(mode, size or DEFAULT_SIZE)
        if mode == "instance" and detector is None:
            raise UsageError("Instance masks need a detector.")
        self._segmenter, self._mode, self._size = segmenter, mode, size
        self._tta = SegmentTta.FLIP if flip else SegmentTta(known_tta("segment", tta))
        self._polygons, self._detector, self._offset = polygons, detector, row.offset
        self._tiling = Tiling.parse(tile) if tile else None
        self.parallel = segmenter.parallel if detector is None else min(segmenter.parallel, detector.parallel)
        self._classes = load_labels(row.labels)
        self.labels = self._classes
        # Some data sets, such as ADE20K, give every pixel a class: there, 0 is one of them.
        self._has_background = self._classes.get(BACKGROUND, "background").strip("_").casefold() == "background"
        if mode == "foreground" and not self._has_background:
            raise UsageError(f"{row.name} knows no background, so it cannot cut out a foreground.")
        if detector is not None:
            voc = {COCO_NAME_OF_VOC.get(name, name): i for i, name in self._classes.items()}
            self._voc_of = {i: voc[name] for i, name in detector.labels.items() if name in voc}
            self.labels = {i: detector.labels[i] for i in self._voc_of}
        elif mode == "foreground":
            self.labels = {1: FOREGROUND}
        self.model = ModelInfo(row.name, row.source.sha256, segmenter.precision)
        self.settings = {
            "mode": mode,
            "size": size,
            "tta": str(self._tta),
            "polygons": polygons,
            "detector": asdict(detector.model) | detector.settings if detector else None,
            "tile": [self._tiling.size, self._tiling.overlap] if self._tiling else None,
        }

    def prepare(self, picture: Picture) -> Prepared:
        """The picture at about `size` x `size` pixels, in its own shape, or what its tiles are made of."""
        width, height = picture.width, picture.height
        detection = self._detector.prepare(picture) if self._detector else None
        tiling = self._tiling
        if tiling is None and self._segmenter.own_scale and width * height > LARGE:
            tiling = AUTO
        if tiling is not None and max(width, height) > tiling.size:
            return Prepared(None, width, height, detection, picture.image, tiling)
        return Prepared(self._segmenter.prepare(picture.image, self._size), width, height, detection)

    def predict(self, batch: Sequence[Prepared]) -> list[Answer]:
        """One picture after the other: shapes differ, and memory stays flat."""
        objects: list[Boxes | None] = [None] * len(batch)
        if self._detector is not None:
            objects = list(self._detector.find([p.detection for p in batch if p.detection is not None]))
        return [self._answer(p, found) for p, found in zip(batch, objects, strict=True)]

    def _logits(self, x: np.ndarray) -> np.ndarray:
        views = VIEWS[self._tta]
        logits = self._segmenter.logits(x)
        if len(views) > 1:
            for view in views[1:]:
                logits = logits + seen_back(self._segmenter.logits(seen(x, *view)), *view)
            logits = logits / len(views)
        return moved(logits, self._offset) if self._offset else logits

    def _map(self, prepared: Prepared) -> np.ndarray:
        """The picture's classes, or in foreground mode how much each pixel is foreground, `(H, W) uint8`."""
        cut_out = self._mode == "foreground"
        width, height, image, tiling = prepared.width, prepared.height, prepared.image, prepared.tiling
        if image is None or tiling is None:
            assert prepared.x is not None
            read = self._segmenter.alpha if cut_out else self._segmenter.classes
            return read(self._logits(prepared.x), height, width)

        def logits_of(window: Window) -> np.ndarray:
            logits = self._logits(self._segmenter.prepare(image.crop(window), self._size))
            return self._segmenter.enlarged(logits, window[3] - window[1], window[2] - window[0])

        # Blended logits have a cell a pixel.
        own = partial(resize_alpha, stride=1) if cut_out else partial(resize_logits, stride=1)
        return blend(tiling, width, height, logits_of, own)

    def _answer(self, prepared: Prepared, objects: Boxes | None) -> Answer:
        classes = self._map(prepared)
        if self._mode == "foreground":
            return self._foreground(classes)
        if objects is not None:
            return self._instances(classes, objects)
        # Row by row: what counts bytes makes whole numbers of eight times their size of them.
        counts = sum(np.bincount(row, minlength=256) for row in classes)
        present = [int(i) for i in np.flatnonzero(counts) if i != BACKGROUND or not self._has_background]
        segments = [
            Segment(self._classes.get(i, str(i)), i, **segment_fields(classes == i, with_polygons=self._polygons))
            for i in present
        ]
        segments.sort(key=lambda s: (-s.area, s.label_id))
        return Answer(tuple(segments), arrays={"classes": classes})

    def _foreground(self, alpha: np.ndarray) -> Answer:
        mask = alpha >= 128
        arrays = {"alpha": alpha, "classes": mask.astype(np.uint8)}
        if not mask.any():
            return Answer((), arrays=arrays)
        fields = segment_fields(mask, with_polygons=self._polygons)
        return Answer((Segment(FOREGROUND, 1, **fields, box=bounding_box(mask)),), arrays=arrays)

    def _instances(self, classes: np.ndarray, objects: Boxes) -> Answer:
        left_out: dict[str, int] = {}
        known = []
        assert self._detector is not None
        for n, i in enumerate(objects.label_ids.tolist()):
            if i in self._voc_of:
                known.append(n)
            else:
                name = self._detector.labels.get(i, str(i))
                left_out[name] = left_out.get(name, 0) + 1
        masks = split_class_masks(
            classes, objects.boxes[known], np.array([self._voc_of[objects.label_ids[n]] for n in known], int)
        )
        segments, empty = [], 0
        for n, mask in zip(known, masks, strict=True):
            if not mask.any():
                empty += 1
                continue
            i = int(objects.label_ids[n])
            fields = segment_fields(mask, with_polygons=self._polygons)
            segments.append(
                Segment(
                    self.labels[i],
                    i,
                    **fields,
                    score=float(objects.scores[n]),
                    box=bounding_box(mask),
                    approximate=True,
                )
            )
        extra: dict[str, Any] = {"approximate": True, "detector": self._detector.facts}
        if left_out:
            extra["left_out"] = left_out
        if empty:
            extra["without_pixels"] = empty
        return Answer(tuple(segments), extra, {"classes": classes})


def check_options(mode: str, size: int) -> None:
    """Raises UsageError for an unknown mode or an impossible size."""
    if mode not in MODES:
        raise UsageError(f"--mode is one of {', '.join(MODES)}, not {mode!r}.")
    if not 33 <= size <= 4097:
        raise UsageError(f"--size lies between 33 and 4097 pixels, not {size}.")


def split_class_masks(classes: np.ndarray, boxes: np.ndarray, class_ids: np.ndarray) -> list[np.ndarray]:
    """For each box `(K, 4)` x1 y1 x2 y2 the pixels of its class inside it, `(H, W) bool`.

    Where boxes of one class overlap, a pixel belongs to the one whose centre is nearer, measured in box sizes.
    """
    height, width = classes.shape
    masks = []
    for n, box in enumerate(boxes):
        x1, y1 = max(int(np.floor(box[0])), 0), max(int(np.floor(box[1])), 0)
        x2, y2 = min(int(np.ceil(box[2])), width), min(int(np.ceil(box[3])), height)
        inside = classes[y1:y2, x1:x2] == class_ids[n]
        own = _distance(box, x1, y1, x2, y2)
        for m in np.flatnonzero(class_ids == class_ids[n]):
            if m != n and _overlap(boxes[m], box):
                other = _distance(boxes[m], x1, y1, x2, y2)
                # Equal distances go to the first, the better score.
                inside &= (own < other) | ((own == other) & (n < m)) | (other > 1)
        mask = np.zeros((height, width), bool)
        mask[y1:y2, x1:x2] = inside
        masks.append(mask)
    return masks


def _distance(box: np.ndarray, x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    """From the box's centre to each pixel of a window, where 1 is the box's border."""
    half_width, half_height = max((box[2] - box[0]) / 2, 0.5), max((box[3] - box[1]) / 2, 0.5)
    across = np.abs(np.arange(x1, x2) + 0.5 - (box[0] + box[2]) / 2) / half_width
    down = np.abs(np.arange(y1, y2) + 0.5 - (box[1] + box[3]) / 2) / half_height
    distance: np.ndarray = np.maximum(across[None, :], down[:, None])
    return distance


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


def build(
    row: ModelRow,
    options: EngineOptions | None = None,
    *,
    score: float = 0.4,
    classes: str | None = None,
    detector: Sequence[ModelRow] = (),
    tta: str | None = None,
    flip: bool = False,
    **settings: Any,
) -> Task:
    """The task with its network loaded, and where instances are approximated those of `detector`, whose boxes are
    fused if they are several."""
    from visioncli.engines import open_engine
    from visioncli.tasks.detect import task as detect
    from visioncli.tasks.segment.torchvision import InstanceTask

    mode, size = settings.get("mode", "semantic"), settings.get("size", DEFAULT_SIZE)
    check_options(mode, size)
    check_mode(row, mode)
    check_tile(row, settings.get("tile"))
    if flip:
        tta = SegmentTta.FLIP
    check_views(row, tta, mode)
    if row.form == "instances":
        engine = open_engine(row, options)
        return InstanceTask(row, engine, score=score, classes=classes, polygons=settings.get("polygons", False))
    finder = None
    if mode == "instance":
        if row.labels != "voc":
            raise UsageError(
                f"Instance masks are approximated with networks that know Pascal VOC's classes, not with {row.name}."
            )
        first, *others = detector or detect.default_rows()
        finder = detect.build(first, options, others=others, tta=tta, score=score, classes=classes)
    if size == DEFAULT_SIZE and row.form in ("pixels", "saliency", "dense"):
        settings["size"] = row.input.resize if row.form == "dense" else row.input.size
    size = settings.get("size", size)
    views = chosen_tta("segment", tta, [row], options)
    return SegmentTask(row, open_segmenter(row, options, size), tta=views, detector=finder, **settings)


def open_segmenter(row: ModelRow, options: EngineOptions | None = None, size: int = DEFAULT_SIZE) -> Segmenter:
    """The row's network, loaded, for pictures of `size`."""
    from visioncli.engines import open_engine

    engine = open_engine(row, options)
    if isinstance(row.source, Hub):
        from visioncli.tasks.segment.transformers import TransformersSegmenter

        return TransformersSegmenter(engine, row.source)
    if row.layout is not None:
        from visioncli.tasks.segment.onnx import OnnxSegmenter

        return OnnxSegmenter(row, engine)
    if row.form == "saliency":
        from visioncli.tasks.segment.saliency import SaliencySegmenter

        return SaliencySegmenter(engine, row.input)
    if row.form == "dense":
        return DenseSegmenter(engine, row.input, size)
    return PlainSegmenter(engine, row.input) if row.form == "pixels" else DeeplabSegmenter(engine)
