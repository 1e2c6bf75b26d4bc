import dataclasses

import numpy as np
import pytest
from PIL import Image

from visioncli.predictions import Segment
from visioncli.render.canvas import STRIP
from visioncli.render.colours import class_colour
from visioncli.render.segment import draw
from visioncli.results import ModelInfo, Record
from visioncli.tasks.segment.masks import bounding_box, segment_fields


def segment(mask: np.ndarray, label: str = "cat", label_id: int = 8, **more: object) -> Segment:
    return Segment(label, label_id, **segment_fields(mask, with_polygons=False), **more)  # type: ignore[arg-type]


def record(size: tuple[int, int], *found: Segment, **extra: object) -> Record:
    return Record("segment", "a", *size, ModelInfo("m", None), found, extra=extra)


def half(width: int, height: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[:, : max(1, width // 2)] = True
    return mask


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (2000, 3), (640, 480), (3000, 2000)])
def test_the_legend_lies_below_and_the_unmasked_picture_is_untouched(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (10, 200, 90))
    drawn = np.asarray(draw(image, record(size, segment(half(*size))), {}))
    left = (drawn.shape[1] - size[0]) // 2
    picture = drawn[: size[1], left : left + size[0]]
    assert (picture[~half(*size)] == (10, 200, 90)).all()
    strip = drawn[size[1] :]
    assert strip.shape[0] >= 12 and (strip == STRIP).all(2).mean() > 0.3
    assert (strip == class_colour("cat", 8)).all(2).any()
    assert strip.max() > 200


@pytest.mark.parametrize("opacity", [0.0, 0.5, 1.0])
def test_opacity_mixes_the_class_colour_in(opacity: float) -> None:
    image = Image.new("RGB", (400, 300), (100, 100, 100))
    drawn = draw(image, record((400, 300), segment(half(400, 300))), {}, opacity=opacity)
    want = np.array(class_colour("cat", 8)) * opacity + 100 * (1 - opacity)
    assert np.abs(np.array(drawn.getpixel((100, 150))) - want).max() <= 1


def test_a_class_has_one_colour_in_every_picture_and_objects_of_a_class_differ() -> None:
    image = Image.new("RGB", (400, 300))
    boxes = [(0.0, 0.0, 200.0, 300.0), (200.0, 0.0, 400.0, 300.0)]
    masks = [half(400, 300), ~half(400, 300)]
    objects = [segment(m, score=0.5, box=b, approximate=True) for m, b in zip(masks, boxes, strict=True)]
    drawn = draw(image, record((400, 300), *objects, approximate=True), {}, opacity=1)
    assert drawn.getpixel((100, 200)) != drawn.getpixel((300, 200))


def test_many_classes_wrap_into_lines_within_the_frame() -> None:
    image = Image.new("RGB", (300, 200))
    mask = half(300, 200)
    many = [segment(mask, f"some long class name {n}", n) for n in range(20)]
    drawn = np.asarray(draw(image, record((300, 200), *many), {}))
    assert drawn.shape[1] == 300
    assert (drawn[200:, -2:] == STRIP).all()
    assert drawn.shape[0] > 200 + 10 * 12


def test_nothing_found_is_said() -> None:
    drawn = np.asarray(draw(Image.new("RGB", (400, 300)), record((400, 300)), {}))
    assert drawn.shape[0] > 300 and drawn[300:].max() > 200


@pytest.mark.parametrize(("share", "shown"), [(0.0004, False), (0.0006, True)])
def test_a_class_below_a_twentieth_of_a_per_cent_is_not_in_the_legend(share: float, shown: bool) -> None:
    mask = np.zeros((100, 100), bool)
    mask[0, :5] = True
    found = segment(np.ones((100, 100), bool)), dataclasses.replace(segment(mask, "dog", 12), share=share)
    strip = np.asarray(draw(Image.new("RGB", (100, 100)), record((100, 100), *found), {}))[100:]
    assert (strip == class_colour("dog", 12)).all(2).any() == shown
    assert (strip == class_colour("cat", 8)).all(2).any()


def test_the_legend_counts_the_objects_of_a_class_and_tags_carry_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []
    monkeypatch.setattr("visioncli.render.legend.write", lambda pen, at, text, *_: written.append(text))
    monkeypatch.setattr("visioncli.render.detect.write", lambda pen, at, text, *_: written.append(text))
    found = []
    for n in range(3):
        mask = np.zeros((300, 600), bool)
        mask[100:200, 200 * n + 20 : 200 * n + 160] = True
        found.append(segment(mask, "dog" if n == 1 else "cat", 17 + n % 2, score=0.5, box=bounding_box(mask)))
    draw(Image.new("RGB", (600, 300)), record((600, 300), *found), {})
    assert written == ["1 cat 0.50", "2 dog 0.50", "3 cat 0.50", "2 x cat 15.6 %", "dog 7.8 %"]


@pytest.mark.parametrize("approximate", [True, None])
def test_only_approximate_masks_are_called_so(approximate: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr("visioncli.render.legend.write", lambda pen, at, text, *_: written.append(text))
    one = segment(half(400, 300), score=0.5, box=(0.0, 0.0, 200.0, 300.0), approximate=approximate)
    draw(Image.new("RGB", (400, 300)), record((400, 300), one), {})
    assert any(text.startswith("approximate") for text in written) == bool(approximate)
