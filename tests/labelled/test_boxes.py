import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from box_sets import annotation, draw_boxes, read, save
from visioncli.labelled.boxes import read_boxes
from visioncli.labelled.interface import SetError


def picture(path: Path, size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def coco(folder: Path, annotations: list[dict[str, Any]], names: tuple[str, ...] = ("cat", "dog")) -> Path:
    picture(folder / "images/a.png")
    return save(folder, [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}], annotations, names)


def test_coco_gives_pictures_with_and_without_objects(tmp_path: Path) -> None:
    found = read_boxes(str(draw_boxes(tmp_path / "set", 4)))
    assert found.format == "coco"
    assert found.classes == ("bright", "dark")
    assert [Path(example.path).name for example in found.examples] == ["0.png", "1.png", "2.png", "3.png"]
    assert len(found.objects[0]) == 0
    assert all(len(objects) for objects in found.objects[1:])
    body = read(tmp_path / "set")
    first = next(a for a in body["annotations"] if a["image_id"] == 1)
    x, y, w, h = first["bbox"]
    assert found.objects[1].boxes[0].tolist() == [x, y, x + w, y + h]
    assert found.objects[1].labels[0] == first["category_id"]
    assert found.objects[1].size == (96, 64)


def test_voc_and_yolo_give_the_same_boxes(tmp_path: Path) -> None:
    voc = tmp_path / "voc"
    picture(voc / "JPEGImages/a.png")
    (voc / "Annotations").mkdir()
    box = "<bndbox><xmin>4</xmin><ymin>3</ymin><xmax>20</xmax><ymax>18</ymax></bndbox>"
    (voc / "Annotations/a.xml").write_text(
        "<annotation><filename>a.png</filename><size><width>40</width><height>30</height><depth>3</depth></size>"
        f"<object><name>dog</name><difficult>1</difficult>{box}</object></annotation>"
    )
    yolo = tmp_path / "yolo"
    picture(yolo / "images/train/a.png")
    picture(yolo / "images/train/nothing.png")
    (yolo / "labels/train").mkdir(parents=True)
    (yolo / "labels/train/a.txt").write_text("0 0.3 0.35 0.4 0.5\n")
    (yolo / "classes.txt").write_text("dog\n")
    found = [read_boxes(str(folder)) for folder in (voc, yolo)]
    for one in found:
        assert one.classes == ("dog",)
        assert one.objects[0].boxes[0] == pytest.approx([4, 3, 20, 18])
    assert found[0].objects[0].ignore.tolist() == [True]
    # A picture without a file of labels has no object.
    assert [len(objects) for objects in found[1].objects] == [1, 0]
    assert {example.split for example in found[1].examples} == {"train"}


def test_our_own_records_and_csv_name_pictures_by_their_paths(tmp_path: Path) -> None:
    picture(tmp_path / "photos/a.png")
    path = str(tmp_path / "photos/a.png")
    prediction = {"label": "dog", "label_id": 3, "score": 0.9, "box": [4, 3, 20, 18]}
    record = {
        "schema": "vision/1", "task": "detect", "input": path, "width": 40, "height": 30,
        "predictions": [prediction], "files": {}, "ms": {}, "error": None,
    }  # fmt: skip
    out = tmp_path / "elsewhere"
    out.mkdir()
    (out / "predictions.jsonl").write_text(json.dumps(record) + "\n")
    (out / "boxes.csv").write_text(f"path,x1,y1,x2,y2,label\n{path},4,3,20,18,dog\n")
    for name in ("predictions.jsonl", "boxes.csv"):
        found = read_boxes(str(out / name))
        assert found.classes == ("dog",)
        assert found.examples[0].path == path
        assert found.objects[0].boxes[0].tolist() == [4, 3, 20, 18]


def test_boxes_are_cut_at_the_picture_and_left_out_where_nothing_remains(tmp_path: Path) -> None:
    boxes = [[30, 20, 50, 50], [100, 100, 5, 5], [3, 3, 0, 4], [-10, -10, 15, 15]]
    found = read_boxes(str(coco(tmp_path, [annotation(n, 1, 0, box) for n, box in enumerate(boxes)])))
    assert found.objects[0].boxes.tolist() == [[30, 20, 40, 30], [0, 0, 5, 5]]
    assert any("2 boxes without a pixel inside" in warning for warning in found.warnings)


def test_crowds_are_kept_apart(tmp_path: Path) -> None:
    rows = [annotation(0, 1, 0, [1, 1, 9, 9]), annotation(1, 1, 1, [0, 0, 30, 30], iscrowd=1)]
    found = read_boxes(str(coco(tmp_path, rows)))
    assert len(found.objects[0]) == 2
    assert found.objects[0].learned.labels.tolist() == [0]
    assert any("crowd" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("box", "words"),
    [([1, 2, float("nan"), 4], "finite"), ([1, 2, -3, 4], "negative"), ([1, 2, 3], "4 numbers|x, y, width, height")],
)
def test_boxes_that_are_none_are_refused_with_their_place(tmp_path: Path, box: list[float], words: str) -> None:
    folder = coco(tmp_path, [annotation(7, 1, 0, [1, 1, 5, 5]) | {"bbox": box}])
    with pytest.raises(SetError, match=words) as caught:
        read_boxes(str(folder))
    assert "annotation 0" in str(caught.value)


def test_unknown_categories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetError, match=r"unknown category ids.*: 99"):
        read_boxes(str(coco(tmp_path, [annotation(0, 1, 99, [1, 1, 5, 5])])))


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    folder = coco(tmp_path, [annotation(0, 1, 0, [1, 1, 5, 5])])
    text = (folder / "instances.json").read_text()
    (folder / "instances.json").write_text(text[: len(text) // 2])
    with pytest.raises(SetError, match=r"instances\.json"):
        read_boxes(str(folder))


def test_without_any_box_there_is_nothing_to_learn(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="no boxes"):
        read_boxes(str(coco(tmp_path / "none", [])))
    with pytest.raises(SetError, match="no box of a single object"):
        read_boxes(str(coco(tmp_path / "crowd", [annotation(0, 1, 0, [1, 1, 5, 5], iscrowd=1)])))


def test_pictures_that_are_missing_are_named(tmp_path: Path) -> None:
    folder = draw_boxes(tmp_path / "set", 4)
    (folder / "images/2.png").unlink()
    found = read_boxes(str(folder))
    assert len(found) == 3
    assert any("1 pictures of the annotations were not found" in w and "2.png" in w for w in found.warnings)
    for path in (folder / "images").iterdir():
        path.unlink()
    with pytest.raises(SetError, match="--images"):
        read_boxes(str(folder))


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    folder = draw_boxes(tmp_path / "set", 3)
    (folder / "images").rename(tmp_path / "pictures")
    found = read_boxes(str(folder / "instances.json"), str(tmp_path / "pictures"))
    assert len(found) == 3
    assert np.concatenate([objects.labels for objects in found.objects]).size > 0


def test_a_picture_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    folder = coco(tmp_path, [annotation(0, 1, 0, [1, 1, 5, 5])])
    body = read(folder)
    save(folder, [*body["images"], body["images"][0] | {"id": 2}], body["annotations"], ("cat", "dog"))
    with pytest.raises(SetError, match="occurs twice"):
        read_boxes(str(folder))
