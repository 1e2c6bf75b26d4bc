import math

import numpy as np
import pytest
from PIL import Image

from visioncli.render.curves import TRAINING, VALIDATION, Epoch, draw
from visioncli.render.sheet import Sheet


def epochs(n, stages=("head", "last", "all")):
    return [
        Epoch(stages[k * len(stages) // n], 1 / (k + 1), 1.2 / (k + 1), 1 - 0.5 / (k + 1), 1 - 0.6 / (k + 1), 0.1**k)
        for k in range(n)
    ]


def has(picture, colour, box):
    pixels = np.asarray(picture.crop(box)).astype(int)
    return (np.abs(pixels - colour).sum(axis=2) < 30).any()


@pytest.mark.parametrize("n", [1, 2, 30, 500])
def test_runs_of_any_length_fill_both_plots_and_stay_inside(n):
    picture = draw(epochs(n), n - 1)
    assert picture.size == (800, 500)
    for colour in (TRAINING, VALIDATION):
        assert has(picture, colour, (62, 84, 384, 324)) and has(picture, colour, (457, 84, 778, 324))
    edge = np.asarray(picture)[:, -6:]
    assert (edge == 255).all()


@pytest.mark.parametrize(
    ("stages", "wanted"), [(("head", "last", "all"), ["0", "1", "2"]), (("last", "all", "all"), ["1", "2", "3"])]
)
def test_epochs_are_counted_from_1_and_a_head_before_them_is_0(monkeypatch, stages, wanted):
    written, text = [], Sheet.text

    def noted(self, at, words, *rest):
        written.append(words)
        text(self, at, words, *rest)

    monkeypatch.setattr(Sheet, "text", noted)
    draw(epochs(3, stages))
    assert [words for words in written if words.isdecimal()][:3] == wanted


def test_no_epoch_and_no_validation_are_drawn():
    assert draw([]).size == (800, 500)
    picture = draw([Epoch("head", 0.5), Epoch("head", 0.4)])
    assert has(picture, TRAINING, (62, 84, 384, 324)) and not has(picture, VALIDATION, (62, 84, 384, 324))


def test_numbers_that_are_none_interrupt_the_line():
    odd = epochs(9)
    odd[3] = Epoch("last", math.nan, math.inf, None, -math.inf, 0.0)
    odd[4] = Epoch("last", 1e9, -1e9, 5.0, -5.0, -1.0)
    assert draw(odd, 3, "a\nb" * 100).size == (800, 500)


def test_a_best_epoch_that_is_marked_is_ringed():
    plain, marked = np.asarray(draw(epochs(9))), np.asarray(draw(epochs(9), 4))
    assert (plain[84:324, 62:388] != marked[84:324, 62:388]).any()


def test_the_same_run_gives_the_same_picture():
    assert Image.Image.tobytes(draw(epochs(9), 3)) == Image.Image.tobytes(draw(epochs(9), 3))
