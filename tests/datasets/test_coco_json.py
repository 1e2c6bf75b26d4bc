import copy
import json

import numpy as np
import pytest

from visioncli.datasets import coco_json
from visioncli.datasets.interface import DatasetError, ReadOptions, Role

TRUTH = {
    "images": [
        {"id": 1, "file_name": "a.jpg", "width": 100, "height": 80},
        {"id": 2, "file_name": "b.jpg", "width": 100, "height": 80},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}],
    "annotations": [
        {"id": 0, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]},
        {"id": 5, "image_id": 1, "category_id": 7, "bbox": [50, 10, 20, 30], "area": 500, "iscrowd": 0},
    ],
}
RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20], "score": 0.9},
    {"image_id": 2, "category_id": 7, "bbox": [52, 10, 20, 30], "score": 0.8},
]


def read(tmp_path, body, role=Role.TRUTH, **options):
    path = tmp_path / "file.json"
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    return coco_json.read(path, ReadOptions(role=role, **options))


def refused(tmp_path, body, role=Role.TRUTH, **options):
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, body, role, **options)
    assert str(caught.value).startswith(str(tmp_path / "file.json"))
    return str(caught.value)


def changed(**fields):
    body = copy.deepcopy(TRUTH)
    body["annotations"][1] |= fields
    return body


def test_missing_iscrowd_area_and_id_zero_are_fine(tmp_path):
    data = read(tmp_path, TRUTH)
    assert data.annotations.area.tolist() == [400.0, 500.0]
    assert not data.annotations.crowd.any()
    assert data.annotations.ids == (0, 5)
    assert data.annotations.boxes.tolist() == [[10, 10, 30, 30], [50, 10, 70, 40]]


def test_ignore_and_iscrowd_are_two_things(tmp_path):
    data = read(tmp_path, changed(ignore=1, iscrowd=0))
    assert data.annotations.ignore.tolist() == [False, True]
    assert data.annotations.crowd.tolist() == [False, False]


def test_results_may_be_an_empty_list(tmp_path):
    data = read(tmp_path, [], Role.PREDICTIONS)
    assert len(data.annotations) == 0
    assert data.annotations.xywh.shape == (0, 4)


def test_results_and_a_dataset_with_scores_are_both_predictions(tmp_path):
    listed = read(tmp_path, RESULTS, Role.PREDICTIONS)
    body = copy.deepcopy(TRUTH)
    body["annotations"] = [r | {"id": 0} for r in RESULTS]
    whole = read(tmp_path, body, Role.PREDICTIONS)
    assert np.array_equal(listed.annotations.xywh, whole.annotations.xywh)
    assert listed.annotations.score.tolist() == whole.annotations.score.tolist() == [0.9, 0.8]
    assert listed.images.ids == whole.images.ids == (1, 2)


def test_a_box_is_found_around_a_mask_that_has_none(tmp_path):
    polygon = [[10, 10, 30, 10, 30, 30, 10, 30]]
    row = {"image_id": 1, "category_id": 1, "segmentation": polygon, "score": 1}
    body = TRUTH | {"annotations": [row]}
    assert read(tmp_path, body, Role.PREDICTIONS).annotations.xywh.tolist() == [[10, 10, 20, 20]]
    masked = read(tmp_path, body, Role.PREDICTIONS, masks=True).annotations
    assert masked.area.tolist() == [400.0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bbox": [50, 10, -20, 30]}, "annotation 1 (id 5): the width of the box is negative (-20)"),
        ({"bbox": [50, 10, 20, float("nan")]}, "annotation 1 (id 5): bbox[3] is nan"),
        ({"bbox": [50, "10", 20, 30]}, 'annotation 1 (id 5): bbox[1] must be a number, not the text "10"'),
        ({"bbox": [50, 10, 20]}, "bbox must be a list of 4 numbers (x, y, width, height), not a list of 3"),
        ({"bbox": None}, "annotation 1 (id 5): bbox is missing"),
        ({"bbox": [True, 1, 2, None]}, "must be a number"),
        ({"image_id": 99}, 'unknown image ids, not in its "images" list: 99'),
        ({"image_id": "1"}, "of another type"),
        ({"image_id": [1]}, "image_id must be a whole number or a text"),
        ({"category_id": 99}, "unknown category ids"),
        ({"id": 0}, "duplicate annotation ids: 0"),
        ({"iscrowd": "yes"}, "iscrowd must be 0 or 1"),
        ({"area": -4}, "area is negative (-4)"),
        ({"area": "big"}, 'annotation 1 (id 5): area must be a number, not the text "big"'),
    ],
)
def test_wrong_annotations_are_named_with_their_place(tmp_path, fields, words):
    assert words in refused(tmp_path, changed(**fields))


def test_wrong_tables_are_named(tmp_path):
    for key, words in (("categories", 'no "categories" list'), ("images", 'no "images" list')):
        assert words in refused(tmp_path, {k: v for k, v in TRUTH.items() if k != key})
    assert "duplicate image ids: 1" in refused(tmp_path, TRUTH | {"images": [{"id": 1}, {"id": 1}]})
    assert "duplicate category ids: 1" in refused(tmp_path, TRUTH | {"categories": [{"id": 1}, {"id": 1}]})
    assert "id must be" in refused(tmp_path, TRUTH | {"images": [{"id": 1.5}]})
    assert "must be a list" in refused(tmp_path, TRUTH | {"annotations": {}})
    assert "annotation 0 must be an object" in refused(tmp_path, TRUTH | {"annotations": [3]})
    assert "swapped" in refused(tmp_path, RESULTS)
    assert "an object or a list, not 3" in refused(tmp_path, "3")


def test_malformed_json_is_named_with_line_and_column(tmp_path):
    assert "malformed JSON at line 2, column 4" in refused(tmp_path, '{"images": [1,\n 2,, 3]}')
    assert "the file is empty" in refused(tmp_path, " \n")
    assert "nested too deeply" in refused(tmp_path, "[" * 100_000)


def test_the_first_few_unknown_ids_are_named(tmp_path):
    body = TRUTH | {"annotations": [r | {"image_id": 90 + i, "id": i} for i, r in enumerate(RESULTS * 4)]}
    assert "90, 91, 92, 93, 94 and 3 more" in refused(tmp_path, body)


def test_scores_are_everywhere_or_nowhere(tmp_path):
    rows = copy.deepcopy(RESULTS)
    rows[1]["score"] = "high"
    assert 'score must be a number, not the text "high"' in refused(tmp_path, rows, Role.PREDICTIONS)
    del rows[1]["score"]
    assert "annotation 1: score is missing" in refused(tmp_path, rows, Role.PREDICTIONS)
    del rows[0]["score"]
    data = read(tmp_path, rows, Role.PREDICTIONS)
    assert not data.scored
    assert data.annotations.score.tolist() == [1, 1]


def test_keypoints_without_boxes_get_the_box_around_them(tmp_path):
    points = [v for i in range(17) for v in (10 + i, 20 + 2 * i, 1)]
    rows = [{"image_id": 1, "category_id": 1, "keypoints": points, "score": 1}]
    data = read(tmp_path, rows, Role.PREDICTIONS, keypoints=True)
    assert data.annotations.xywh.tolist() == [[10, 20, 16, 32]]
    assert data.annotations.keypoints.shape == (1, 17, 3)
    rows[0]["keypoints"] = points[:30]
    assert "list of 51 numbers" in refused(tmp_path, rows, Role.PREDICTIONS, keypoints=True)


POINTS = [v for i in range(17) for v in (10 + i, 20 + 2 * i, 1)]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": float("nan")}, "annotation 1: id must be a whole number or a text, not nan"),
        ({"id": [1]}, "annotation 1: id must be a whole number or a text, not a list of 1"),
        ({"bbox": [10**400, 1, 2, 3]}, "must be a finite number"),
        ({"bbox": [1e300, 1, 2, 3]}, "annotation 1 (id 5): the box reaches to 1e+300 pixels"),
        ({"area": 10**400}, "area is 1000"),
        ({"bbox": ["x" * 5000, 1, 2, 3]}, 'bbox[0] must be a number, not the text "xxx'),
    ],
)
def test_impossible_values_are_named_and_cut(tmp_path, fields, words):
    sentence = refused(tmp_path, changed(**fields))
    assert words in sentence and len(sentence) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("count", [-5, 18, 10**400, 1.5, "17", float("nan")])
def test_num_keypoints_is_a_number_that_a_person_can_have(tmp_path, count):
    body = changed(keypoints=POINTS, num_keypoints=count)
    assert "num_keypoints must be a whole number from 0 to 17" in refused(tmp_path, body, keypoints=True)
    read(tmp_path, changed(keypoints=POINTS, num_keypoints=17.0), keypoints=True)


def test_names_of_pictures_and_classes_are_texts(tmp_path):
    images = [TRUTH["images"][0], {"id": 2, "file_name": ["b.jpg"]}]
    assert "image 1 (id 2): file_name must be a text, not a list" in refused(tmp_path, TRUTH | {"images": images})
    categories = [TRUTH["categories"][0], {"id": 7, "name": {"en": "dog"}}]
    assert "category 1 (id 7): name must be a text" in refused(tmp_path, TRUTH | {"categories": categories})
    categories[1]["name"] = None
    assert read(tmp_path, TRUTH | {"categories": categories}).categories.names == ("cat", "7")


def test_one_long_text_among_numbers_takes_no_memory_for_all(tmp_path):
    rows = [copy.deepcopy(RESULTS[0]) for _ in range(3000)]
    rows[-1]["score"] = rows[-2]["bbox"][0] = "x" * 1_000_000
    assert "annotation 2998: bbox[0]" in refused(tmp_path, rows, Role.PREDICTIONS)
