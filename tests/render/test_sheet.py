import numpy as np

from visioncli.render.sheet import MEAN, Sheet, one_line


def test_coordinates_are_those_of_the_finished_picture():
    sheet = Sheet(60, 40)
    sheet.box((10, 5, 30, 25), MEAN)
    pixels = np.asarray(sheet.finished())
    assert pixels.shape == (40, 60, 3)
    assert (pixels[8:22, 13:27] == MEAN).all()
    assert (pixels[:, 40:] == 255).all()


def test_a_ring_is_empty_and_a_dot_is_not():
    sheet = Sheet(60, 30)
    sheet.ring((15, 15), MEAN, 6)
    sheet.dot((45, 15), MEAN, 6)
    pixels = np.asarray(sheet.finished())
    assert (pixels[15, 15] == 255).all() and (pixels[15, 45] == MEAN).all()


def test_a_label_becomes_one_line_of_bounded_length():
    assert one_line("a\nb\tc") == "a b c"
    assert len(one_line("x" * 10_000)) == 100
    assert one_line("\x1b") == "?"
