import numpy as np
import pytest

from visioncli.render.confusion import _chosen, draw


def table(classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, (classes, classes)) + 90 * np.eye(classes, dtype=np.int64)


@pytest.mark.parametrize("classes", [0, 1, 2, 10, 100, 200])
def test_a_table_of_any_number_of_classes_is_a_picture_of_bounded_size(classes):
    labels = [f"class {k} " + "long " * k for k in range(classes)]
    picture = draw(labels, table(classes), "20 validation pictures", most=200, objects="pictures")
    assert max(picture.size) < 2400


def test_of_too_many_classes_those_with_the_most_pictures_are_drawn():
    counts = table(300)
    counts[:290] //= 10
    small = draw([f"c{k}" for k in range(300)], counts, "pictures", most=10)
    assert max(small.size) < 1000
    with_rest = np.pad(counts, (0, 1))
    assert draw([f"c{k}" for k in range(300)], with_rest, "n", most=10, rest=("missed", "")).size > small.size


def test_of_too_many_classes_those_that_are_confused_most_are_drawn_on_request():
    counts = np.diag(np.arange(200) + 50)
    for n, (truth, predicted) in enumerate([(150, 3), (3, 77), (9, 60)]):
        counts[truth, predicted] = 40 - n
    chosen, names = _chosen(tuple(f"c{k}" for k in range(200)), counts, 6, confused=True)
    assert names == ["c3", "c9", "c60", "c77", "c150", "c199"]  # the last has the most pictures of all others
    assert chosen[names.index("c150"), names.index("c3")] == 40
    assert _chosen(tuple(f"c{k}" for k in range(200)), counts, 4, confused=True)[1] == ["c3", "c77", "c150", "c199"]


def test_the_picture_of_the_classes_that_are_confused_most_says_so():
    labels = [f"c{k}" for k in range(200)]
    drawn = [np.asarray(draw(labels, table(200), "n", most=60, confused=way)) for way in (True, False)]
    assert max(drawn[0].shape) < 1700
    assert drawn[0].shape != drawn[1].shape or (drawn[0][:40] != drawn[1][:40]).any()


def test_three_digits_are_written_in_the_cells_of_a_hundred_classes():
    labels = [f"c{k}" for k in range(100)]
    empty, filled = np.zeros((100, 100), np.int64), np.zeros((100, 100), np.int64)
    empty[0, 0], filled[0, 0] = 123_456, 123
    shown = np.asarray(draw(labels, filled, "n")).astype(int) - np.asarray(draw(labels, empty, "n"))
    assert np.abs(shown).max() > 60
