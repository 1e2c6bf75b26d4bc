import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sinks.samples import BRUSH, CAT, LABELS, failed, folder, person, record, ring, segment
from visioncli.predictions import Classification, Detection
from visioncli.results import Record
from visioncli.sinks.cvat import cvat_sinks, run_lengths
from visioncli.tasks.pose.joints import KEYPOINT_NAMES


def written(tmp_path: Path, *records: Record, labels: dict[int, str] = LABELS) -> tuple[ET.Element, list[Any]]:
    out = folder(tmp_path)
    sinks = cvat_sinks(out, records[0].task, labels)
    for sink in sinks:
        for body in records:
            sink.write(body)
        sink.close()
    out.close()
    assert not list((tmp_path / "out").rglob("tmp*"))
    root = ET.parse(tmp_path / "out" / "predictions.cvat.xml").getroot()
    return root, json.loads((tmp_path / "out" / "predictions.cvat.labels.json").read_text())


def test_images_have_their_names_and_upright_sizes_and_are_counted_before(tmp_path: Path) -> None:
    root, _ = written(
        tmp_path, record("detect", "a/x.jpg", CAT), failed("detect", "b.jpg"), record("detect", "c&.jpg")
    )
    assert root.tag == "annotations" and root.findtext("version") == "1.1"
    assert [child.tag for child in root] == ["version", "meta", "image", "image"]
    assert (root.findtext("meta/task/size"), root.findtext("meta/task/mode")) == ("2", "annotation")
    names = [dict(image.attrib) for image in root.findall("image")]
    assert names == [
        {"id": "0", "name": "a/x.jpg", "width": "120", "height": "100"},
        {"id": "1", "name": "c&.jpg", "width": "120", "height": "100"},
    ]


def test_boxes_have_corners_and_scores_that_their_label_declares(tmp_path: Path) -> None:
    root, labels = written(tmp_path, record("detect", "x.jpg", CAT, BRUSH))
    boxes = root.findall("image/box")
    assert [box.get("label") for box in boxes] == ["cat", "toothbrush"]
    assert [float(boxes[0].attrib[k]) for k in ("xtl", "ytl", "xbr", "ybr")] == pytest.approx(CAT.box, abs=0.006)
    assert {k: boxes[0].get(k) for k in ("source", "occluded", "z_order")} == {
        "source": "auto",
        "occluded": "0",
        "z_order": "0",
    }
    assert [(a.get("name"), a.text) for box in boxes for a in box] == [("score", "0.9"), ("score", "0.5")]
    declared = {label.findtext("name"): label for label in root.findall("meta/task/labels/label")}
    assert list(declared) == list(LABELS.values()) == [label["name"] for label in labels]
    assert all(label.findtext("attributes/attribute/name") == "score" for label in declared.values())
    assert all([a["name"] for a in label["attributes"]] == ["score"] for label in labels)
    assert {label["type"] for label in labels} == {"rectangle"}


def pixels(mask: ET.Element) -> np.ndarray:
    """A mask as CVAT decodes it: runs of 0 and 1 in turn, row by row, in the rectangle."""
    left, top, width, height = (int(mask.attrib[k]) for k in ("left", "top", "width", "height"))
    runs = [int(n) for n in mask.attrib["rle"].split(",")]
    part = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    whole = np.zeros((100, 120), bool)
    whole[top : top + height, left : left + width] = part
    return whole


def test_masks_are_run_lengths_in_their_rectangle(tmp_path: Path) -> None:
    far = np.zeros((100, 120), bool)
    far[70:75, 90:] = True
    far[74, 119] = False
    found = segment(ring()), segment(far, score=0.5), segment(np.zeros((100, 120), bool))
    root, _ = written(tmp_path, record("segment", "x.jpg", *found), labels={0: "background", 8: "cat"})
    masks = root.findall("image/mask")
    assert len(masks) == 2  # nothing is no shape
    assert np.array_equal(pixels(masks[0]), ring()) and np.array_equal(pixels(masks[1]), far)
    assert {k: masks[1].get(k) for k in ("left", "top", "width", "height")} == {
        "left": "90",
        "top": "70",
        "width": "30",
        "height": "5",
    }
    assert [len(mask) for mask in masks] == [0, 1]
    assert [label.findtext("name") for label in root.iter("label")] == ["cat"]


def test_run_lengths_begin_with_those_of_nothing() -> None:
    assert run_lengths(np.array([[True, True], [False, True]])) == [0, 2, 1, 1]
    assert run_lengths(np.array([[False, True]])) == [1, 1]


def test_persons_are_skeletons_whose_parts_the_labels_name(tmp_path: Path) -> None:
    body = person()
    gone = type(body.keypoints[0])("nose", 130.0, 5.0, 0.9)
    root, labels = written(
        tmp_path,
        record("pose", "x.jpg", type(body)("person", 1, 0.8, body.box, (gone, *body.keypoints[1:]))),
        labels={1: "person"},
    )
    (skeleton,) = root.findall("image/skeleton")
    points = skeleton.findall("points")
    assert [p.get("label") for p in points] == list(KEYPOINT_NAMES)
    assert points[1].get("points") == "11.00,22.00"
    assert [p.get("outside") for p in points] == ["1", *"0" * 16]
    assert [p.get("occluded") for p in points] == ["0", "1", "1", "1", *"0" * 13]  # below .2
    (label,) = labels
    assert [s["name"] for s in label["sublabels"]] == list(KEYPOINT_NAMES)
    figure = ET.fromstring(f"<svg>{label['svg']}</svg>")
    assert [c.get("data-label-name") for c in figure.findall("circle")] == list(KEYPOINT_NAMES)
    nodes = {c.get("data-node-id") for c in figure.findall("circle")}
    assert all({line.get("data-node-from"), line.get("data-node-to")} <= nodes for line in figure.findall("line"))
    parents = [label.findtext("parent") for label in root.iter("label")]
    assert parents == [None, *["person"] * 17]


def test_classes_are_tags(tmp_path: Path) -> None:
    found = [Classification(f"class {n}", n, score) for n, score in enumerate((0.6, 0.3))]
    root, labels = written(
        tmp_path, record("classify", "x.jpg", *found), labels={n: f"class {n}" for n in range(1000)}
    )
    (tag,) = root.findall("image/tag")
    assert (tag.get("label"), tag.get("source"), tag.findtext("attribute")) == ("class 0", "auto", "0.6")
    assert [label["name"] for label in labels] == ["class 0"]


@pytest.mark.parametrize("label", ['a < b & "c"', "bell\x07\r\nend", "猫", "bad\udcff"])
def test_any_label_gives_xml_in_which_it_is_declared(label: str, tmp_path: Path) -> None:
    root, labels = written(tmp_path, record("detect", "x\x07.jpg", Detection(label, 1, 0.5, (0, 0, 9, 9))))
    box = root.find("image/box")
    assert box is not None
    assert box.get("label") in [one.findtext("name") for one in root.iter("label")]
    assert box.get("label") in [one["name"] for one in labels]
