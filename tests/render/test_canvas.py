import math

import pytest
from PIL import Image, ImageChops, ImageDraw

from visioncli.models.labels import load_labels
from visioncli.render.canvas import STRIP, below, fit, readable_size, text_size, write
from visioncli.render.fonts import font, typeface_of


def test_text_that_fits_stays_and_longer_text_ends_in_an_ellipsis() -> None:
    assert fit("cat", 20, 500) == "cat"
    shortened = fit("a very long label indeed", 20, 100)
    assert shortened.endswith("…")
    assert text_size(shortened, 20)[0] <= 101


@pytest.mark.parametrize("size", [12, 17, 31, 72])
@pytest.mark.parametrize(("side", "anchor"), [("l", "lm"), ("r", "rm")])
def test_letters_lie_where_pillow_draws_the_whole_line(side: str, anchor: str, size: int) -> None:
    lines = ["Äpfel, 3 g", "AVATo WAY L.T", "100.0 %", "猫", *load_labels("imagenet1k").values()]
    for line in lines[:: 1 if size == 17 else 40]:
        ours, theirs = (Image.new("RGB", (1400, 100), (20, 90, 30)) for _ in range(2))
        write(ImageDraw.Draw(ours), (700, 50), line, size, (250, 240, 10), side)
        face = font(size, typeface_of(line))
        ImageDraw.Draw(theirs).text((700, 50), line, (250, 240, 10), face, anchor=anchor)
        # Where two letters overlap, their edges are laid on one after the other.
        assert max(high for _, high in ImageChops.difference(ours, theirs).getextrema()) <= 1, line
        assert text_size(line, size)[0] == math.ceil(face.getlength(line))


def test_no_room_gives_no_text() -> None:
    assert fit("cat", 20, 1) == ""


@pytest.mark.parametrize(
    ("size", "letters"), [((3000, 200), 20), ((200, 3000), 17), ((640, 480), 18), ((60, 60), 12)]
)
def test_letters_suit_the_shape_of_the_picture(size: tuple[int, int], letters: int) -> None:
    assert readable_size(*size) == letters


@pytest.mark.parametrize("side", [1, 100, 1000, 30_000])
def test_letters_are_never_too_small_nor_huge(side: int) -> None:
    assert 12 <= readable_size(side, side) <= 72


def test_the_strip_lies_below_the_picture_and_covers_nothing() -> None:
    canvas, _, top = below(Image.new("RGB", (30, 20), "red"), 10, 50)
    assert (canvas.size, top) == ((50, 30), 20)
    assert canvas.crop((10, 0, 40, 20)).getcolors() == [(600, (255, 0, 0))]
    assert canvas.crop((0, 20, 50, 30)).getcolors() == [(500, STRIP)]
