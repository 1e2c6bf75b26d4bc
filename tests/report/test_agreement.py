from pathlib import Path

import numpy as np

import made_runs
from visioncli.predictions import Caption
from visioncli.report.agreement import disagreement

from .judging import loaded
from .page_data import column


def apart(tmp_path: Path, *folders: Path) -> list[float]:
    runs, _, _ = loaded(folders)
    found: list[float] = column(disagreement(*runs)["apart"]).astype(float).round(4).tolist()
    return found


def test_classes_are_apart_by_half_the_sum_of_the_differences(tmp_path: Path) -> None:
    one = made_runs.classified(tmp_path / "1", {"a": [("cat", 1, 0.7), ("dog", 2, 0.2)], "b": [("cat", 1, 1.0)]})
    two = made_runs.classified(tmp_path / "2", {"a": [("cat", 1, 0.4), ("cow", 3, 0.2)], "b": [("cat", 1, 1.0)]})
    assert apart(tmp_path, one, two) == [0.35, 0]


def test_objects_are_apart_by_the_share_that_is_in_one_run_only(tmp_path: Path) -> None:
    box, other = (0, 0, 20, 20), (30, 30, 40, 40)
    one = made_runs.detected(tmp_path / "1", {"a": [("cat", 1, 0.9, box), ("dog", 2, 0.8, other)], "b": [], "c": []})
    two = made_runs.detected(
        tmp_path / "2", {"a": [("dog", 2, 0.9, other), ("dog", 2, 0.5, box)], "b": [], "c": [("cat", 1, 0.9, box)]}
    )
    assert apart(tmp_path, one, two) == [0.5, 0, 1]
    found = disagreement(*loaded([one, two])[0])
    assert column(found["firstPartner"]).tolist() == [-1, 0]
    assert column(found["secondPartner"]).tolist() == [1, -1, -1]


def test_masks_of_classes_are_apart_by_their_mean_iou(tmp_path: Path) -> None:
    left, half = np.zeros((48, 64), bool), np.zeros((48, 64), bool)
    left[:, :32], half[:24, :32] = True, True
    one = made_runs.write(tmp_path / "1", [made_runs.record("segment", "a", [made_runs.segment("cat", 1, left)])])
    two = made_runs.write(tmp_path / "2", [made_runs.record("segment", "a", [made_runs.segment("cat", 1, half)])])
    assert apart(tmp_path, one, two) == [0.5]
    assert apart(tmp_path, one, one) == [0]


def test_captions_are_apart_by_their_words(tmp_path: Path) -> None:
    one = made_runs.write(tmp_path / "1", [made_runs.record("caption", "a", [Caption("A cat on a mat.")])])
    two = made_runs.write(tmp_path / "2", [made_runs.record("caption", "a", [Caption("a dog on a mat")])])
    assert apart(tmp_path, one, two) == [0.4]


def test_a_picture_that_one_run_does_not_have_has_no_number(tmp_path: Path) -> None:
    one = made_runs.classified(tmp_path / "1", {"a": [("cat", 1, 0.7)], "b": [("cat", 1, 0.7)]})
    two = made_runs.write(tmp_path / "2", [made_runs.failed("classify", "a")])
    assert np.isnan(apart(tmp_path, one, two)).all()
