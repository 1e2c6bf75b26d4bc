import pytest
from PIL import Image

from visioncli.render.canvas import STRIP, below, fit, readable_size, text_size


def test_text_that_fits_stays_and_longer_text_ends_in_an_ellipsis() -> None:
    assert fit("cat", 20, 500) == "cat"
    shortened = fit("a very long label indeed", 20, 100)
    assert shortened.endswith("…")
    assert text_size(shortened, 20)[0] <= 101


def test_no_room_gives_no_text() -> None:
    assert fit("cat", 20, 1) == ""


@pytest.mark.parametrize("side", [1, 100, 1000, 30_000])
def test_letters_are_never_too_small_nor_huge(side: int) -> None:
    assert 12 <= readable_size(side, side) <= 72


def test_the_strip_lies_below_the_picture_and_covers_nothing() -> None:
    canvas, _, top = below(Image.new("RGB", (30, 20), "red"), 10, 50)
    assert (canvas.size, top) == ((50, 30), 20)
    assert canvas.crop((10, 0, 40, 20)).getcolors() == [(600, (255, 0, 0))]
    assert canvas.crop((0, 20, 50, 30)).getcolors() == [(500, STRIP)]
