import struct

import pytest
from PIL import Image

from visioncli.videos.pixels import orientation, turned

ONE = 1 << 16


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack("=9i", a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize("b", [-1, 0, 1])
@pytest.mark.parametrize("a", [-1, 0, 1])
@pytest.mark.parametrize("c", [-1, 0, 1])
@pytest.mark.parametrize("d", [-1, 0, 1])
def test_a_pixel_lands_where_the_matrix_sends_it(a: int, b: int, c: int, d: int) -> None:
    if abs(a * d - b * c) != 1 or (a and b) or (c and d):
        return  # no turn
    image = Image.new("L", (5, 3))
    image.putpixel((4, 1), 255)  # from the middle of the picture: two to the right, none down
    turn = orientation(matrix(a, b, c, d))
    upright = image if turn is None else image.transpose(turn)
    assert upright.size == turned((5, 3), turn)
    x, y = (upright.width - 1) // 2 + 2 * a, (upright.height - 1) // 2 + 2 * b
    assert upright.getpixel((x, y)) == 255


def test_an_odd_angle_counts_as_the_nearest_quarter() -> None:
    assert orientation(struct.pack("=9i", 9, 60, 0, -60, 9, 0, 0, 0, 1)) == Image.Transpose.ROTATE_270
    assert orientation(b"") is None
