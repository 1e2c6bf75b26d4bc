"""Records and outcomes that several tests of sinks share."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visioncli.inputs.sources import Item
from visioncli.pictures import Picture
from visioncli.predictions import Detection, Keypoint, Person, Segment
from visioncli.results import Failure, ModelInfo, Record
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.tasks.pose.joints import KEYPOINT_NAMES
from visioncli.tasks.segment.masks import segment_fields

MODEL = ModelInfo("tiny", None)
LABELS = {1: "person", 17: "cat", 90: "toothbrush"}
CAT = Detection("cat", 17, 0.9, (10.25, 20.5, 60.125, 90.0))
BRUSH = Detection("toothbrush", 90, 0.5, (0.0, 0.0, 120.0, 100.0))


def record(task: str, name: str, *predictions: Any, size: tuple[int, int] = (120, 100), **extra: Any) -> Record:
    return Record(task, f"photos/{name}", *size, MODEL, predictions, output=name, extra=extra)


def failed(task: str, name: str) -> Record:
    return Record(task, f"photos/{name}", error=Failure("unreadable_picture", "It ends early."))


def ring() -> np.ndarray:
    """A mask with a hole, and a part of its own beside it."""
    mask = np.zeros((100, 120), bool)
    mask[10:60, 10:60] = True
    mask[20:50, 20:50] = False
    mask[80:90, 100:120] = True
    return mask


def segment(mask: np.ndarray, **more: Any) -> Segment:
    return Segment("cat", 8, **segment_fields(mask, with_polygons=False), **more)


def person(score: float = 0.8) -> Person:
    keypoints = tuple(Keypoint(name, 10.0 + n, 20.0 + 2 * n, n / 17) for n, name in enumerate(KEYPOINT_NAMES))
    return Person("person", 1, score, (5.0, 10.0, 50.0, 70.0), keypoints)


def outcome(body: Record, rgb: np.ndarray | None = None, arrays: dict[str, np.ndarray] | None = None) -> Outcome:
    if rgb is None and body.ok:
        rgb = np.random.default_rng(0).integers(0, 256, (body.height or 1, body.width or 1, 3), dtype=np.uint8)
    picture = Picture(Image.fromarray(rgb), 1.0) if rgb is not None else None
    return Outcome(Item(body.input, body.output or body.input), body, picture, arrays=arrays or {})


def folder(tmp_path: Path, *names: str) -> OutputFolder:
    out = OutputFolder(tmp_path / "out")
    for name in names:
        out.reserve(name, f"photos/{name}")
    return out
