"""Masks as COCO run-length encodings, and their overlap, by pycocotools' compiled code.

The encoding is the one of the COCO API: column by column, runs of 0 and 1 in turn, compressed to ASCII.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Rle = dict[str, Any]

FARTHEST = 1e5
"""Polygon coordinates beyond this are refused: the compiled code draws every pixel of an outline."""
LONGEST = 4e6
"""So many pixels all outlines of a mask may have together, for the same reason."""
MOST_PIXELS = (1 << 32) - 1
"""The compiled code counts pixels in 32 bits."""


def run_lengths(counts: bytes) -> NDArray[np.int64]:
    """The runs that a compressed `counts` stands for, (R,) int64. Raises ValueError where it is damaged.

    Format: `rleFrString` of the COCO API; five bits a character, and from the third run on the difference to the
    run before last.
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    if not len(codes):
        raise ValueError("the counts of the mask are empty")
    if codes.min() < 0 or codes.max() > 63:
        raise ValueError("the counts of the mask contain characters that no run-length encoding has")
    last = (codes & 0x20) == 0
    if not last[-1]:
        raise ValueError("the counts of the mask are cut off")
    starts = np.concatenate(([0], np.flatnonzero(last)[:-1] + 1))
    lengths = np.diff(np.append(starts, len(codes)))
    if lengths.max() > 7:
        raise ValueError("the counts of the mask hold an impossible run")
    within = np.arange(len(codes)) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 0x1F) << (5 * within), starts)
    ends = starts + lengths - 1
    values = values - np.where(codes[ends] & 0x10, np.int64(1) << (5 * lengths), 0)
    runs = values.copy()
    runs[1::2] = np.cumsum(values[1::2])
    runs[2::2] = np.cumsum(values[2::2])
    return runs


def _checked_size(size: Any) -> tuple[int, int]:
    right = (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in size)
    )
    if not right:
        raise ValueError("the mask's size must be [height, width], two whole numbers above zero")
    _refuse_huge(size[0], size[1])
    return int(size[0]), int(size[1])


def _refuse_huge(height: int, width: int) -> None:
    if height * width > MOST_PIXELS:
        raise ValueError("its picture has more than four thousand million pixels, which no mask can have")


def _from_runs(size: tuple[int, int], counts: Any) -> Rle:
    from pycocotools import mask as compiled

    height, width = size
    if isinstance(counts, list):
        if not all(isinstance(c, int) and not isinstance(c, bool) and c >= 0 for c in counts):
            raise ValueError("the counts of the mask must be whole numbers, none negative")
        if max(counts, default=0) > height * width:
            raise ValueError(f"the counts of the mask hold a run longer than its {height * width} pixels")
        runs = np.array(counts, np.int64)
    elif isinstance(counts, str | bytes):
        try:
            packed = counts.encode("ascii") if isinstance(counts, str) else counts
        except UnicodeEncodeError:
            raise ValueError("the counts of the mask contain characters that no run-length encoding has") from None
        runs = run_lengths(packed)
    else:
        raise ValueError("the counts of the mask must be text or a list of numbers")
    if len(runs) and runs.min() < 0:
        raise ValueError("the counts of the mask hold a negative run")
    if int(runs.sum()) != height * width:
        raise ValueError(
            f"the runs of the mask cover {int(runs.sum())} pixels, but its size is "
            f"{height} x {width} (height x width) = {height * width}"
        )
    if isinstance(counts, list):
        return dict(compiled.frPyObjects({"size": [height, width], "counts": counts}, height, width))
    return {"size": [height, width], "counts": packed}


def _from_polygons(polygons: list[Any], height: int, width: int) -> Rle:
    from pycocotools import mask as compiled

    outlines = 0.0
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError("a polygon must be a flat list x, y, x, y, … of at least three points")
        for value in polygon:
            # Compared with infinity, because the largest whole numbers cannot be made a float.
            if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < math.inf:
                raise ValueError(f"a polygon holds {str(value)[:40]}, which is not a finite number")
            if abs(value) > FARTHEST:
                raise ValueError("a polygon reaches far outside the picture")
        points = np.array(polygon, np.float64).reshape(-1, 2)
        outlines += float(np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum())
        if outlines > LONGEST:
            raise ValueError(f"the outline of the mask is longer than {LONGEST:,.0f} pixels")
    if height <= 0 or width <= 0:
        raise ValueError("a polygon needs the width and height of its picture, and they are not known")
    _refuse_huge(height, width)
    return dict(compiled.merge(compiled.frPyObjects(polygons, height, width)))


def to_rle(segmentation: Any, height: int, width: int) -> Rle:
    """A COCO `segmentation` (polygons, or run lengths as text or as numbers) as a compressed encoding.

    `height` and `width` are those of the picture, 0 where unknown; polygons need them, and an encoding of
    another size is refused. Raises ValueError with a clause that says what is wrong.
    """
    if isinstance(segmentation, dict):
        size = _checked_size(segmentation.get("size"))
        if height > 0 and width > 0 and size != (height, width):
            raise ValueError(
                f"the mask is {size[0]} x {size[1]} (height x width), but its picture is {height} x {width}"
            )
        return _from_runs(size, segmentation.get("counts"))
    if isinstance(segmentation, list) and segmentation:
        return _from_polygons(segmentation, height, width)
    raise ValueError("it has no mask")


def areas(masks: list[Rle] | tuple[Rle, ...]) -> F64:
    """(N,) float64 pixels set in each mask."""
    from pycocotools import mask as compiled

    # One call takes 255 masks at most: pycocotools 2.0.11 keeps their number in eight bits.
    parts = [compiled.area(list(masks[i : i + 255])) for i in range(0, len(masks), 255)]
    return np.concatenate([np.empty(0), *parts]).astype(np.float64)


def bounding_boxes(masks: list[Rle] | tuple[Rle, ...]) -> F64:
    """(N, 4) float64 x, y, width, height of the smallest box around each mask."""
    from pycocotools import mask as compiled

    return np.asarray(compiled.toBbox(list(masks)), np.float64).reshape(-1, 4)


def pairwise_iou(detections: list[Rle], truth: list[Rle], crowd: NDArray[np.bool_]) -> F64:
    """(D, G) float64 overlap of each detection with each truth; for a crowd, the share of the detection inside.

    Raises ValueError where masks of different sizes meet.
    """
    from pycocotools import mask as compiled

    if not detections or not truth:
        return np.zeros((len(detections), len(truth)))
    sizes = {tuple(m["size"]) for m in detections} | {tuple(m["size"]) for m in truth}
    if len(sizes) > 1:
        listed = " and ".join(f"{h} x {w}" for h, w in sorted(sizes))
        raise ValueError(f"masks of different sizes cannot be compared: {listed} (height x width)")
    return np.asarray(compiled.iou(detections, truth, crowd.astype(np.uint8).tolist()), np.float64)
