import numpy as np

from visioncli.render import game_curves
from visioncli.render.curves import TRAINING, VALIDATION


def count(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels.astype(int) - colour).max(2) < 12).sum())


def test_each_line_is_drawn_in_its_colour() -> None:
    panels = {"loss": {"generator": [1.0, 0.5, 0.4], "discriminator": [0.2, 0.6, 0.7]}, "distance": {"": [9.0, 4, 2]}}
    pixels = np.asarray(game_curves.draw(panels, "run", [1, 2, 3]))
    assert pixels.shape == (game_curves.HEIGHT, game_curves.WIDTH, 3)
    left, right = pixels[100:250, :390], pixels[100:250, 410:]
    assert count(left, VALIDATION) > 50
    assert count(left, TRAINING) > 50
    assert count(right, VALIDATION) > 50
    assert count(right, TRAINING) == 0


def test_what_was_not_measured_leaves_a_gap_and_nothing_breaks() -> None:
    for values in ([None, None], [1.0], [], [None, 2.0, float("nan")]):
        game_curves.draw({"loss": {"generator": values}}, "run", list(range(len(values))))
