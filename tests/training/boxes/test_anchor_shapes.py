import numpy as np

from visioncli.networks.anchors import SSD_GRIDS, decode_boxes, ssd_anchors
from visioncli.networks.ssd_mobilenet_v2 import ANCHORS_PER_CELL
from visioncli.training.boxes.anchor_shapes import code_offsets, fitted_shapes


def sides(seed: int = 0, count: int = 400) -> np.ndarray:
    """Upright boxes, 8 % to 20 % of the picture high."""
    rng = np.random.default_rng(seed)
    high = rng.uniform(0.08, 0.2, count)
    return np.stack([high, 0.6 * high], 1)


def best_overlap(boxes: np.ndarray, shapes: np.ndarray) -> float:
    """The mean IoU of boxes and the shapes that suit them best, laid upon one centre."""
    shared = np.minimum(boxes[:, None], shapes).prod(2)
    return float((shared / (boxes.prod(1)[:, None] + shapes.prod(1) - shared)).max(1).mean())


def test_fitted_shapes_suit_the_boxes_better_than_the_published_ones() -> None:
    boxes = sides()
    fitted = fitted_shapes(boxes)
    assert best_overlap(boxes, fitted[:3, 2:]) > 0.8
    assert best_overlap(boxes, ssd_anchors()[:3, 2:]) < 0.7
    assert np.array_equal(fitted, fitted_shapes(boxes))


def test_levels_without_boxes_and_all_centres_stay_as_published() -> None:
    fitted, anchors = fitted_shapes(sides()), ssd_anchors()
    finest = SSD_GRIDS[0] ** 2 * ANCHORS_PER_CELL[0]
    assert np.array_equal(fitted[finest:], anchors[finest:])
    assert np.array_equal(fitted[:, :2], anchors[:, :2])
    assert np.array_equal(fitted_shapes(sides(count=10)), anchors)
    assert np.array_equal(fitted_shapes(np.zeros((0, 2))), anchors)


def test_every_cell_of_a_level_has_the_same_shapes() -> None:
    cells = fitted_shapes(sides())[: 19 * 19 * 3].reshape(-1, 3, 4)
    assert (cells[:, :, 2:] == cells[0, :, 2:]).all()


def test_a_network_that_answers_the_offsets_answers_the_fitted_shapes() -> None:
    fitted, anchors = fitted_shapes(sides()), ssd_anchors()
    codes = [np.tile(offset, (grid * grid, 1)) for grid, offset in zip(SSD_GRIDS, code_offsets(fitted), strict=True)]
    boxes = decode_boxes(np.concatenate(codes), anchors)
    assert np.allclose(boxes[:, 2:] - boxes[:, :2], fitted[:, [3, 2]], atol=1e-6)
