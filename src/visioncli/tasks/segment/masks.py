"""Masks as arrays, as COCO run-length encodings, and as polygons."""

from typing import Any

import numpy as np

from visioncli.results import Polygon, Rle


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


def polygons(mask: np.ndarray) -> tuple[Polygon, ...]:
    """The outlines of a `(H, W)` mask along pixel edges, exactly: one polygon a connected part, with its holes.

    Pixels that touch only at a corner are separate parts.
    """
    rings = _rings(np.asarray(mask, bool))
    exteriors = [r for r in rings if _signed_area(r) > 0]
    holes = [r for r in rings if _signed_area(r) < 0]
    parts: list[tuple[np.ndarray, list[np.ndarray]]] = [(ring, []) for ring in exteriors]
    # The smallest ring around a hole is the part that it is a hole of.
    parts.sort(key=lambda part: _signed_area(part[0]))
    for hole in holes:
        # A point just outside the hole's ring lies in the part around it.
        owner = next((p for p in parts if _contains(p[0], _beside(hole))), None)
        if owner is not None:
            owner[1].append(hole)
    return tuple(
        Polygon(tuple(ring.ravel().tolist()), tuple(tuple(h.ravel().tolist()) for h in inner))
        for ring, inner in parts
    )


def _rings(mask: np.ndarray) -> list[np.ndarray]:
    """Closed rings of corner points `(N, 2)` x y; clockwise (positive area, y downwards) around pixels."""
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1]
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # Directed edges with the mask on their right: top, right, bottom and left sides of pixels at the border.
    for exposed, start, end in (
        (inner & ~padded[:-2, 1:-1], (0, 0), (1, 0)),
        (inner & ~padded[1:-1, 2:], (1, 0), (1, 1)),
        (inner & ~padded[2:, 1:-1], (1, 1), (0, 1)),
        (inner & ~padded[1:-1, :-2], (0, 1), (0, 0)),
    ):
        rows, columns = np.nonzero(exposed)
        for x, y in zip(columns.tolist(), rows.tolist(), strict=True):
            following.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    rings = []
    while following:
        first = next(iter(following))
        ring, here, came = [], first, (0, 0)
        while True:
            there = _turn(following, here, came)
            step = (there[0] - here[0], there[1] - here[1])
            if step != came:  # only corners are kept
                ring.append(here)
            came, here = step, there
            if here == first and (first not in following or not following[first]):
                break
            if here not in following:
                break
        rings.append(np.array(ring, float))
    return rings


def _turn(
    following: dict[tuple[int, int], list[tuple[int, int]]], here: tuple[int, int], came: tuple[int, int]
) -> tuple[int, int]:
    """Takes the next edge; where two pixels touch at a corner, the right turn stays with the pixel it came along."""
    choices = following[here]
    right = (here[0] - came[1], here[1] + came[0])
    there = right if len(choices) > 1 and right in choices else choices[0]
    choices.remove(there)
    if not choices:
        del following[here]
    return there


def _signed_area(ring: np.ndarray) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y)) / 2


def _beside(hole: np.ndarray) -> tuple[float, float]:
    """A point half a pixel to the mask's side of a hole's first edge."""
    (x1, y1), (x2, y2) = hole[0], hole[1]
    length = max(abs(x2 - x1), abs(y2 - y1))
    right = (-(y2 - y1) / length, (x2 - x1) / length)
    return x1 + (x2 - x1) / length / 2 + right[0] / 2, y1 + (y2 - y1) / length / 2 + right[1] / 2


def _contains(ring: np.ndarray, point: tuple[float, float]) -> bool:
    """Whether a point that lies on no edge is inside (even-odd rule)."""
    x, y = point
    x1, y1 = ring[:, 0], ring[:, 1]
    y2 = np.roll(y1, -1)
    # Edges are horizontal or vertical: a ray to the right crosses the vertical ones.
    crossed = (x1 == np.roll(x1, -1)) & (np.minimum(y1, y2) < y) & (y < np.maximum(y1, y2)) & (x1 > x)
    return bool(crossed.sum() % 2)


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
