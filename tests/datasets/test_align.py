from pathlib import Path

import numpy as np
import pytest

from visioncli.datasets.align import align
from visioncli.datasets.interface import Categories, Dataset, DatasetError, Images, plain_annotations


def dataset(names, image, classes=("cat",), category=None, *, ids=None, class_ids=None, listed=True, form="coco"):
    boxes = np.tile([0.0, 0, 9, 9], (len(image), 1))
    return Dataset(
        Path("truth" if form == "coco" else "found"),
        form,
        Images(tuple(names), np.zeros((len(names), 2), np.int64), ids, listed),
        Categories(tuple(classes), class_ids, listed),
        plain_annotations(image, category or [0] * len(image), boxes, None),
        True,
    )


def test_equal_ids_of_different_pictures_are_matched_by_name():
    truth = dataset(["a.jpg", "b.jpg"], [0, 1], ids=(1, 2))
    found = dataset(["b.jpg", "a.jpg"], [0, 1], ids=(1, 2), form="found")
    assert align(truth, found).detections.image.tolist() == [1, 0]
    nameless = dataset(["", ""], [0, 1], ids=(2, 1), form="found")
    assert align(truth, nameless).detections.image.tolist() == [1, 0]


def test_pictures_and_classes_come_in_the_order_of_their_ids():
    truth = dataset(["b", "a"], [0, 1, 1], ("dog", "cat"), [0, 1, 0], ids=(9, 3), class_ids=(18, 17))
    both = align(truth, dataset(["a"], [0], ("cat",), [0], form="found"))
    assert both.images.ids == (3, 9)
    assert both.categories.names == ("cat", "dog")
    assert both.truth.image.tolist() == [1, 0, 0]
    assert both.truth.category.tolist() == [1, 0, 1]
    assert both.detections.category.tolist() == [0]


def test_unknown_pictures_and_classes_are_refused_named_or_left_out():
    truth = dataset(["a.jpg"], [0])
    with pytest.raises(DatasetError, match=r"truth has no images named z\.jpg") as caught:
        align(truth, dataset(["z.jpg"], [0], form="found"))
    assert caught.value.kind == "unknown_pictures"
    with pytest.raises(DatasetError, match=r"categories named kat. Did you mean cat"):
        align(truth, dataset(["a.jpg"], [0], ("kat",), form="found"))
    both = align(truth, dataset(["a.jpg", "z.jpg"], [0, 1], form="found"), skip_unknown=True)
    assert len(both.detections) == 1
    assert "left out the predictions of 1 images" in both.warnings[0]


@pytest.mark.parametrize("listed", [True, False])
def test_it_says_where_each_picture_of_the_predictions_is_in_the_end(listed):
    truth = dataset(["b.jpg", "a.jpg"], [0, 1], ids=(7, 3), listed=listed)
    both = align(truth, dataset(["a.jpg", "z.jpg", "b.jpg"], [0, 2], form="found"))
    names = [both.images.names[i] if i >= 0 else None for i in both.predicted]
    assert names == ["a.jpg", None if listed else "z.jpg", "b.jpg"]


def test_pictures_that_are_left_out_are_nowhere_in_the_end():
    truth = dataset(["a.jpg"], [0], listed=False)
    both = align(truth, dataset(["z.jpg", "a.jpg"], [0, 1], form="found"), skip_unknown=True)
    assert both.predicted.tolist() == [-1, 0]


def test_unknown_pictures_without_detections_do_no_harm():
    truth = dataset(["a.jpg"], [0])
    assert len(align(truth, dataset(["a.jpg", "z.jpg"], [0], form="found")).images) == 1


def test_a_truth_that_cannot_list_its_pictures_takes_new_ones_in():
    truth = dataset(["a.jpg"], [0], listed=False)
    both = align(truth, dataset(["a.jpg", "z.jpg"], [1], ("dog",), form="found"))
    assert both.images.names == ("a.jpg", "z.jpg")
    assert both.categories.names == ("cat", "dog")
    assert both.detections.category.tolist() == [1]


def test_class_numbers_of_yolo_are_no_coco_ids():
    truth = dataset(["a.jpg"], [0], ("cat",), ids=(1,), class_ids=(1,))
    with pytest.raises(DatasetError, match="--names"):
        align(truth, dataset(["a"], [0], ("",), class_ids=(1,), form="yolo"))


def test_classes_match_by_name_in_any_case_where_ids_differ():
    truth = dataset(["a.jpg"], [0], ("Cat", "dog"), [1], class_ids=(1, 2))
    found = dataset(["a.jpg"], [0], ("dog", "cat"), [1], class_ids=(1, 2), form="found")
    assert align(truth, found).detections.category.tolist() == [0]


def test_classes_that_do_not_occur_are_left_out_where_there_are_very_many(monkeypatch):
    monkeypatch.setattr("visioncli.datasets.align.MANY_CLASSES", 3)
    names = tuple("abcdef")
    both = align(
        dataset(["a.jpg"], [0, 0], names, [4, 1], class_ids=tuple(range(10, 16))),
        dataset(["a.jpg"], [0, 0], names, [4, 5], class_ids=tuple(range(10, 16)), form="found"),
    )
    assert both.categories.names == ("b", "e", "f") and both.categories.ids == (11, 14, 15)
    assert both.truth.category.tolist() == [1, 0] and both.detections.category.tolist() == [1, 2]
    monkeypatch.setattr("visioncli.datasets.align.MOST_CLASSES", 2)
    with pytest.raises(DatasetError, match="3 different classes, and at most 2 can be compared"):
        align(dataset(["a.jpg"], [0, 0], names, [4, 1]), dataset(["a.jpg"], [0], names, [5], form="found"))


def test_equal_ids_of_pictures_with_one_name_in_two_folders_are_matched_by_folder():
    truth = dataset(["val/a/42.jpg", "val/b/42.jpg"], [0, 1], ids=(1, 42))
    found = dataset(["a/42.jpg", "b/42.jpg"], [0, 1], ids=(42, 999), form="found")
    assert align(truth, found).detections.image.tolist() == [0, 1]
    bare = dataset(["42.jpg", "42.jpg"], [0, 1], ids=(42, 1), form="found")
    assert align(truth, bare).detections.image.tolist() == [1, 0]
