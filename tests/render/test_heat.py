import numpy as np
import pytest
from PIL import Image

from visioncli.predictions import Explanation
from visioncli.render.colour_maps import colour_table
from visioncli.render.heat import GAP, draw, overlay
from visioncli.results import ModelInfo, Record
from visioncli.tasks.gradcam.heat import FULL, packed


def lightness(rgb: np.ndarray) -> np.ndarray:
    """L* of CIE 1976 for sRGB `(N, 3) uint8`."""
    parts = rgb / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def explanation(model: str = "m", label: str = "tabby", **more: object) -> Explanation:
    where = {"peak": (1.0, 1.0), "box": (0.0, 0.0, 2.0, 2.0), "energy": 0.5}
    return Explanation(label, 1, 0.5, model, "gradcam", "last", **where, **more)  # type: ignore[arg-type]


def drawn(size: tuple[int, int], *found: Explanation, **options: object) -> Image.Image:
    arrays: dict[str, np.ndarray] = {}
    for n in range(len(found)):
        arrays |= packed(n, np.eye(7, dtype=np.float32), (0, 0, *size))
    record = Record("gradcam", "a", *size, ModelInfo("m", None), found)
    return draw(Image.new("RGB", size, "white"), record, arrays, **options)  # type: ignore[arg-type]


def test_the_colours_rise_in_lightness_in_even_steps() -> None:
    steps = np.diff(lightness(colour_table()))
    assert len(steps) == 255
    assert (steps >= 0).all()
    assert steps.max() < 4 * steps.mean()
    assert lightness(colour_table())[-1] > 90


def test_opacity_goes_from_the_picture_to_the_map_alone() -> None:
    image = Image.new("RGB", (20, 10), (10, 20, 30))
    heat = np.full((10, 20), FULL, np.uint16)
    assert overlay(image, heat, 0).getpixel((5, 5)) == (10, 20, 30)
    assert overlay(image, heat, 1).getpixel((5, 5)) == tuple(colour_table()[-1].tolist())


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (2000, 3), (640, 480)])
def test_any_size_can_be_drawn_with_its_caption(size: tuple[int, int]) -> None:
    image = drawn(size, explanation())
    assert image.width == max(size[0], 240) and image.height > size[1]


def test_classes_are_side_by_side_only_on_request_and_models_always() -> None:
    one = drawn((300, 200), explanation(), explanation(label="cat"))
    assert one.width == 300
    assert drawn((300, 200), explanation(), explanation(label="cat"), grid=True).width == 2 * 300 + GAP
    assert drawn((300, 200), explanation("a"), explanation("b")).width == 2 * 300 + GAP


def test_many_classes_make_rows() -> None:
    image = drawn((300, 200), *(explanation(label=str(n)) for n in range(6)), grid=True)
    assert image.width == 3 * 304 - GAP


def test_an_explained_box_is_drawn_and_nothing_to_explain_is_said() -> None:
    plain, boxed = (np.asarray(drawn((300, 200), explanation(target=t))) for t in (None, (50.0, 50.0, 200.0, 150.0)))
    assert (plain != boxed).any()
    nothing = np.asarray(drawn((300, 200)))
    assert nothing.shape[0] > 200 and (nothing[:200] == 255).all() and nothing[200:].max() > 200


@pytest.mark.parametrize(("width", "there"), [(60, False), (640, True), (4000, True)])
def test_a_colour_scale_stands_in_the_strip_where_there_is_room(width: int, there: bool) -> None:
    strip = np.asarray(drawn((width, 300), explanation()))[300:].astype(int)
    colours = [(abs(strip - colour).max(axis=2) < 12).any() for colour in colour_table()[60:240:40]]
    assert all(colours) == any(colours) == there


def test_without_an_explanation_there_is_no_scale() -> None:
    strip = np.asarray(drawn((640, 300)))[300:].astype(int)
    assert not (abs(strip - colour_table()[160]).max(axis=2) < 12).any()
