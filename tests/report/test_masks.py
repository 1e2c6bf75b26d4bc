import numpy as np

import made_runs
from visioncli.predictions import Rle
from visioncli.report.masks import SIDE, masks_to_json, small_mask


def again(height: int, width: int, counts: str) -> np.ndarray:
    return Rle((height, width), counts).decode()


def test_a_small_mask_stays_as_it_is() -> None:
    inside = np.random.default_rng(0).random((30, 40)) > 0.5
    found = small_mask(made_runs.rle(inside))
    assert found is not None
    np.testing.assert_array_equal(again(found.height, found.width, found.counts), inside)


def test_a_large_mask_has_a_longer_side_of_so_many_cells_and_covers_the_same_part() -> None:
    inside = np.zeros((400, 1000), bool)
    inside[100:300, 250:500] = True
    found = small_mask(made_runs.rle(inside))
    assert found is not None
    assert (found.height, found.width) == (round(400 * SIDE / 1000), SIDE)
    cells = again(found.height, found.width, found.counts)
    assert abs(cells.mean() - inside.mean()) < 0.005
    assert cells[found.height // 2, round(0.4 * SIDE)]


def test_a_broken_mask_is_none() -> None:
    assert small_mask(Rle((4, 4), "~~~")) is None
    assert small_mask(Rle((0, 4), "")) is None
    assert masks_to_json([None]) == [0]


def test_a_mask_that_no_memory_holds_is_none() -> None:
    from pycocotools import mask as coco

    size = (1 << 15, 1 << 15)
    counts = coco.frPyObjects({"size": list(size), "counts": [size[0] * size[1] // 2, size[0] * size[1] // 2]}, *size)
    assert small_mask(Rle(size, counts["counts"].decode())) is None
