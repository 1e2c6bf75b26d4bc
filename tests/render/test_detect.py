import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from visioncli.predictions import Detection
from visioncli.render.canvas import readable_size
from visioncli.render.colours import class_colour
from visioncli.render.detect import MOST_UNNAMED, draw, draw_boxes, mark
from visioncli.results import ModelInfo, Record

Place = tuple[float, float, float, float]
SIZES = st.tuples(st.integers(1, 4000), st.integers(1, 3000)) | st.tuples(st.integers(1, 60), st.integers(1, 60))
SHARES = st.tuples(*[st.floats(0, 1)] * 4)
LABELS = st.text(max_size=30) | st.sampled_from(["person", "größe 猫 ключ", "a" * 200, "two\nlines"])


def drawn(size: tuple[int, int], boxes: list[tuple[Place, str, int]]) -> tuple[Image.Image, list[Place], list[Place]]:
    """The picture, the filled label rectangles, and where the letters lie."""
    plates: list[Place] = []
    letters: list[Place] = []

    class Noting(ImageDraw.ImageDraw):
        def rectangle(self, xy, fill=None, **options):  # type: ignore[no-untyped-def]
            if fill is not None:
                plates.append(tuple(xy))
            super().rectangle(xy, fill=fill, **options)

        def bitmap(self, xy, bitmap, fill):  # type: ignore[no-untyped-def]
            letters.append((*xy, xy[0] + bitmap.width, xy[1] + bitmap.height))
            super().bitmap(xy, bitmap, fill)

    image = Image.new("RGB", size)
    usual = ImageDraw.Draw
    ImageDraw.Draw = Noting  # type: ignore[assignment, misc]
    try:
        draw_boxes(image, [mark(box, text, label_id) for box, text, label_id in boxes])
    finally:
        ImageDraw.Draw = usual
    return image, plates, letters


@settings(deadline=None, max_examples=150)
@given(SIZES, st.lists(st.tuples(SHARES, LABELS, st.integers(0, 200)), max_size=5))
@example((1, 1), [((0, 0, 1, 1), "person 0.99", 1)])
@example((4000, 3000), [((0.9, 0.9, 1, 1), "person 0.99", 1)])
@example((4000, 1), [((0, 0, 1, 1), "person 0.99", 1)])
def test_no_label_leaves_the_frame(
    size: tuple[int, int], given_boxes: list[tuple[tuple[float, ...], str, int]]
) -> None:
    width, height = size
    boxes = []
    for shares, text, label_id in given_boxes:
        (x1, x2), (y1, y2) = sorted(shares[:2]), sorted(shares[2:])
        boxes.append(((x1 * width, y1 * height, x2 * width, y2 * height), text, label_id))
    image, plates, letters = drawn(size, boxes)
    assert image.size == size
    for x1, y1, x2, y2 in plates + letters:
        assert x1 >= -0.5 and y1 >= -0.5 and x2 <= width + 1 and y2 <= height + 1


def test_a_picture_that_is_too_small_for_letters_keeps_its_box_only() -> None:
    image, plates, letters = drawn((8, 8), [((0, 0, 8, 8), "person", 1)])
    assert plates == letters == []
    assert image.getpixel((0, 0)) == class_colour("person", 1)
    assert image.getpixel((4, 4)) == (0, 0, 0)


def apart(plates: list[Place]) -> bool:
    """Whether no two overlap; a rectangle's last corner is its last pixel."""
    pairs = [(a, b) for n, a in enumerate(plates) for b in plates[n + 1 :]]
    return all(a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1] for a, b in pairs)


def test_tags_of_neighbours_keep_clear_of_each_other() -> None:
    _, plates, _ = drawn((640, 480), [((100, 100 + 3 * n, 300, 300), f"person {n}", 1) for n in range(4)])
    assert len(plates) == 4 and apart(plates)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 600)] * 2, *[st.integers(5, 200)] * 2), min_size=20, max_size=60))
def test_no_tags_overlap_in_a_crowd(places: list[tuple[int, int, int, int]]) -> None:
    boxes = [((x, y, min(x + w, 640), min(y + h, 480)), "person", 1) for x, y, w, h in places if y < 470]
    _, plates, _ = drawn((640, 480), boxes)
    assert apart(plates)


def test_in_a_crowd_the_surest_have_their_tags_and_all_have_their_boxes() -> None:
    boxes = [((100 + 4 * n, 100, 140 + 4 * n, 130), "person", 1) for n in range(60)]
    image, plates, _ = drawn((640, 480), boxes)
    assert 1 <= len(plates) < 60
    assert plates[0][3] < 100 and plates[0][0] <= 100
    assert image.getpixel((100 + 4 * 59 + 41, 115)) == class_colour("person", 1)


@pytest.mark.parametrize("size", [(60, 60), (300, 200), (640, 480), (4000, 3000), (3000, 200), (200, 3000)])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.5), (1.0, 0.0), (0.3, 1.0), (1.0, 1.0)])
def test_an_object_of_ten_pixels_stays_visible(size: tuple[int, int], place: tuple[float, float]) -> None:
    x, y = round(place[0] * (size[0] - 10)), round(place[1] * (size[1] - 10))
    image, plates, _ = drawn(size, [((x, y, x + 10, y + 10), "bird", 16)])
    assert image.crop((x + 2, y + 2, x + 8, y + 8)).getcolors() == [(36, (0, 0, 0))]
    if size != (60, 60):
        assert len(plates) == 1


def test_a_tag_does_not_hide_anothers_small_object() -> None:
    boxes = [
        ((200, 200, 400, 400), "dog", 18),
        *(((200 + 30 * n, 185, 210 + 30 * n, 195), "bird", 16) for n in range(6)),
    ]
    image, _, _ = drawn((640, 480), boxes)
    for x1, y1, x2, y2 in (tuple(map(int, box)) for box, *_ in boxes[1:]):
        assert image.crop((x1, y1, x2, y2)).getcolors() == [(100, (0, 0, 0))]


def test_a_tag_without_room_for_its_score_shows_the_label_alone() -> None:
    size = readable_size(90, 90)
    found = [Detection("person", 1, 0.5, (0, 0, 90, 90))]
    long = draw(Image.new("RGB", (90, 90)), Record("detect", "a", 90, 90, ModelInfo("m", None), tuple(found)), {})
    plate = np.asarray(long)[2 : size - 2, 2:88]
    assert 0.4 < (plate == class_colour("person", 1)).all(2).any(0).mean() < 0.95


def test_a_box_on_a_ground_of_its_own_colour_can_be_seen() -> None:
    image = Image.new("RGB", (640, 480), class_colour("cat", 17))
    draw_boxes(image, [mark((200, 150, 400, 350), "cat", 17)])
    assert sum(image.getpixel((199, 250))) < 120  # type: ignore[arg-type]


def test_a_box_is_drawn_around_its_pixels_in_its_categorys_colour() -> None:
    image, _, _ = drawn((640, 480), [((200, 150, 400, 350), "cat", 17)])
    for place in ((200, 250), (399, 250), (300, 150), (300, 349)):
        assert image.getpixel(place) == class_colour("cat", 17)
    for place in ((197, 250), (402, 250), (300, 352), (300, 250)):
        assert image.getpixel(place) == (0, 0, 0)


@pytest.mark.parametrize("label", ["größe", "猫", "🐈", "ключ", "\u202eabc", ""])
def test_any_label_can_be_drawn(label: str) -> None:
    record = Record("detect", "a", 99, 99, ModelInfo("m", None), (Detection(label, 1, 0.5, (9, 9, 60, 60)),))
    assert draw(Image.new("RGB", (99, 99)), record, {}).getbbox() is not None


def test_the_picture_that_is_drawn_on_stays_as_it_was() -> None:
    image = Image.new("RGB", (50, 50))
    record = Record("detect", "a", 50, 50, ModelInfo("m", None), (Detection("cat", 1, 0.5, (9, 9, 40, 40)),))
    other = draw(image, record, {})
    assert image.getbbox() is None
    assert np.asarray(other).any()


def record(size: tuple[int, int], *found: Detection) -> Record:
    return Record("detect", "a", *size, ModelInfo("m", None), found)


def shown(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], *found: Detection) -> tuple[Image.Image, list[str]]:
    """The picture, and what is written on and below it."""
    written: list[str] = []
    for module in ("detect", "legend"):
        monkeypatch.setattr(f"visioncli.render.{module}.write", lambda pen, at, text, *_: written.append(text))
    return draw(Image.new("RGB", size), record(size, *found), {}), written


# Bicycles stand so close that there is no place for a tag at the one cat among them, nor a free one beside them.
BICYCLES = [
    Detection("bicycle", 2, 0.9, (x, y, x + 12.0, y + 12.0)) for x in range(0, 400, 16) for y in range(0, 300, 16)
]


def test_a_class_that_no_tag_names_is_in_a_legend_below_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    image, written = shown(
        monkeypatch, (400, 300), *BICYCLES, Detection("cat", 17, 0.5, (160.0, 160.0, 172.0, 172.0))
    )
    assert written == ["bicycle", "cat"]
    assert image.width == 400 and image.height > 320
    below = np.asarray(image)[300:]
    for label, label_id in (("bicycle", 2), ("cat", 17)):
        assert (below == class_colour(label, label_id)).all(2).any()


def test_where_each_class_is_named_once_there_is_no_legend(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Detection("bicycle", 2, 0.95, (40.0, 60.0, 300.0, 280.0))
    crowd = [Detection("bicycle", 2, 0.5, (100.0 + 4 * n, 100.0, 140.0 + 4 * n, 130.0)) for n in range(30)]
    image, written = shown(monkeypatch, (400, 300), alone, *crowd)
    assert image.size == (400, 300)
    assert "bicycle 0.95" in written


def test_a_small_picture_keeps_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    image, written = shown(monkeypatch, (40, 40), Detection("bicycle", 2, 0.5, (0.0, 0.0, 40.0, 40.0)))
    assert image.size == (40, 40) and written == []


def test_of_very_many_classes_the_legend_lists_the_surest_and_counts_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [Detection(f"kind {n}", n, 0.9 - n / 1000, box) for n, (_, _, _, box) in enumerate(map(fields, BICYCLES))]
    _, written = shown(monkeypatch, (400, 300), *many)
    assert written == [*(f"kind {n}" for n in range(MOST_UNNAMED)), f"and {len(many) - MOST_UNNAMED} more"]


def fields(one: Detection) -> tuple[str, int, float, Place]:
    return one.label, one.label_id, one.score, one.box


def test_the_surest_are_served_first_in_whatever_order_they_come() -> None:
    boxes = [Detection("person", 1, 0.2 + n / 100, (100 + 4.0 * n, 100, 140 + 4.0 * n, 130)) for n in range(60)]
    there, back = (draw(Image.new("RGB", (640, 480)), record((640, 480), *some), {}) for some in (boxes, boxes[::-1]))
    assert there.tobytes() == back.tobytes()


def test_a_long_name_is_abbreviated_before_it_is_left_out() -> None:
    assert mark((0, 0, 1, 1), "motorcycle", 4, 0.5).short == "mot…"
    assert mark((0, 0, 1, 1), "chair", 62, 0.5).short == ""
