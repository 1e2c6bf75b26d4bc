import json
from pathlib import Path
from typing import Any

import pytest

from small_rcnn import draw_sticks
from visioncli.datasets.interface import DatasetError
from visioncli.geometry.keypoints import NAMES
from visioncli.labelled.boxes import read_boxes
from visioncli.labelled.coco_points import read_points


def written(path: Path, categories: list[dict[str, Any]], keypoints: list[Any]) -> Path:
    rows = [{"id": n, "image_id": 1, "category_id": 1, "keypoints": k} for n, k in enumerate(keypoints)]
    path.write_text(json.dumps({"images": [], "categories": categories, "annotations": rows}))
    return path


def test_keypoints_are_those_of_the_category(tmp_path: Path) -> None:
    animal = {"id": 1, "name": "cow", "keypoints": ["nose", "tail"], "skeleton": [[1, 2], [0, 9]]}
    points, owners, found = read_points(written(tmp_path / "a.json", [animal], [[1, 2, 2, 3, 4, 1], None]))
    assert (points.names, points.limbs, owners) == (("nose", "tail"), ((0, 1),), {"cow"})
    assert found.tolist() == [[[1, 2, 2], [3, 4, 1]], [[0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("names", "flip", "mirrored"),
    [
        (["nose", "left_eye", "right_eye"], None, (0, 2, 1)),
        (["L hip", "R hip"], None, (1, 0)),
        (["head", "tail"], None, (0, 1)),
        (["nose", "left_eye"], None, None),
        (["a", "b", "c"], [1, 0, 2], (1, 0, 2)),
        (["a", "b"], [1, 1], (0, 1)),
    ],
)
def test_the_mirror_exchanges_what_names_or_flip_index_say(
    tmp_path: Path, names: list[str], flip: list[int] | None, mirrored: tuple[int, ...] | None
) -> None:
    category = {"id": 1, "name": "x", "keypoints": names, "flip_index": flip}
    points, _, _ = read_points(written(tmp_path / "a.json", [category], []))
    assert points.mirrored == mirrored


def test_without_names_17_are_a_person_s_and_others_have_no_known_mirror_image(tmp_path: Path) -> None:
    plain = [{"id": 1, "name": "person"}]
    points, owners, _ = read_points(written(tmp_path / "a.json", plain, [[0, 0, 0] * 17]))
    assert (points.names, owners) == (NAMES, {"person"})
    assert points.mirrored is not None and points.mirrored[1] == 2
    points, _, _ = read_points(written(tmp_path / "b.json", plain, [[0, 0, 0] * 3]))
    assert (points.names, points.mirrored) == (("point_1", "point_2", "point_3"), None)


@pytest.mark.parametrize(
    ("categories", "rows", "words"),
    [
        ([{"id": 1, "name": "a"}], [None], "no keypoints"),
        ([{"id": 1, "name": "a", "keypoints": ["x"]}, {"id": 2, "name": "b", "keypoints": ["y"]}], [], "different"),
        ([{"id": 1, "name": "a", "keypoints": ["x", "x"]}], [], "different names"),
        ([{"id": 1, "name": "a", "keypoints": [3]}], [], "list of their names"),
        ([{"id": 1, "name": "a", "keypoints": ["x"]}], [[1, 2]], "annotation 0 .*keypoints must be a list of 3"),
    ],
)
def test_what_cannot_be_learned_from_is_a_sentence(
    tmp_path: Path, categories: list[dict[str, Any]], rows: list[Any], words: str
) -> None:
    with pytest.raises(DatasetError, match=words):
        read_points(written(tmp_path / "a.json", categories, rows))


def test_objects_of_categories_without_keypoints_are_left_out_with_a_sentence(tmp_path: Path) -> None:
    data = draw_sticks(tmp_path / "set", 4)
    body = json.loads((data / "instances.json").read_text())
    body["categories"].append({"id": 2, "name": "stone"})
    other = {"id": 99, "image_id": 1, "category_id": 2, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}
    body["annotations"].append(other)
    (data / "instances.json").write_text(json.dumps(body))
    found = read_boxes(str(data), parts="keypoints")
    assert found.classes == ("stick",)
    assert [len(one) for one in found.objects] == [1, 1, 1, 1]
    assert any("1 objects of categories without keypoints are left out" in line for line in found.warnings)
    assert read_boxes(str(data)).classes == ("stick", "stone")
