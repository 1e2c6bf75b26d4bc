import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sinks.samples import BRUSH, CAT, LABELS, failed, folder, person, record, ring, segment
from sinks.test_brush import decoded
from visioncli.predictions import Caption, Classification, Detection
from visioncli.results import Record
from visioncli.sinks.labelstudio import address_of, labelstudio_sinks


def written(tmp_path: Path, *records: Record, labels: dict[int, str] = LABELS) -> tuple[list[Any], ET.Element]:
    out = folder(tmp_path)
    sinks = labelstudio_sinks(out, records[0].task, labels)
    for sink in sinks:
        for body in records:
            sink.write(body)
        sink.close()
    out.close()
    tasks = json.loads((tmp_path / "out" / "predictions.labelstudio.json").read_text())
    return tasks, ET.parse(tmp_path / "out" / "predictions.labelstudio.xml").getroot()


def check(tasks: list[Any], view: ET.Element) -> list[dict[str, Any]]:
    """What Label Studio checks on import: each result fits a control of the configuration. Returns all results."""
    controls = {tag.get("name"): tag for tag in view}
    assert view.tag == "View" and controls["image"].get("value") == "$image"
    results = []
    for task in tasks:
        assert task.keys() == {"data", "predictions"} and task["data"]["image"]
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "tiny"
        ids = [result["id"] for result in prediction["result"]]
        assert len(set(ids)) == len(ids)
        for result in prediction["result"]:
            control = controls[result["from_name"]]
            assert control.tag.lower() == result["type"] and control.get("toName") == result["to_name"] == "image"
            offered = {label.get("value") for label in control}
            assert control.tag == "TextArea" or set(result["value"][result["type"]]) <= offered
            assert (result["original_width"], result["original_height"]) == (120, 100)
            for name in {"x", "y", "width", "height"} & result["value"].keys():
                assert 0 <= result["value"][name] <= 100
            results.append(result)
    return results


def test_boxes_are_percent_of_the_picture_with_their_scores(tmp_path: Path) -> None:
    outside = Detection("cat", 17, 0.4, (-12.0, 50.0, 60.0, 130.0))
    tasks, view = written(tmp_path, record("detect", "a/cat.jpg", CAT, BRUSH), record("detect", "b.jpg", outside))
    cat, _, cut = check(tasks, view)
    assert cat["value"] == {
        "x": pytest.approx(100 * 10.25 / 120),
        "y": pytest.approx(20.5),
        "width": pytest.approx(100 * 49.875 / 120),
        "height": pytest.approx(69.5),
        "rotation": 0,
        "rectanglelabels": ["cat"],
    }
    assert cat["score"] == 0.9
    assert [cut["value"][k] for k in ("x", "y", "width", "height")] == [0, 50, 50, 50]
    assert [task["predictions"][0]["score"] for task in tasks] == [0.7, 0.4]
    assert [label.get("value") for label in view[1]] == list(LABELS.values())


def test_failures_have_no_task_and_pictures_without_objects_an_empty_prediction(tmp_path: Path) -> None:
    tasks, view = written(tmp_path, failed("detect", "a.jpg"), record("detect", "b.jpg"))
    assert check(tasks, view) == []
    assert [task["predictions"][0] for task in tasks] == [{"model_version": "tiny", "result": []}]


def test_recordings_have_no_task(tmp_path: Path) -> None:
    sound = Record("classify", "a.wav", predictions=(Classification("Speech", 0, 0.9),), seconds=1.0, rate=16000)
    assert written(tmp_path, sound)[0] == []


def test_masks_are_brushed(tmp_path: Path) -> None:
    tasks, view = written(tmp_path, record("segment", "a.jpg", segment(ring()), segment(ring(), score=0.75)))
    first, second = check(tasks, view)
    assert "score" not in first and second["score"] == 0.75
    assert first["value"]["format"] == "rle" and first["value"]["brushlabels"] == ["cat"]
    samples = decoded(first["value"]["rle"]).reshape(100, 120, 4)
    assert ((samples[..., 3] == 255) == ring()).all()


def test_joints_hang_on_their_person_and_those_out_of_the_picture_are_left_out(tmp_path: Path) -> None:
    body = person()
    moved = tuple(k if n else type(k)(k.name, -3.0, 5.0, 0.9) for n, k in enumerate(body.keypoints))
    tasks, view = written(tmp_path, record("pose", "a.jpg", type(body)("person", 1, 0.8, body.box, moved)))
    box, *joints = check(tasks, view)
    assert box["value"]["rectanglelabels"] == ["person"]
    assert [j["value"]["keypointlabels"] for j in joints] == [[k.name] for k in body.keypoints[1:]]
    assert {j["parentID"] for j in joints} == {box["id"]}
    assert joints[0]["value"]["x"] == pytest.approx(100 * 11 / 120) and joints[0]["value"]["y"] == 22
    assert [label.get("model_index") for label in view[2]] == [str(n) for n in range(17)]


def test_classes_are_choices_and_captions_text(tmp_path: Path) -> None:
    found = [Classification(f"class {n}", n, score) for n, score in enumerate((0.6, 0.3))]
    labels = {n: f"class {n}" for n in range(1000)}
    (choice,) = check(*written(tmp_path / "1", record("classify", "a.jpg", *found), labels=labels))
    assert choice["value"] == {"choices": ["class 0"]} and choice["score"] == 0.6
    (text,) = check(
        *written(tmp_path / "2", record("caption", "a.jpg", Caption("a <cat>", -1.0), Caption("b", -2.0)))
    )
    assert text["value"] == {"text": ["a <cat>"]}


@pytest.mark.parametrize("label", ['a < b & "c"', "bell\x07\r\nend", "猫", "bad\udcff"])
def test_any_label_is_the_same_in_tasks_and_configuration(label: str, tmp_path: Path) -> None:
    (result,) = check(*written(tmp_path, record("detect", "a.jpg", Detection(label, 1, 0.5, (0, 0, 9, 9)))))
    assert "\n" not in result["value"]["rectanglelabels"][0]


@pytest.mark.parametrize(
    ("path", "asked"),
    [("photos/a b/größe 100%.jpg", "photos/a b/größe 100%.jpg"), ("/data/x&y=1.jpg", "data/x&y=1.jpg"), ("./a", "a")],
)
def test_files_are_asked_for_below_the_served_folder(path: str, asked: str) -> None:
    address = urlsplit(address_of(path))
    assert address.path == "/data/local-files/" and parse_qs(address.query) == {"d": [asked]}


@pytest.mark.parametrize("path", ["https://example.org/a.jpg?x=1", "s3://bucket/a b.jpg"])
def test_addresses_stay_as_they_are(path: str) -> None:
    assert address_of(path) == path
