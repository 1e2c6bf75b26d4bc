"""Overlapping tiles of a large picture, and one list of objects from all of them."""

from dataclasses import dataclass

import numpy as np

from visioncli.errors import UsageError
from visioncli.tasks.detect.detectors import Boxes, Limits
from visioncli.tasks.detect.nms import batched_nms

DEFAULT_OVERLAP = 0.2
CUT_MARGIN = 0.01
"""A box this close to an inner border, as a share of the tile, is taken for an object that the tile cut."""
PART_OF = 0.7
"""A box of which this share lies in a better one of its class is taken for a part of that object."""

Window = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """Square tiles of `size` pixels that share `overlap` (0 to 0.9) of their side with the next."""

    size: int
    overlap: float = DEFAULT_OVERLAP

    @classmethod
    def parse(cls, text: str) -> "Tiling":
        """`640` or `640:0.3` or `640:30%`. Raises UsageError."""
        size_text, _, overlap_text = text.partition(":")
        try:
            size = int(size_text)
            overlap = DEFAULT_OVERLAP
            if overlap_text.endswith("%"):
                overlap = float(overlap_text[:-1]) / 100
            elif overlap_text:
                overlap = float(overlap_text)
                overlap = overlap / size if overlap >= 1 else overlap
        except (ValueError, ZeroDivisionError):
            size, overlap = 0, 0.0
        if size < 32 or not 0 <= overlap <= 0.9:
            raise UsageError(
                f"--tile takes SIZE or SIZE:OVERLAP, such as 640 or 640:0.2 (a share of the side up to 0.9, a "
                f"percentage, or pixels), with tiles of at least 32 pixels, not {text!r}."
            )
        return cls(size, overlap)

    def windows(self, width: int, height: int) -> list[Window]:
        """The whole picture first, then the tiles, row by row; only the whole where one tile covers it."""
        whole: list[Window] = [(0, 0, width, height)]
        columns, rows = self.starts(width), self.starts(height)
        if len(columns) * len(rows) == 1:
            return whole
        return whole + [(x, y, min(x + self.size, width), min(y + self.size, height)) for y in rows for x in columns]

    def starts(self, length: int) -> list[int]:
        """Where the tiles along a side of `length` pixels begin."""
        if length <= self.size:
            return [0]
        step = max(1, round(self.size * (1 - self.overlap)))
        count = -(-(length - self.size) // step) + 1
        # Evenly spread, so that the last tile does not repeat most of the one before it.
        return [round(i * (length - self.size) / (count - 1)) for i in range(count)]


def merge(windows: list[Window], found: list[Boxes], limits: Limits) -> Boxes:
    """Objects of all windows in the picture's pixels, without doubles and without objects that a tile cut."""
    width, height = windows[0][2:]
    parts = []
    for window, objects in zip(windows, found, strict=True):
        x1, y1, x2, y2 = window
        boxes = objects.boxes + np.array([x1, y1, x1, y1], np.float32)
        margin = CUT_MARGIN * max(x2 - x1, y2 - y1)
        cut = (
            ((boxes[:, 0] < x1 + margin) & (x1 > 0))
            | ((boxes[:, 1] < y1 + margin) & (y1 > 0))
            | ((boxes[:, 2] > x2 - margin) & (x2 < width))
            | ((boxes[:, 3] > y2 - margin) & (y2 < height))
        )
        parts.append((boxes[~cut], objects.scores[~cut], objects.label_ids[~cut]))
    boxes, scores, label_ids = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = batched_nms(boxes, scores, label_ids, limits.iou, len(scores), agnostic=limits.agnostic)
    boxes, scores, label_ids = boxes[kept], scores[kept], label_ids[kept]
    whole = _not_a_part(boxes, label_ids, limits.agnostic)[: limits.most]
    return Boxes(boxes[whole], scores[whole], label_ids[whole])


def _not_a_part(boxes: np.ndarray, label_ids: np.ndarray, agnostic: bool) -> np.ndarray:
    """Indices of boxes (best first) that do not lie in a better, larger box of their class."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    for i in range(len(boxes)):
        better = np.array(kept, int)
        if len(better):
            sides = np.minimum(boxes[better, 2:], boxes[i, 2:]) - np.maximum(boxes[better, :2], boxes[i, :2])
            shared = np.clip(sides, 0, None).prod(axis=1)
            same = np.ones(len(better), bool) if agnostic else label_ids[better] == label_ids[i]
            if (same & (areas[better] > areas[i]) & (shared > PART_OF * areas[i])).any():
                continue
        kept.append(i)
    return np.array(kept, int)
