"""How far masks lie beside what they mark, in words."""

import pytest

from visioncli.models.offset import words


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        ((-0.62, -0.16), "0.6 pixels above and 0.2 pixels left of"),
        ((2.0, 0.5), "2.0 pixels below and 0.5 pixels right of"),
        ((0.01, -3.0), "3.0 pixels left of"),
        ((-1.0, 0.0), "1.0 pixels above"),
    ],
)
def test_directions_have_names_and_what_is_nothing_is_left_out(offset: tuple[float, float], said: str) -> None:
    assert words(offset) == said
