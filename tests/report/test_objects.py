from pathlib import Path

import numpy as np

import made_runs
from visioncli.geometry.keypoints import NAMES
from visioncli.predictions import Caption, Explanation

from .judging import loaded
from .page_data import column, words


def test_rows_of_a_picture_stand_side_by_side_in_the_order_of_the_page(tmp_path: Path) -> None:
    one = made_runs.detected(tmp_path / "1", {"a": [], "b": [("cat", 1, 0.5, (0, 0, 9, 9))]})
    two = made_runs.detected(tmp_path / "2", {"b": [("dog", 2, 0.5, (0, 0, 9, 9)), ("cat", 1, 0.4, (1, 2, 3, 4))]})
    (_, second), table, _ = loaded([one, two])
    assert second.rows.start.tolist() == [0, 0, 2]
    assert [table.to_json()["names"][code] for code in second.rows.label] == ["dog", "cat"]
    assert second.rows.picture.tolist() == [1, 1]
    assert column(second.to_json()["objects"]["box"]).tolist() == [0, 0, 9, 9, 1, 2, 3, 4]


def test_absent_and_failed_pictures_are_told_apart(tmp_path: Path) -> None:
    one = made_runs.classified(tmp_path / "1", {"a": [("cat", 1, 0.5)], "b": [("cat", 1, 0.5)]})
    two = made_runs.write(tmp_path / "2", [made_runs.failed("classify", "b", "It is broken.", "unreadable_picture")])
    body = loaded([one, two])[0][1].to_json()
    assert column(body["state"]).tolist() == [0, 2]
    assert words(body["error"]) == ["", "It is broken."]
    assert words(body["errorKind"]) == ["", "unreadable_picture"]
    assert "error" not in loaded([one])[0][0].to_json()


def test_keypoints_are_in_cocos_order_whatever_theirs_is(tmp_path: Path) -> None:
    names = NAMES[::-1]
    one = made_runs.person(0.9, (0, 0, 9, 9), [(float(k), 0.0) for k in range(17)], names)
    (run,), _, _ = loaded([made_runs.write(tmp_path / "1", [made_runs.record("pose", "a", [one])])])
    assert run.rows.keypoints is not None
    assert run.rows.keypoints[0, :, 0].tolist() == list(range(16, -1, -1))


def test_captions_are_texts_with_the_objects_that_they_are_of(tmp_path: Path) -> None:
    objects = [{"label": "cat", "label_id": 17, "score": 0.8, "box": [1.0, 2.0, 3.0, 4.0]}]
    one = made_runs.record("caption", "a", [Caption("A cat.")], extra={"objects": objects})
    (run,), table, _ = loaded([made_runs.write(tmp_path / "1", [one])])
    body = run.to_json()["objects"]
    assert body["text"] == [["A cat."]]
    assert table.to_json()["names"] == ["cat"]
    assert column(body["box"]).tolist() == [1, 2, 3, 4]


def test_an_explanation_has_its_peak_and_where_it_was_taken(tmp_path: Path) -> None:
    one = Explanation("cat", 1, 0.9, "net", "gradcam", "conv", (3.0, 4.0), (0.0, 0.0, 9.0, 9.0), 0.5)
    (run,), _, _ = loaded([made_runs.write(tmp_path / "1", [made_runs.record("gradcam", "a", [one])])])
    body = run.to_json()["objects"]
    assert column(body["peak"]).tolist() == [3, 4]
    assert words(body["method"]) == ["gradcam, conv"]


def test_a_broken_mask_costs_no_report(tmp_path: Path) -> None:
    import dataclasses

    from visioncli.predictions import Rle

    broken = dataclasses.replace(made_runs.segment("cat", 1, np.ones((4, 4), bool)), mask=Rle((4, 4), "~~"))
    (run,), _, _ = loaded([made_runs.write(tmp_path / "1", [made_runs.record("segment", "a", [broken])])])
    assert run.to_json()["objects"]["mask"] == [0]
