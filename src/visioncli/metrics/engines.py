"""Who computes the official COCO numbers: hotcoco where it is installed, pycocotools, or our own numpy.

pycocotools is the reference. It takes minutes for a million boxes, so large comparisons go to numpy, which gives the
same numbers (tests hold the two together). hotcoco is the extra `fast`.
"""

import contextlib
import importlib.util
import io
from enum import StrEnum
from typing import Any

import numpy as np

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import Annotations
from visioncli.errors import UsageError
from visioncli.metrics.average_precision import DETECTION, KEYPOINTS, Curves, Hits, Protocol, coco_curves
from visioncli.metrics.pairs import Kind

LARGE = 20_000
"""Objects of both sides beyond which pycocotools is not asked: it then takes longer than a few seconds."""
HUGE = 2_000_000
"""Objects beyond which hotcoco is not chosen either: it takes a Python object a box, a gigabyte a million."""


class Engine(StrEnum):
    """Who computes the official numbers."""

    AUTO = "auto"
    PYCOCOTOOLS = "pycocotools"
    HOTCOCO = "hotcoco"
    NUMPY = "numpy"


IOU_TYPES = {Kind.BOXES: "bbox", Kind.MASKS: "segm", Kind.KEYPOINTS: "keypoints"}


def choose(engine: Engine, data: Aligned) -> Engine:
    """The engine that will do the work. Raises UsageError where hotcoco is asked for and cannot serve."""
    installed = importlib.util.find_spec("hotcoco") is not None
    # hotcoco, like pycocotools, overwrites `ignore` with `iscrowd`, and offers no place to prevent it.
    apart = bool((data.truth.ignore & ~data.truth.crowd).any())
    if engine is Engine.HOTCOCO:
        if not installed:
            raise UsageError("hotcoco is not installed; install it with: pip install 'visioncli[fast]'")
        if apart:
            raise UsageError(
                "The truth has objects marked `ignore`, which hotcoco does not keep apart from crowds; "
                "use --engine pycocotools or numpy."
            )
    if engine is not Engine.AUTO:
        return engine
    objects = len(data.truth) + len(data.detections)
    if installed and not apart and objects <= HUGE:
        return Engine.HOTCOCO
    return Engine.NUMPY if objects > LARGE else Engine.PYCOCOTOOLS


def protocol_of(kind: Kind) -> Protocol:
    """What the official evaluation of boxes, masks or keypoints looks at."""
    return KEYPOINTS if kind is Kind.KEYPOINTS else DETECTION


def curves(engine: Engine, kind: Kind, data: Aligned, hits: Hits | None) -> Curves:
    """Precision and recall of every class by the chosen engine (not AUTO); numpy needs `hits`, the others do not."""
    protocol = protocol_of(kind)
    if engine is Engine.NUMPY:
        assert hits is not None
        return coco_curves(data.truth, data.detections, hits, len(data.categories), protocol)
    precision, recall = _reference(engine, kind, data)
    top = precision[..., -1]
    return Curves(np.where(top < 0, np.nan, top), np.where(recall < 0, np.nan, recall), protocol, engine.value)


def _rows(side: Annotations, kind: Kind, truth: bool) -> list[dict[str, Any]]:
    """COCO annotations numbered anew from 1: the reference takes an object with id 0 for unmatched."""
    columns: dict[str, list[Any]] = {
        "image_id": (side.image + 1).tolist(),
        "category_id": (side.category + 1).tolist(),
        "bbox": side.xywh.tolist(),
        "area": side.area.tolist(),
    }
    if truth:
        columns["iscrowd"] = side.crowd.astype(int).tolist()
        columns["ignore"] = side.ignore.astype(int).tolist()
    else:
        columns["iscrowd"] = [0] * len(side)
        columns["score"] = side.score.tolist()
    if kind is Kind.MASKS:
        # Copies, because the reference may alter them, and text, because hotcoco reads JSON values.
        columns["segmentation"] = [
            {"size": list(m["size"]), "counts": m["counts"].decode("ascii")} for m in side.masks or ()
        ]
    if kind is Kind.KEYPOINTS:
        assert side.keypoints is not None and side.labelled is not None
        columns["keypoints"] = side.keypoints.reshape(len(side), 51).tolist()
        columns["num_keypoints"] = side.labelled.tolist()
    keys = list(columns)
    return [
        dict(zip(keys, values, strict=True), id=i)
        for i, values in enumerate(zip(*columns.values(), strict=True), start=1)
    ]


def _reference(engine: Engine, kind: Kind, data: Aligned) -> tuple[Any, Any]:
    """Run pycocotools or hotcoco, which have the same interface; both print, which is kept off the terminal."""
    tables = {
        "images": [
            {"id": i, "file_name": str(i), "width": int(w), "height": int(h)}
            for i, (w, h) in enumerate(data.images.sizes.tolist(), start=1)
        ],
        "categories": [{"id": i, "name": str(i)} for i in range(1, len(data.categories) + 1)],
    }
    truth = tables | {"annotations": _rows(data.truth, kind, truth=True)}
    found = tables | {"annotations": _rows(data.detections, kind, truth=False)}
    with contextlib.redirect_stdout(io.StringIO()):
        if engine is Engine.HOTCOCO:
            import hotcoco

            evaluation: Any = hotcoco.COCOeval(hotcoco.COCO(truth), hotcoco.COCO(found), IOU_TYPES[kind])
        else:
            evaluation = _pycocotools(truth, found, IOU_TYPES[kind])
        evaluation.evaluate()
        evaluation.accumulate()
        arrays: Any = evaluation.eval
    return np.asarray(arrays["precision"]), np.asarray(arrays["recall"])


def _pycocotools(truth: dict[str, Any], found: dict[str, Any], kind: str) -> Any:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    class KeepsIgnore(COCOeval):  # type: ignore[misc]
        """The reference overwrites each object's `ignore` with `iscrowd`; here both count."""

        def _prepare(self) -> None:
            super()._prepare()
            for rows in self._gts.values():
                for row in rows:
                    row["ignore"] = row["ignore"] or marked[row["id"]]

    marked: dict[int, int] = {row["id"]: row["ignore"] for row in truth["annotations"]}
    sides = []
    for tables in (truth, found):
        side = COCO()
        side.dataset = tables
        side.createIndex()
        sides.append(side)
    return KeepsIgnore(sides[0], sides[1], kind)
