"""Masks as arrays and as COCO run-length encodings, and the fields of a `Segment` that follow from them."""

from typing import Any

import numpy as np

from visioncli.geometry.outlines import polygons
from visioncli.predictions import Rle


def encode(mask: np.ndarray) -> Rle:
    """`(H, W)` bool or uint8 -> COCO's compressed run-length encoding (column by column)."""
    from pycocotools import mask as coco_mask

    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return Rle((int(mask.shape[0]), int(mask.shape[1])), encoded["counts"].decode("ascii"))


def decode(rle: Rle) -> np.ndarray:
    """The mask as `(H, W) bool`."""
    from pycocotools import mask as coco_mask

    decoded: np.ndarray = coco_mask.decode({"size": list(rle.size), "counts": rle.counts.encode("ascii")})
    return decoded.astype(bool)


def bounding_box(mask: np.ndarray) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 around the pixels of a mask that has some; x2 and y2 lie behind the last pixel."""
    columns, rows = (np.flatnonzero(mask.any(axis=axis)) for axis in (0, 1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def segment_fields(mask: np.ndarray, *, with_polygons: bool) -> dict[str, Any]:
    """The fields of a `Segment` that follow from its mask alone."""
    area = int(np.count_nonzero(mask))
    return {
        "area": area,
        "share": area / mask.size,
        "mask": encode(mask),
        "polygons": polygons(mask) if with_polygons else None,
    }
