import numpy as np
import pytest
from PIL import Image

from visioncli.render.canvas import STRIP
from visioncli.render.legend import with_legend


@pytest.mark.parametrize("size", [(1, 1), (300, 200), (3000, 40), (2000, 1500)])
def test_the_picture_stands_unchanged_above_its_legend(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (10, 200, 90))
    drawn = np.asarray(with_legend(image, [("cat", (200, 30, 30)), ("no square", None)], "a note"))
    left = (drawn.shape[1] - size[0]) // 2
    assert (drawn[: size[1], left : left + size[0]] == (10, 200, 90)).all()
    strip = drawn[size[1] :]
    assert (strip == STRIP).all(2).mean() > 0.3
    assert (strip == (200, 30, 30)).all(2).any()


def test_each_name_has_its_own_square_and_lines_wrap_within_the_frame() -> None:
    colours = [(200, n, 30) for n in range(0, 250, 10)]
    drawn = np.asarray(with_legend(Image.new("RGB", (300, 200)), [(f"class {c[1]}", c) for c in colours]))
    assert drawn.shape[1] == 300 and (drawn[200:, -2:] == STRIP).all()
    for colour in colours:
        assert (drawn[200:] == colour).all(2).sum() > 30
