import json
import math
from pathlib import Path

import numpy as np
import pytest

import made_runs
from visioncli.evaluation.score import Resampling
from visioncli.metrics.paired import mcnemar
from visioncli.report.judge_classes import judge
from visioncli.report.judged import RIGHT, UNKNOWN, WRONG, Judged
from visioncli.report.truth import ClassTruth

from .judging import loaded
from .page_data import column

NONE = Resampling(0)
FIRST = {
    "a.jpg": [("cat", 1, 0.7), ("dog", 2, 0.2)],
    "b.jpg": [("dog", 2, 0.6), ("cat", 1, 0.3)],
    "c.jpg": [("cat", 1, 0.5), ("dog", 2, 0.4)],
}
SECOND = FIRST | {"b.jpg": [("cat", 1, 0.8), ("dog", 2, 0.1)], "c.jpg": [("dog", 2, 0.9), ("cat", 1, 0.05)]}
TRUTH = {"a.jpg": "cat", "b.jpg": "cat", "c.jpg": "dog"}


def judged(folders: list[Path], truth: Path, how: Resampling = NONE) -> Judged:
    runs, table, found = loaded(folders, truth)
    assert isinstance(found, ClassTruth)
    return judge(found, runs, table, how)


@pytest.fixture
def both(tmp_path: Path) -> list[Path]:
    for name in TRUTH:
        made_runs.draw(tmp_path / name)
    return [made_runs.classified(tmp_path / "one", FIRST), made_runs.classified(tmp_path / "other", SECOND)]


def test_the_likeliest_class_is_right_or_wrong_by_so_much(tmp_path: Path, both: list[Path]) -> None:
    found = judged(both[:1], made_runs.table(tmp_path / "truth.csv", TRUTH))
    columns = found.runs[0].columns
    assert column(columns["verdict"]).tolist() == [RIGHT, WRONG, WRONG]
    np.testing.assert_allclose(column(columns["margin"]), [0.5, 0.3, 0.1], atol=1e-6)
    np.testing.assert_allclose(column(columns["loss"]), [-math.log(v) for v in (0.7, 0.3, 0.4)], atol=1e-6)
    assert found.runs[0].numbers["top1"] == pytest.approx(1 / 3)


def test_what_rests_on_classes_that_records_do_not_hold_is_not_said(tmp_path: Path, both: list[Path]) -> None:
    numbers = judged(both[:1], made_runs.table(tmp_path / "truth.csv", TRUTH)).runs[0].numbers
    assert set(numbers) == {"top1", "macro_f1", "balanced_accuracy", "ece"}


def test_a_true_class_that_no_record_names_has_the_loss_of_what_is_left_at_most(tmp_path: Path) -> None:
    folder = made_runs.classified(tmp_path / "out", {"a.jpg": [("cat", 1, 0.7), ("dog", 2, 0.2)]})
    made_runs.draw(tmp_path / "a.jpg")
    found = judged([folder], made_runs.table(tmp_path / "truth.csv", {"a.jpg": "horse"}))
    assert column(found.runs[0].columns["verdict"]).tolist() == [WRONG]
    np.testing.assert_allclose(column(found.runs[0].columns["loss"]), [-math.log(0.1)], atol=1e-5)


def test_the_sentence_of_two_runs_is_that_of_the_paired_test(tmp_path: Path, both: list[Path]) -> None:
    truth = made_runs.table(tmp_path / "truth.csv", TRUTH)
    (found,) = judged(both, truth).comparisons
    exact = mcnemar(np.array([True, False, False]), np.array([True, True, True]))
    assert found["p"] == pytest.approx(exact.p)
    assert "the 2 pictures that only one run has right" in found["sentence"]
    (resampled,) = judged(both, truth, Resampling(50)).comparisons
    assert resampled["sentence"].startswith("other is right on 66.7 % more pictures than one")


def test_of_three_runs_each_two_are_compared(tmp_path: Path, both: list[Path]) -> None:
    third = made_runs.classified(tmp_path / "third", FIRST)
    found = judged([*both, third], made_runs.table(tmp_path / "truth.csv", TRUTH), Resampling(20)).comparisons
    assert [(one["first"], one["second"]) for one in found] == [(0, 1), (0, 2), (1, 2)]
    assert "other is right on" in found[2]["sentence"]
    assert "one and third are right on the same pictures" in found[1]["sentence"]


def test_huge_and_negative_class_numbers_are_only_numbers(tmp_path: Path) -> None:
    folder = made_runs.classified(tmp_path / "out", {"a.jpg": [("cat", 2**62, 0.7), ("dog", -(2**40), 0.2)]})
    made_runs.draw(tmp_path / "a.jpg")
    found = judged([folder], made_runs.table(tmp_path / "truth.csv", {"a.jpg": "cat"}))
    assert column(found.runs[0].columns["verdict"]).tolist() == [RIGHT]


def test_numbers_are_of_the_pictures_that_every_run_has(tmp_path: Path, both: list[Path]) -> None:
    less = made_runs.write(
        tmp_path / "less",
        [
            made_runs.record("classify", "a.jpg", made_runs.named(FIRST["a.jpg"])),
            made_runs.failed("classify", "b.jpg"),
        ],
    )
    found = judged([both[0], less], made_runs.table(tmp_path / "truth.csv", TRUTH))
    assert found.pictures == 1
    assert [run.numbers["top1"] for run in found.runs] == [1, 1]
    assert column(found.runs[0].columns["verdict"]).tolist() == [RIGHT, WRONG, WRONG]
    assert column(found.runs[1].columns["verdict"]).tolist() == [RIGHT, UNKNOWN, UNKNOWN]


def test_truth_beside_the_records_needs_no_file(tmp_path: Path) -> None:
    one = made_runs.record("classify", "a.jpg", made_runs.named(FIRST["a.jpg"]), extra={"truth": {"labels": ["dog"]}})
    runs, table, found = loaded([made_runs.write(tmp_path / "out", [one])])
    assert isinstance(found, ClassTruth)
    assert column(judge(found, runs, table, NONE).runs[0].columns["verdict"]).tolist() == [WRONG]


def test_of_several_classes_a_picture_all_have_to_be_right(tmp_path: Path) -> None:
    answers = {"a.jpg": [("cat", 1, 0.9), ("dog", 2, 0.8)], "b.jpg": [("cat", 1, 0.9)], "c.jpg": []}
    folder = made_runs.classified(tmp_path / "out", answers)
    for name in answers:
        made_runs.draw(tmp_path / name)
    found = judged(
        [folder], made_runs.table(tmp_path / "truth.csv", {"a.jpg": "dog;cat", "b.jpg": "cat;dog", "c.jpg": "dog"})
    )
    assert found.kind == "labels"
    assert column(found.runs[0].columns["verdict"]).tolist() == [RIGHT, WRONG, WRONG]
    assert found.runs[0].numbers["subset_accuracy"] == pytest.approx(1 / 3)


def test_the_calibration_curve_is_of_the_likeliest_class(tmp_path: Path, both: list[Path]) -> None:
    found = judged(both[:1], made_runs.table(tmp_path / "truth.csv", TRUTH)).runs[0].calibration
    assert found is not None
    assert found.pictures.sum() == 3
    assert found.pictures[int(0.7 * 15)] == 1


def test_it_agrees_with_vision_eval_on_whole_probabilities(tmp_path: Path) -> None:
    """Records that name every class hide nothing, so that the two say the same."""
    from visioncli.metrics.classification import SingleLabel
    from visioncli.metrics.intervals import measured

    random = np.random.default_rng(3)
    chances = random.dirichlet(np.ones(4), 40)
    truth = random.integers(0, 4, 40)
    names = [f"{n:02d}.jpg" for n in range(40)]
    labels = ["ant", "bee", "cat", "dog"]
    answers = {
        name: sorted(((labels[k], k, float(row[k])) for k in range(4)), key=lambda one: -one[2])
        for name, row in zip(names, chances, strict=True)
    }
    folder = made_runs.classified(tmp_path / "out", answers)
    for name in names:
        (tmp_path / name).write_bytes(b"not looked at")
    table = made_runs.table(tmp_path / "t.csv", dict(zip(names, (labels[k] for k in truth), strict=True)))
    numbers = judged([folder], table).runs[0].numbers
    written = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    rounded = np.zeros((40, 4))
    for n, body in enumerate(written):
        for one in body["predictions"]:
            rounded[n, one["label_id"]] = one["score"]
    expected = {
        name: float(v[0]) for name, v in measured(SingleLabel(rounded.astype(np.float32), truth)).totals.items()
    }
    for name, value in numbers.items():
        assert value == pytest.approx(expected[name], abs=1e-9), name
