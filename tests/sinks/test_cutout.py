from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinks.samples import folder, outcome, record
from visioncli.errors import UsageError
from visioncli.runner import Outcome
from visioncli.sinks.cutout import BackgroundSink, CutoutSink, parse_background

ALPHA = np.zeros((100, 120), np.uint8)
ALPHA[:, 40:80] = 128
ALPHA[:, 80:] = 255


def given() -> Outcome:
    rgb = np.full((100, 120, 3), (200, 0, 0), np.uint8)
    return outcome(record("segment", "cat.jpg"), rgb, {"alpha": ALPHA})


def test_a_cutout_is_the_picture_with_the_foreground_as_alpha(tmp_path: Path) -> None:
    files = CutoutSink().write(given(), folder(tmp_path, "cat.jpg"), "cat.jpg")
    with Image.open(files["cutout"]) as image:
        assert (image.format, image.mode) == ("PNG", "RGBA")
        pixels = np.asarray(image)
    assert (pixels[..., :3] == (200, 0, 0)).all()
    np.testing.assert_array_equal(pixels[..., 3], ALPHA)


@pytest.mark.parametrize(
    ("text", "colour"), [("white", (255, 255, 255)), ("#0000ff", (0, 0, 255)), ("rgb(0,255,0)", (0, 255, 0))]
)
def test_a_background_colour_lies_behind_and_shines_through(
    text: str, colour: tuple[int, int, int], tmp_path: Path
) -> None:
    files = BackgroundSink(text).write(given(), folder(tmp_path, "cat.jpg"), "cat.jpg")
    with Image.open(files["background"]) as image:
        assert image.size == (120, 100)
        pixels = np.asarray(image).astype(int)
    half = np.mean([colour, (200, 0, 0)], axis=0)
    for column, want in ((20, colour), (60, half), (100, (200, 0, 0))):
        assert np.abs(pixels[50, column] - want).max() < 6


def test_a_background_picture_is_cropped_to_the_shape(tmp_path: Path) -> None:
    Image.new("RGB", (300, 30), "blue").save(tmp_path / "sky.png")
    files = BackgroundSink(str(tmp_path / "sky.png")).write(given(), folder(tmp_path, "cat.jpg"), "cat.jpg")
    with Image.open(files["background"]) as image:
        assert image.size == (120, 100)
        assert image.getpixel((10, 50))[2] > 245  # type: ignore[index]


def test_neither_colour_nor_picture_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'nope' is neither"):
        parse_background("nope")
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(UsageError, match=r"--background .*notes\.txt: "):
        parse_background(str(tmp_path / "notes.txt"))
