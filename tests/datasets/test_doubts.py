import numpy as np
import pytest

from visioncli.datasets.doubts import odd_boxes
from visioncli.datasets.interface import Images, plain_annotations


def warned(boxes, size=(100, 80)):
    images = Images(("a.jpg",), np.array([size], np.int64))
    rows = plain_annotations([0] * len(boxes), [0] * len(boxes), np.array(boxes, float), None, corners=False)
    return odd_boxes(images, rows, "found.json")


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ([[0.1, 0.1, 0.2, 0.3], [0.5, 0.5, 0.5, 0.5]], "shares of the picture"),
        ([[60, 50, 90, 70], [10, 60, 50, 75], [1, 1, 5, 5]], "reach beyond their pictures"),
    ],
)
def test_boxes_that_cannot_be_meant_so_are_mentioned(boxes, words):
    (warning,) = warned(boxes)
    assert warning.startswith("found.json: ") and words in warning


def test_boxes_within_their_pictures_are_not_mentioned():
    assert warned([[0, 0, 100, 80], [90, 70, 15, 12], [-3, -3, 110, 90]]) == []
    assert warned([[0, 0, 1000, 800]], size=(0, 0)) == []
    assert warned([]) == []
