from pathlib import Path

import numpy as np
import pytest

from small_rcnn import SIDE, draw_shapes, draw_sticks
from visioncli.labelled.boxes import read_boxes
from visioncli.training.boxes import augment as box_augment
from visioncli.training.boxes.augment import Params
from visioncli.training.boxes.parts import Parts
from visioncli.training.boxes.store import BoxStore
from visioncli.training.data.augment import generator
from visioncli.training.recipe import Augment

SIZE = (80, 60)


def scene() -> tuple[np.ndarray, np.ndarray, Parts]:
    """A red and a green block with their masks, and as keypoints their upper left and lower right corners."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    boxes = np.array([[10, 10, 30, 20], [50, 35, 62, 55]], np.float32)
    masks = np.zeros((2, 60, 80), np.uint8)
    for n, (x1, y1, x2, y2) in enumerate(boxes.astype(int).tolist()):
        pixels[y1:y2, x1:x2, n] = 200
        masks[n, y1:y2, x1:x2] = 1
    points = np.concatenate([boxes.reshape(2, 2, 2), np.full((2, 2, 1), 2)], 2).astype(np.float32)
    return pixels, boxes, Parts(masks, points, (0, 1))


@pytest.mark.parametrize("level", [Augment.FLIP, Augment.STANDARD, Augment.STRONG])
def test_masks_cover_their_objects_and_nothing_else(level: Augment) -> None:
    pixels, boxes, parts = scene()
    seen = 0
    for n in range(60):
        params = box_augment.draw(generator(0, 0, n), level, SIZE, boxes, mirror=True)
        found, _, kept = box_augment.moved(pixels, boxes, params)
        moved = parts.moved(SIZE, params, kept)
        assert moved.masks is not None
        assert moved.masks.shape == (kept.sum(), *found.shape[:2])
        for mask, colour in zip(moved.masks, np.flatnonzero(kept), strict=True):
            block = found[..., colour].astype(int) - found[..., 1 - colour] > 30
            assert np.array_equal(mask > 0, block)
            seen += 1
    assert seen > 60


def test_keypoints_move_with_the_window_and_are_exchanged_in_the_mirror() -> None:
    *_, parts = scene()
    points = Parts(points=parts.points, mirrored=(1, 0))
    both = np.ones(2, bool)
    moved = points.moved(SIZE, Params((-10, -6, 90, 66), mirror=True), both).points
    assert moved is not None
    # The lower right corner of the first, at (30, 20), lies at (40, 26) of 100 x 72, and mirrored at (60, 26).
    assert moved[0].tolist() == [[60, 26, 2], [80, 16, 2]]
    one = points.moved(SIZE, Params((15, 5, 45, 30)), np.array([True, False])).points
    assert one is not None
    assert one.tolist() == [[[0, 0, 0], [15, 15, 2]]]  # the first keypoint lies outside


def test_masks_and_keypoints_shrink_with_their_pictures(tmp_path: Path) -> None:
    shapes = read_boxes(str(draw_shapes(tmp_path / "shapes", 3)), parts="masks")
    half = BoxStore(shapes, lambda width, height: (width // 2, height // 2), 1 << 20)
    pixels, boxes, labels, parts = half.with_parts(1)
    assert parts.masks is not None
    assert parts.masks.shape == (len(labels), *pixels.shape[:2]) == (1, SIDE // 2, SIDE // 2)
    y, x = np.nonzero(parts.masks[0])
    assert [x.min(), y.min(), x.max() + 1, y.max() + 1] == pytest.approx(boxes[0].tolist(), abs=1)
    sticks = read_boxes(str(draw_sticks(tmp_path / "sticks", 3)), parts="keypoints")
    whole, smaller = (
        BoxStore(sticks, lambda w, h, by=by: (w // by, h // by), 1 << 20).with_parts(1)[3].points for by in (1, 2)
    )
    assert whole is not None and smaller is not None
    assert np.allclose(whole[..., :2], 2 * smaller[..., :2])
