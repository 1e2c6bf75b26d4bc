from pathlib import Path

import numpy as np
import pytest

import made_runs
from visioncli.datasets.align import align
from visioncli.datasets.interface import ReadOptions
from visioncli.datasets.recognise import Format
from visioncli.datasets.sides import locate, read_both
from visioncli.errors import UsageError
from visioncli.evaluation.score import Resampling
from visioncli.geometry.keypoints import NAMES
from visioncli.metrics.evaluate import Settings, evaluate
from visioncli.report.judge_objects import (
    HIT,
    NOTHING_THERE,
    OTHER_CLASS,
    POORLY_PLACED,
    TWICE,
    ObjectOptions,
    judge,
)
from visioncli.report.judged import Judged
from visioncli.report.truth import ObjectTruth

from .judging import loaded
from .page_data import column

NONE = Resampling(0)
CLASSES = {1: "cat", 2: "dog"}
TRUTH = {"a.jpg": [(1, (0, 0, 20, 20)), (2, (30, 0, 50, 20))], "b.jpg": [(1, (0, 0, 20, 20))], "c.jpg": []}
FOUND = {
    "a.jpg": [
        ("cat", 1, 0.9, (0, 0, 20, 20)),
        ("cat", 1, 0.8, (0, 0, 20, 19)),
        ("cat", 1, 0.7, (30, 0, 50, 20)),
        ("dog", 2, 0.6, (0, 30, 9, 40)),
    ],
    "b.jpg": [("cat", 1, 0.5, (10, 0, 30, 20))],
    "c.jpg": [],
}


def judged(folders: list[Path], truth: Path, how: Resampling = NONE) -> Judged:
    runs, table, found = loaded(folders, truth)
    assert isinstance(found, ObjectTruth)
    return judge(found, runs, table, how, ObjectOptions())


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return made_runs.coco(tmp_path / "truth.json", TRUTH, CLASSES)


def test_every_detection_has_its_fate_and_every_object_its_finder(tmp_path: Path, truth: Path) -> None:
    found = judged([made_runs.detected(tmp_path / "out", FOUND)], truth)
    columns = found.runs[0].columns
    assert column(columns["fate"]).tolist() == [HIT, TWICE, OTHER_CLASS, NOTHING_THERE, POORLY_PLACED]
    assert column(columns["about"]).tolist() == [0, 0, 1, -1, 2]
    assert column(columns["foundBy"]).tolist() == [0, -1, -1]
    np.testing.assert_allclose(column(columns["iou"]), [1, 0.95, 1, 0, 1 / 3], atol=1e-6)
    assert column(found.truth["start"]).tolist() == [0, 2, 3, 3]
    assert column(found.truth["counted"]).tolist() == [1, 1, 1]
    assert column(found.truth["known"]).tolist() == [1, 1, 1]


def test_the_numbers_are_those_of_vision_iou(tmp_path: Path, truth: Path) -> None:
    folder = made_runs.detected(tmp_path / "out", FOUND)
    sides = locate(truth, None, keypoints=False), locate(folder / "predictions.jsonl", Format.JSONL, keypoints=False)
    report = evaluate(align(*read_both(*sides, ReadOptions(), None)), Settings(), "", "").report
    numbers = judged([folder], truth).runs[0].numbers
    assert numbers == {name: pytest.approx(report.numbers()[name]) for name in numbers}
    assert numbers["recall"] == pytest.approx(1 / 3)


def test_pictures_of_the_truth_that_were_not_looked_at_do_not_count(tmp_path: Path, truth: Path) -> None:
    less = {name: FOUND[name] for name in ("b.jpg",)}
    found = judged([made_runs.detected(tmp_path / "out", less)], truth)
    assert found.pictures == 1
    assert column(found.truth["start"]).tolist() == [0, 1]


def test_what_a_failed_picture_holds_is_missed(tmp_path: Path, truth: Path) -> None:
    records = [
        made_runs.failed("detect", "b.jpg"),
        made_runs.record("detect", "a.jpg", made_runs.boxes(FOUND["a.jpg"])),
    ]
    found = judged([made_runs.write(tmp_path / "out", records)], truth)
    assert found.runs[0].numbers["recall"] == pytest.approx(1 / 3)
    assert column(found.runs[0].columns["foundBy"]).tolist() == [-1, 0, -1]


def test_damaged_lines_are_no_obstacle(tmp_path: Path, truth: Path) -> None:
    folder = made_runs.detected(tmp_path / "out", FOUND)
    with (folder / "predictions.jsonl").open("ab") as file:
        file.write(b'{"half a rec\n')
    assert judged([folder], truth).runs[0].numbers["recall"] == pytest.approx(1 / 3)


def test_crowds_count_neither_way(tmp_path: Path) -> None:
    path = made_runs.coco(tmp_path / "truth.json", {"a.jpg": [(1, (0, 0, 40, 40))]}, CLASSES)
    path.write_text(path.read_text().replace('"iscrowd": 0', '"iscrowd": 1'))
    found = judged([made_runs.detected(tmp_path / "out", {"a.jpg": [("cat", 1, 0.9, (0, 0, 20, 20))]})], path)
    assert column(found.truth["counted"]).tolist() == [0]
    assert column(found.runs[0].columns["fate"]).tolist() == [2]


def test_two_runs_share_the_rows_of_the_truth_and_are_compared(tmp_path: Path, truth: Path) -> None:
    better = FOUND | {"b.jpg": [("cat", 1, 0.5, (0, 0, 20, 20))]}
    folders = [made_runs.detected(tmp_path / "one", FOUND), made_runs.detected(tmp_path / "two", better)]
    found = judged(folders, truth, Resampling(50))
    assert [column(run.columns["foundBy"]).tolist() for run in found.runs] == [[0, -1, -1], [0, -1, 4]]
    (test,) = found.comparisons
    assert test["sentence"].startswith("AP of two is ")
    three = judged([*folders, made_runs.detected(tmp_path / "three", better)], truth, Resampling(20)).comparisons
    assert [(one["first"], one["second"]) for one in three] == [(0, 1), (0, 2), (1, 2)]
    assert three[2]["sentence"].startswith("AP of three and two is the same")


def test_masks_of_single_objects_are_compared_as_masks(tmp_path: Path) -> None:
    inside = np.zeros((48, 64), bool)
    inside[:20, :20] = True
    path = made_runs.coco(tmp_path / "truth.json", {"a.jpg": [(1, (0, 0, 20, 20))]}, CLASSES)
    rle = made_runs.rle(inside)
    import json

    body = json.loads(path.read_text())
    body["annotations"][0]["segmentation"] = {"size": list(rle.size), "counts": rle.counts}
    path.write_text(json.dumps(body))
    one = made_runs.segment("cat", 1, inside, score=0.9, box=(0.0, 0.0, 20.0, 20.0))
    folder = made_runs.write(tmp_path / "out", [made_runs.record("segment", "a.jpg", [one])])
    found = judged([folder], path)
    assert found.kind == "masks"
    assert column(found.runs[0].columns["fate"]).tolist() == [HIT]
    assert found.truth["mask"][0][:2] == [48, 64]


def test_masks_of_classes_are_no_objects(tmp_path: Path, truth: Path) -> None:
    one = made_runs.segment("cat", 1, np.ones((48, 64), bool))
    folder = made_runs.write(tmp_path / "out", [made_runs.record("segment", "a.jpg", [one])])
    with pytest.raises(UsageError, match="--mode instance"):
        judged([folder], truth)


def test_people_are_compared_by_their_keypoints(tmp_path: Path) -> None:
    at = [(10.0 + 2 * k, 10.0 + k) for k in range(17)]
    path = made_runs.coco(tmp_path / "truth.json", {"a.jpg": [(1, (5, 5, 50, 40))]}, {1: "person"})
    import json

    body = json.loads(path.read_text())
    body["annotations"][0] |= {"keypoints": [v for x, y in at for v in (x, y, 2)], "num_keypoints": 17}
    path.write_text(json.dumps(body))
    one = made_runs.person(0.9, (5, 5, 50, 40), at, NAMES)
    folder = made_runs.write(tmp_path / "out", [made_runs.record("pose", "a.jpg", [one])])
    found = judged([folder], path)
    assert found.kind == "keypoints"
    assert column(found.runs[0].columns["fate"]).tolist() == [HIT]
    assert column(found.runs[0].columns["iou"]).tolist() == [1]
    assert len(column(found.truth["points"])) == 51


def test_yolo_and_voc_are_truths_as_coco_is(tmp_path: Path) -> None:
    folder = made_runs.detected(tmp_path / "out", {"a.jpg": [("cat", 1, 0.9, (0, 0, 20, 20))]})
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "a.txt").write_text(f"0 {10 / 64} {10 / 48} {20 / 64} {20 / 48}\n")
    (tmp_path / "names.txt").write_text("cat\n")
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height><depth>3</depth></size>"
        "<object><name>cat</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object>"
        "</annotation>"
    )
    for source, names in (("yolo", tmp_path / "names.txt"), ("voc", None)):
        runs, table, found = loaded([folder], tmp_path / source)
        assert isinstance(found, ObjectTruth)
        verdict = judge(found, runs, table, NONE, ObjectOptions(names=names)).runs[0]
        assert column(verdict.columns["fate"]).tolist() == [HIT], source


def test_a_truth_of_other_pictures_is_a_sentence(tmp_path: Path, truth: Path) -> None:
    with pytest.raises(UsageError, match=r"has none of these pictures: it has a\.jpg, and the runs have z\.jpg"):
        judged([made_runs.detected(tmp_path / "out", {"z.jpg": []})], truth)
