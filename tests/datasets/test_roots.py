"""Root folders of data sets as the tools of the field write them, each layout by a few files."""

import json
import os
import sys

import pytest
from PIL import Image

from visioncli.datasets import roots
from visioncli.datasets.interface import DatasetError

XML = (
    "<annotation><filename>{0}.jpg</filename><size><width>100</width><height>80</height></size><object>"
    "<name>cat</name><bndbox><xmin>10</xmin><ymin>8</ymin><xmax>30</xmax><ymax>24</ymax></bndbox></object></annotation>"
)
PICTURES = {"train": ("t0", "t1"), "val": ("v0", "v1")}


def coco(stems):
    return {
        "images": [{"id": i, "file_name": f"{s}.jpg", "width": 100, "height": 80} for i, s in enumerate(stems, 1)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [10, 8, 20, 16]} for i, _ in enumerate(stems, 1)
        ],
    }


def put(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (100, 80)).save(path)


def yolo_split(labels, images, stems):
    for stem in stems:
        put(labels / f"{stem}.txt", "0 0.2 0.2 0.2 0.2\n")
        picture(images / f"{stem}.jpg")


def ultralytics(root, yaml="path: .\ntrain: images/train\nval: images/val\nnames: [cat]\n"):
    for split, stems in PICTURES.items():
        yolo_split(root / "labels" / split, root / "images" / split, stems)
    put(root / "data.yaml", yaml)


def ultralytics_lists(root):
    ultralytics(root, "train: train.txt\nval: val.txt\nnames: {0: cat}\n")
    for split, stems in PICTURES.items():
        put(root / f"{split}.txt", "".join(f"./images/{split}/{s}.jpg\n" for s in stems))


def supervision(root):
    ultralytics(root, "nc: 1\nnames: [cat]\n")


def roboflow(root):
    for split, stems in PICTURES.items():
        folder = root / ("valid" if split == "val" else split)
        yolo_split(folder / "labels", folder / "images", stems)
    put(root / "README.roboflow.txt", "words, no numbers")
    put(root / "data.yaml", "train: ../train/images\nval: ../valid/images\nnames: ['cat']\n")


def darknet(root):
    for split, stems in PICTURES.items():
        yolo_split(root / f"obj_{split}_data", root / f"obj_{split}_data", stems)
        put(root / f"{split}.txt", "".join(f"data/obj_{split}_data/{s}.jpg\n" for s in stems))
    put(root / "obj.names", "cat\n")
    put(root / "obj.data", "classes = 1\nnames = data/obj.names\n")


def voc(root):
    for split, stems in PICTURES.items():
        for stem in stems:
            put(root / "Annotations" / f"{stem}.xml", XML.format(stem))
        put(root / "ImageSets" / "Main" / f"{split}.txt", "".join(f"{s}\n" for s in stems))
        put(root / "ImageSets" / "Main" / f"cat_{split}.txt", "".join(f"{s}  1\n" for s in stems))
    put(root / "labelmap.txt", "# label:color_rgb:parts:actions\ncat:0,0,0::\n")


def coco_root(root):
    for split, stems in PICTURES.items():
        put(root / "annotations" / f"instances_{split}2017.json", json.dumps(coco(stems)))
        put(root / "annotations" / f"captions_{split}2017.json", json.dumps({"images": [], "annotations": []}))
        picture(root / f"{split}2017" / f"{stems[0]}.jpg")


def roboflow_coco(root):
    for split, stems in PICTURES.items():
        put(root / split / "_annotations.coco.json", json.dumps(coco(stems)))


LAYOUTS = (ultralytics, ultralytics_lists, supervision, roboflow, darknet, voc, coco_root, roboflow_coco)


def supervision_flat(root):
    yolo_split(root / "annotations", root / "images", PICTURES["val"])
    put(root / "data.yaml", "nc: 1\nnames: [cat]\n")


def supervision_voc(root):
    for stem in PICTURES["val"]:
        put(root / "annotations" / f"{stem}.xml", XML.format(stem))
        picture(root / "images" / f"{stem}.jpg")


def supervision_coco(root):
    put(root / "annotations.json", json.dumps(coco(PICTURES["val"])))
    picture(root / "images" / "v0.jpg")


SINGLE = (supervision_flat, supervision_voc, supervision_coco)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
def test_the_split_for_evaluation_comes_first(tmp_path, layout):
    layout(tmp_path)
    splits = [part.split for part in roots.find(tmp_path)]
    assert [s[:3] for s in splits] == ["val", "tra"]


@pytest.mark.parametrize("layout", [ultralytics, supervision, roboflow], ids=lambda f: f.__name__)
def test_folders_say_enough_where_no_yaml_library_is_installed(tmp_path, monkeypatch, layout):
    monkeypatch.setitem(sys.modules, "yaml", None)
    layout(tmp_path)
    assert [part.split[:3] for part in roots.find(tmp_path)] == ["val", "tra"]


@pytest.mark.parametrize("layout", SINGLE, ids=lambda f: f.__name__)
def test_a_data_set_without_splits_is_one_part(tmp_path, layout):
    layout(tmp_path)
    assert [part.split for part in roots.find(tmp_path)] == [""]


@pytest.mark.parametrize("layout", [ultralytics, roboflow, ultralytics_lists], ids=lambda f: f.__name__)
def test_a_data_yaml_stands_for_its_data_set(tmp_path, layout):
    pytest.importorskip("yaml")
    layout(tmp_path)
    parts = roots.find(tmp_path / "data.yaml")
    assert [sorted(f.stem for f in part.files) for part in parts] == [["v0", "v1"], ["t0", "t1"]]


def test_a_data_yaml_may_lie_elsewhere(tmp_path):
    pytest.importorskip("yaml")
    ultralytics(tmp_path / "set")
    put(tmp_path / "a" / "pets.yaml", "path: ../set\ntrain: images/train\nval: [images/val]\nnames: [cat]\n")
    (val, _) = roots.find(tmp_path / "a" / "pets.yaml")
    assert val.images == tmp_path / "set" / "images" / "val"


def test_train_and_val_of_the_same_pictures_are_one_part(tmp_path):
    pytest.importorskip("yaml")
    yolo_split(tmp_path / "labels", tmp_path / "images", ["a"])
    put(tmp_path / "data.yaml", "train: images\nval: images\nnames: [cat]\n")
    assert [part.split for part in roots.find(tmp_path)] == [""]


def test_a_data_yaml_that_leads_nowhere_says_so(tmp_path):
    put(tmp_path / "data.yaml", "train: images/train\nval: images/val\nnames: [cat]\n")
    with pytest.raises(DatasetError, match="hold no labels"):
        roots.find(tmp_path / "data.yaml")


def test_keypoints_take_their_own_coco_files(tmp_path):
    coco_root(tmp_path)
    put(tmp_path / "annotations" / "person_keypoints_val2017.json", json.dumps(coco(["v0"])))
    assert [p.path.name for p in roots.find(tmp_path, keypoints=True)] == ["person_keypoints_val2017.json"]
    assert all(p.path.name.startswith("instances_") for p in roots.find(tmp_path))


def test_what_is_no_root_has_no_parts(tmp_path):
    put(tmp_path / "flat" / "a.txt", "0 .5 .5 .2 .2\n")
    put(tmp_path / "out" / "predictions.jsonl")
    put(tmp_path / "out" / "labels" / "a.txt", "0 .5 .5 .2 .2\n")
    put(tmp_path / "empty" / "labels" / "notes.md")
    for name in ("flat", "out", "empty", "nothing", "x" * 300):
        assert roots.find(tmp_path / name) == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_says_so(tmp_path):
    (tmp_path / "locked").mkdir(mode=0)
    with pytest.raises(DatasetError, match="cannot be read"):
        roots.find(tmp_path / "locked")


def test_the_folder_above_a_data_set_stands_for_it_unless_it_holds_several(tmp_path):
    voc(tmp_path / "VOCdevkit" / "VOC2007")
    assert [part.split for part in roots.find(tmp_path / "VOCdevkit")] == ["val", "train"]
    voc(tmp_path / "VOCdevkit" / "VOC2012")
    with pytest.raises(DatasetError, match=r"several data sets; give one of .*VOC2007, .*VOC2012"):
        roots.find(tmp_path / "VOCdevkit")


@pytest.mark.parametrize(
    ("layout", "name"), [(ultralytics, "labels"), (coco_root, "annotations")], ids=["ultralytics", "coco"]
)
def test_the_folder_of_all_annotations_stands_for_its_data_set(tmp_path, layout, name):
    layout(tmp_path)
    assert [p.split[:3] for p in roots.find(tmp_path / name)] == ["val", "tra"]


def test_yaml_files_about_other_things_do_no_harm(tmp_path):
    ultralytics(tmp_path)
    (tmp_path / "data.yaml").rename(tmp_path / "pets.yaml")
    put(tmp_path / "a.yaml", "names: [")
    put(tmp_path / "b.yaml", "- 1")
    (val, _) = roots.find(tmp_path)
    assert roots.names_file(val, tmp_path) == tmp_path / "pets.yaml"
