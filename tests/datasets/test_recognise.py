import json
import os

import pytest
from PIL import Image

from visioncli.datasets.interface import DatasetError, ReadOptions
from visioncli.datasets.recognise import Format, read, recognise


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("a.json", '{"images": []}', Format.COCO),
        ("a.json", "[]", Format.COCO),
        ("a.json", '[{"image_id": 1}]', Format.COCO),
        ("a.json", '[\n{"schema": "vision/1", "input": "x"}]', Format.JSONL),
        ("a.json", '{"schema": "vision/1", "input": "x"}\n{}', Format.JSONL),
        ("a.jsonl", "", Format.JSONL),
        ("a.CSV", "", Format.CSV),
        ("a.txt", "", Format.YOLO),
        ("a.xml", "", Format.VOC),
        ("a.png", "", Format.LABELMAP),
        ("noname", "<annotation/>", Format.VOC),
        ("folder/predictions.jsonl", "", Format.JSONL),
        ("folder/x/a.txt", "", Format.YOLO),
        ("folder/x/a.xml", "", Format.VOC),
    ],
)
def test_formats_are_recognised(tmp_path, name, text, form):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert recognise(tmp_path / name.split("/")[0]) is form


def test_a_folder_of_png_holds_label_maps(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    assert recognise(tmp_path) is Format.LABELMAP


def test_what_is_not_recognised_says_so(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        recognise(tmp_path / "nothing")
    with pytest.raises(DatasetError, match=r"holds no predictions.jsonl"):
        recognise(tmp_path)
    (tmp_path / "a").write_text("hello")
    with pytest.raises(DatasetError, match="--truth-format"):
        recognise(tmp_path / "a")
    (tmp_path / "a.json").write_text("")
    with pytest.raises(DatasetError, match="empty"):
        recognise(tmp_path / "a.json")
    with pytest.raises(DatasetError, match="this is a folder"):
        read(tmp_path, Format.COCO, ReadOptions())
    with pytest.raises(DatasetError, match="no boxes"):
        read(tmp_path, Format.LABELMAP, ReadOptions())


def test_a_csv_without_a_suffix_is_known_by_its_header(tmp_path):
    path = tmp_path / "63"
    path.write_text('"Image",label,score,xmin,ymin,xmax,ymax\n')
    assert recognise(path) is Format.CSV
    path.write_text("input,label,score\n")
    with pytest.raises(DatasetError, match="not recognised"):
        recognise(path)


def test_folders_and_pipes_named_like_annotations_are_none(tmp_path):
    (tmp_path / "a.xml").mkdir()
    os.mkfifo(tmp_path / "b.xml")
    os.mkfifo(tmp_path / "c.txt")
    with pytest.raises(DatasetError, match=r"holds no predictions.jsonl"):
        recognise(tmp_path)


def test_names_longer_than_a_file_name_are_of_no_file(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        recognise(tmp_path / ("x" * 5000))


def record(task, **prediction):
    body = {
        "schema": "vision/1",
        "task": task,
        "input": "a.jpg",
        "width": 9,
        "height": 9,
        "predictions": [prediction],
    }
    return json.dumps(body) + "\n"


def test_of_a_folder_with_records_of_several_tasks_those_are_read_that_can_be_compared(tmp_path):
    (tmp_path / "predictions.jsonl").write_text(record("classify", label="cat", label_id=1, score=0.5))
    with pytest.raises(DatasetError, match="has no box"):
        read(tmp_path, Format.JSONL, ReadOptions())
    for task in ("segment", "detect", "pose"):
        box = {"label": task, "label_id": 1, "score": 0.5, "box": [0, 0, 5, 5]}
        (tmp_path / f"predictions.{task}.jsonl").write_text(record(task, **box))
    found = read(tmp_path, Format.JSONL, ReadOptions())
    assert found.categories.names == ("detect",)
    assert found.warnings[0].endswith("holds records of vision classify, so predictions.detect.jsonl is compared.")
    with pytest.raises(DatasetError, match=r"predictions\.segment\.jsonl: line 1: prediction 0: mask"):
        read(tmp_path, Format.JSONL, ReadOptions(masks=True))
    with pytest.raises(DatasetError, match=r"predictions\.pose\.jsonl: line 1: prediction 0: keypoints"):
        read(tmp_path, Format.JSONL, ReadOptions(keypoints=True))
    (tmp_path / "predictions.jsonl").write_text(record("pose", label="last", label_id=1, score=0.5, box=[0, 0, 5, 5]))
    assert read(tmp_path, Format.JSONL, ReadOptions()).categories.names == ("last",)
