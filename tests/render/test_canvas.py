import pytest
from PIL import Image, ImageDraw

from visioncli.render.canvas import STRIP, below, fit, font, readable_size, text_size, write


def test_text_that_fits_stays_and_longer_text_ends_in_an_ellipsis() -> None:
    assert fit("cat", 20, 500) == "cat"
    shortened = fit("a very long label indeed", 20, 100)
    assert shortened.endswith("…")
    assert text_size(shortened, 20)[0] <= 101


@pytest.mark.parametrize(("side", "anchor"), [("l", "lm"), ("r", "rm")])
def test_letters_are_those_that_pillow_draws(side: str, anchor: str) -> None:
    ours, theirs = (Image.new("RGB", (200, 40), (20, 90, 30)) for _ in range(2))
    for _ in range(2):  # shaped, then remembered
        write(ImageDraw.Draw(ours), (100, 20), "Äpfel, 3 g", 17, (250, 240, 10), side)
        ImageDraw.Draw(theirs).text((100, 20), "Äpfel, 3 g", (250, 240, 10), font(17), anchor=anchor)
        assert ours.tobytes() == theirs.tobytes()


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
