import numpy as np
import pytest

from visioncli.render.contact_sheet import SIDE, draw


def plain(height, width, colour):
    return np.full((height, width, 3), colour, np.uint8)


def test_a_row_is_the_picture_and_then_its_augmented_versions():
    rows = [[plain(64, 64, (200, 0, 0)), *[plain(64, 64, (0, 0, 200))] * 7], [plain(300, 200, (0, 200, 0))] * 8]
    pixels = np.asarray(draw(rows, ["cat", "dog"], "augmented"))
    assert pixels.shape[1] > 8 * SIDE
    assert tuple(pixels[62 + 60, 16 + 60]) == (200, 0, 0)
    assert tuple(pixels[62 + 60, 16 + SIDE + 18 + 60]) == (0, 0, 200)
    green = (pixels == (0, 200, 0)).all(axis=2)
    assert 7.5 * SIDE * 85 < green.sum() < 8.5 * SIDE * 86


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (28, 28), (129, 127)])
def test_pictures_of_any_size_stay_in_their_cells(size):
    pixels = np.asarray(draw([[plain(*size, (9, 9, 9))] * 3], ["x" * 500], "t" * 500))
    assert (pixels[:, -16:] == 255).all()


def test_no_pictures_are_an_empty_sheet():
    assert draw([], [], "nothing").size[0] == 480
