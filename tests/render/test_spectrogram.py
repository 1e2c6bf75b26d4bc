import numpy as np
import pytest
from PIL import Image

from visioncli.predictions import Classification
from visioncli.render import classify
from visioncli.render.canvas import ACCENT, TRACK
from visioncli.render.colour_maps import COLOUR_MAPS, colour_table
from visioncli.render.spectrogram import LEFT, clock, coloured, plot, plot_size
from visioncli.results import Record
from visioncli.sounds.pictures import as_picture

ARRAYS = {
    "spectrogram": np.zeros((300, 64), np.uint8),
    "spectrogram_seconds": np.array(0.01),
    "hertz": np.geomspace(125, 7500, 64),
}


@pytest.mark.parametrize(
    ("seconds", "step", "words"),
    [(0.5, 0.5, "0.5 s"), (12, 1, "12 s"), (65, 5, "1:05"), (7265, 60, "2:01:05"), (0.05, 0.01, "0.05 s")],
)
def test_times_are_written_as_people_write_them(seconds: float, step: float, words: str) -> None:
    assert clock(seconds, step) == words


def test_the_loudest_pixel_is_drawn_at_its_time_and_pitch() -> None:
    levels = ARRAYS["spectrogram"].copy()
    levels[150:153, 63] = 255
    image = as_picture(levels)
    width, height = plot_size(*image.size)
    drawn = np.asarray(plot(image, ARRAYS)).astype(int)
    inside = drawn[:, LEFT : LEFT + width].sum(axis=2)
    top = 34
    y, x = np.unravel_index(inside[top : top + height].argmax(), (height, width))
    assert abs(x / width - 151.5 / 300) < 0.01
    assert y < 2 * height / 64


def test_levels_beyond_the_limits_have_the_outermost_colours() -> None:
    image = as_picture(np.array([[0, 100, 150, 200, 255]], np.uint8).T)
    found = np.asarray(coloured(image, "viridis", (100, 200)))[0]
    table = colour_table("viridis")
    assert (found[[0, 1, 3, 4]] == table[[0, 0, 255, 255]]).all()
    assert abs(found[2].astype(int) - table[128]).max() < 4


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_each_map_goes_from_dark_to_light_in_steps(name: str) -> None:
    lightness = colour_table(name).astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(lightness) > -0.5).all()
    assert lightness[-1] - lightness[0] > 150


@pytest.mark.parametrize(("columns", "bands"), [(1, 1), (1, 64), (300, 64), (4096, 128), (65_536, 1024)])
def test_any_spectrogram_can_be_drawn(columns: int, bands: int) -> None:
    arrays = {
        "spectrogram_seconds": np.array(0.01),
        "hertz": np.linspace(20, 20_000, bands),
    }
    drawn = plot(as_picture(np.zeros((columns, bands), np.uint8)), arrays, decibels=(-80.0, 0.0))
    assert drawn.width <= 1800 and 256 <= drawn.height <= 700


def test_bars_of_a_recording_follow_the_time() -> None:
    course = np.array([[255], [255], [0], [0]], np.uint8)
    arrays = ARRAYS | {"course": course, "course_seconds": np.array(0.75)}
    record = Record("classify", "a.wav", predictions=(Classification("dog", 0, 0.5),), seconds=3.0, rate=16_000)
    drawn = np.asarray(classify.draw(Image.new("RGB", (300, 64)), record, arrays))
    bars = drawn[-30:, LEFT : LEFT + 640]
    first, second = bars[:, 100], bars[:, 500]
    assert (first == ACCENT).all(axis=1).any() and not (first == TRACK).all(axis=1).any()
    assert (second == TRACK).all(axis=1).any() and not (second == ACCENT).all(axis=1).any()
