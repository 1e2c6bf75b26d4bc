"""How good a network that learns boxes is, by COCO's measures: its boxes, and the masks or keypoints in them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from visioncli.datasets.align import Aligned
from visioncli.datasets.interface import Categories, Images, plain_annotations
from visioncli.labelled.boxes import BoxSet
from visioncli.metrics.engines import Engine
from visioncli.metrics.evaluate import Settings, evaluate
from visioncli.metrics.pairs import Kind
from visioncli.metrics.report import Report


def box_report(
    pictures: BoxSet, places: np.ndarray, answers: np.ndarray, *, resamples: int = 0, seed: int = 0, name: str = ""
) -> Report:
    """How good the detections `(D, 7)` of `BoxLesson.answers` are on the pictures at `places`."""
    settings = Settings(resamples=resamples, seed=seed)
    return evaluate(_aligned(pictures, places, answers, {}, {}), settings, pictures.source, name).report


def part_numbers(
    pictures: BoxSet, places: np.ndarray, rows: np.ndarray, parts: Sequence[Any]
) -> dict[str, float | None]:
    """AP and AP50 of COCO, by the IoU of masks or by OKS, of detections `rows` `(D, 7)` with their `parts`; None
    where nothing can be measured. Objects without a labelled keypoint do not count."""
    objects = [pictures.objects[place] for place in places.tolist()]
    true: dict[str, Any]
    found: dict[str, Any]
    if (points := pictures.points) is None:
        kind = Kind.MASKS
        true = {"masks": tuple(mask for one in objects for mask in one.masks or ())}
        found = {"masks": tuple(parts)}
    else:
        kind = Kind.KEYPOINTS
        true = {"keypoints": np.concatenate([one.points for one in objects if one.points is not None])}
        found = {"keypoints": np.array(parts, np.float64).reshape(-1, len(points.names), 3)}
    # The reference knows no other keypoints than a person's.
    settings = Settings(kind, engine=Engine.NUMPY)
    report = evaluate(_aligned(pictures, places, rows, true, found), settings, pictures.source, "").report
    return {name: known(report.official[name]) for name in ("AP", "AP50")}


def known(number: float) -> float | None:
    """None in place of what could not be measured."""
    return None if math.isnan(number) else float(number)


def _aligned(
    pictures: BoxSet, places: np.ndarray, rows: np.ndarray, true: dict[str, Any], found: dict[str, Any]
) -> Aligned:
    """The pictures' objects and detections `rows` (D, 7) of these pictures, with the masks or keypoints of both."""
    numbers = {place: n for n, place in enumerate(places.tolist())}
    objects = [pictures.objects[place] for place in places.tolist()]
    truth = plain_annotations(
        np.repeat(np.arange(len(objects)), [len(one) for one in objects]),
        np.concatenate([one.labels for one in objects]),
        np.concatenate([one.boxes for one in objects]),
        None,
        ignore=np.concatenate([one.ignore for one in objects]),
        area=np.concatenate([one.area for one in objects]),
        **true,
    )
    truth.crowd[:] = np.concatenate([one.crowd for one in objects])
    detections = plain_annotations(
        np.array([numbers[int(place)] for place in rows[:, 0]], np.int64),
        rows[:, 6].astype(np.int64),
        rows[:, 1:5],
        rows[:, 5],
        **found,
    )
    images = Images(
        tuple(pictures.examples[place].shown for place in places.tolist()),
        np.array([one.size for one in objects], np.int64).reshape(-1, 2),
    )
    return Aligned(images, Categories(pictures.classes), truth, detections, ())
