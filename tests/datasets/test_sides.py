"""Both sides of a comparison: roots of data sets on either, the split that is meant, and sides that are swapped."""

import json

import pytest

from datasets.test_roots import (
    LAYOUTS,
    PICTURES,
    SINGLE,
    coco,
    coco_root,
    put,
    roboflow_coco,
    ultralytics,
    voc,
    yolo_split,
)
from visioncli.datasets.align import align
from visioncli.datasets.interface import DatasetError, ReadOptions
from visioncli.datasets.sides import locate, read_both
from visioncli.errors import UsageError


def found(path, stems, score=0.9):
    record = {"schema": "vision/1", "task": "detect", "width": 100, "height": 80, "error": None}
    box = {"label": "cat", "label_id": 0, "box": [10, 8, 30, 24]} | ({} if score is None else {"score": score})
    put(path, "\n".join(json.dumps(record | {"input": f"photos/{s}.jpg", "predictions": [box]}) for s in stems))
    return path


def both(truth, predictions, split=None, options=ReadOptions()):  # noqa: B008 - frozen
    return read_both(*(locate(p, None, keypoints=False) for p in (truth, predictions)), options, split)


def matched(truth, predictions):
    data = align(truth, predictions)
    assert data.truth.xywh.tolist() == [pytest.approx([10, 8, 20, 16])] * len(data.truth)
    return len(data.truth), len(data.detections)


@pytest.mark.parametrize("layout", (*LAYOUTS, *SINGLE), ids=lambda f: f.__name__)
@pytest.mark.parametrize("left", [True, False], ids=["truth", "predictions"])
def test_a_root_is_taken_on_either_side_by_the_split_that_is_meant(tmp_path, layout, left):
    layout(tmp_path / "set")
    other = found(tmp_path / "found.jsonl", PICTURES["val"], 0.9 if left else None)
    sides = (tmp_path / "set", other) if left else (other, tmp_path / "set")
    data = both(*sides)
    assert matched(*data) == (2, 2)
    notes = [w for side in data for w in side.warnings]
    assert len(notes) == (layout in LAYOUTS)
    if notes:
        assert "took the split val" in notes[0] and "--split" in notes[0]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
def test_the_split_can_be_chosen(tmp_path, layout):
    layout(tmp_path / "set")
    truth, _ = both(tmp_path / "set", found(tmp_path / "found.jsonl", PICTURES["val"]), "train")
    assert {name[-6:-4] if name.endswith(".jpg") else name[-2:] for name in truth.images.names} == {"t0", "t1"}
    with pytest.raises(UsageError, match=r"no split 'tst'.*It has val"):
        both(tmp_path / "set", tmp_path / "found.jsonl", "tst")
    with pytest.raises(UsageError, match="neither side has several splits"):
        both(tmp_path / "found.jsonl", tmp_path / "found.jsonl", "val")


def test_predictions_of_training_pictures_are_compared_with_them(tmp_path):
    voc(tmp_path / "set")
    data = both(tmp_path / "set", found(tmp_path / "found.jsonl", PICTURES["train"]))
    assert matched(*data) == (2, 2)
    assert "took the split train, which has the pictures of the other side" in data[0].warnings[0]


@pytest.mark.parametrize("layout", LAYOUTS[:6], ids=lambda f: f.__name__)
def test_predictions_of_several_splits_are_compared_with_all_of_these(tmp_path, layout):
    layout(tmp_path / "set")
    stems = (*PICTURES["train"], *PICTURES["val"])
    data = both(tmp_path / "set", found(tmp_path / "found.jsonl", stems))
    assert matched(*data) == (4, 4)
    assert "took the splits val" in data[0].warnings[0]


def test_the_long_file_of_the_training_pictures_is_not_read(tmp_path):
    coco_root(tmp_path / "set")
    (tmp_path / "set/annotations/instances_train2017.json").write_text("{")
    assert matched(*both(tmp_path / "set", found(tmp_path / "found.jsonl", PICTURES["val"]))) == (2, 2)


def test_results_with_ids_find_the_split_that_has_them(tmp_path):
    coco_root(tmp_path / "set")
    body = coco(PICTURES["train"])
    for entry in (*body["images"], *body["annotations"]):
        entry["id"] += 100
    for entry in body["annotations"]:
        entry["image_id"] += 100
    put(tmp_path / "set/annotations/instances_train2017.json", json.dumps(body))
    result = {"image_id": 101, "category_id": 1, "bbox": [10, 8, 20, 16], "score": 0.5}
    put(tmp_path / "results.json", json.dumps([result]))
    truth, _ = both(tmp_path / "set", tmp_path / "results.json")
    assert "took the split train2017" in truth.warnings[0]


def test_two_roots_are_compared_by_the_same_split(tmp_path):
    ultralytics(tmp_path / "one")
    roboflow_coco(tmp_path / "two")
    (tmp_path / "two/val").rename(tmp_path / "two/valid")
    data = both(tmp_path / "one", tmp_path / "two")
    assert matched(*data) == (2, 2)
    assert ["took the split val;" in data[0].warnings[0], "took the split valid;" in data[1].warnings[0]] == [
        True
    ] * 2


def test_pictures_of_the_root_without_labels_are_pictures_without_objects(tmp_path):
    ultralytics(tmp_path / "set")
    (tmp_path / "set/labels/val/v1.txt").unlink()
    assert matched(*both(tmp_path / "set", found(tmp_path / "found.jsonl", PICTURES["val"]))) == (1, 2)


@pytest.mark.parametrize("layout", [coco_root, voc, ultralytics], ids=lambda f: f.__name__)
def test_yolo_predictions_take_the_sizes_of_pictures_from_the_truth(tmp_path, layout):
    layout(tmp_path / "set")
    for stem in PICTURES["val"]:
        put(tmp_path / "found" / f"{stem}.txt", "0 0.2 0.2 0.2 0.2 0.9\n")
    put(tmp_path / "found" / "classes.txt", "cat\n")
    assert matched(*both(tmp_path / "set", tmp_path / "found")) == (2, 2)


def test_a_truth_of_yolo_takes_the_sizes_of_pictures_from_the_predictions(tmp_path):
    put(tmp_path / "labels" / "v0.txt", "0 0.2 0.2 0.2 0.2\n")
    put(tmp_path / "labels" / "classes.txt", "cat\n")
    assert matched(*both(tmp_path / "labels", found(tmp_path / "found.jsonl", ["v0"]))) == (1, 1)


def swapped_pairs(tmp_path):
    scored = coco(["v0"])
    for entry in scored["annotations"]:
        entry["score"] = 0.5
    put(tmp_path / "scored.json", json.dumps(scored))
    put(tmp_path / "plain.json", json.dumps(coco(["v0"])))
    put(tmp_path / "scored.csv", "input,label,score,x1,y1,x2,y2\nv0.jpg,cat,.5,10,8,30,24\n")
    yolo_split(tmp_path / "scored", tmp_path / "scored", ["v0"])
    put(tmp_path / "scored/v0.txt", "0 0.2 0.2 0.2 0.2 0.9\n")
    put(tmp_path / "scored/classes.txt", "cat")
    found(tmp_path / "scored.jsonl", ["v0"])
    return tmp_path / "plain.json"


@pytest.mark.parametrize("name", ["scored.json", "scored.csv", "scored.jsonl", "scored"])
def test_scores_on_the_side_of_the_truth_alone_mean_that_the_sides_are_swapped(tmp_path, name):
    plain = swapped_pairs(tmp_path)
    with pytest.raises(DatasetError, match="The truth comes first: swap the two"):
        both(tmp_path / name, plain)
    assert matched(*both(plain, tmp_path / name)) == (1, 1)
    assert matched(*both(tmp_path / name, tmp_path / "scored.csv")) == (1, 1)  # predictions of two networks


def test_results_with_ids_alone_are_understood_through_a_coco_file(tmp_path):
    voc(tmp_path / "set")
    put(
        tmp_path / "results.json",
        json.dumps([{"image_id": 1, "category_id": 1, "bbox": [10, 8, 20, 16], "score": 1}]),
    )
    put(tmp_path / "ids.json", json.dumps(coco(PICTURES["val"])))
    with pytest.raises(DatasetError, match=r"results.json: it has only ids of pictures.*--images FILE"):
        align(*both(tmp_path / "set", tmp_path / "results.json"))
    data = both(tmp_path / "set", tmp_path / "results.json", options=ReadOptions(images=tmp_path / "ids.json"))
    assert matched(*data) == (2, 1)


@pytest.mark.parametrize("name", ["images", "images/val", "labels/../images"])
def test_a_folder_of_pictures_names_the_data_set_that_it_belongs_to(tmp_path, name):
    ultralytics(tmp_path / "set")
    with pytest.raises(DatasetError, match=r"It is a part of the data set .*set: give that"):
        locate(tmp_path / "set" / name, None, keypoints=False)
