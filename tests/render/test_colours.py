import pytest

from visioncli.models.labels import load_labels
from visioncli.render.colours import category_colour, ink_on


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance by WCAG 2."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_a_category_has_the_same_colour_in_every_run() -> None:
    assert [category_colour(i) for i in (1, 2, 17)] == [(76, 104, 240), (108, 212, 17), (17, 181, 212)]


def test_categories_differ_and_neighbours_clearly() -> None:
    colours = {i: category_colour(i) for i in load_labels("coco")}
    assert len(set(colours.values())) == 80
    for i, colour in colours.items():
        if i + 1 in colours:
            assert sum(abs(a - b) for a, b in zip(colour, colours[i + 1], strict=True)) > 100


@pytest.mark.parametrize("label_id", range(0, 100))
def test_letters_can_be_read_on_every_colour(label_id: int) -> None:
    colour = category_colour(label_id)
    light, dark = sorted((luminance(colour), luminance(ink_on(colour))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
