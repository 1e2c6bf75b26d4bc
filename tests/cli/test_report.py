"""`vision report` and `--report` in whole commands."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import made_runs
import small_sets
from conftest import Ended

Vision = Callable[..., Ended]
Pictures = Callable[..., list[Path]]
CAT = [("cat", 1, 0.9), ("dog", 2, 0.1)]
DOG = [("dog", 2, 0.8), ("cat", 1, 0.2)]


def data_of(page: Path) -> dict[str, Any]:
    (found,) = re.findall(r"var VISION_REPORT=(.*);\n", (page / "data.js").read_text())
    body: dict[str, Any] = json.loads(found)
    return body


def test_a_run_becomes_a_page(vision: Vision, pictures: Pictures, tmp_path: Path) -> None:
    pictures(2)
    made_runs.classified(tmp_path / "out", {"photos/000.png": CAT, "photos/001.png": DOG})
    ended = vision("report", "out", "-o", "page")
    assert ended.status == 0
    assert ended.err == "vision: Report of 2 pictures: open page/index.html\n"
    assert (tmp_path / "page" / "index.html").is_file()
    assert data_of(tmp_path / "page")["title"] == "out"


def test_two_runs_with_truth_end_in_the_sentence_of_the_paired_test(
    vision: Vision, pictures: Pictures, tmp_path: Path
) -> None:
    pictures(2)
    made_runs.classified(tmp_path / "one", {"photos/000.png": CAT, "photos/001.png": CAT})
    made_runs.classified(tmp_path / "two", {"photos/000.png": CAT, "photos/001.png": DOG})
    made_runs.table(tmp_path / "truth.csv", {"photos/000.png": "cat", "photos/001.png": "dog"})
    ended = vision("report", "one", "two", "--truth", "truth.csv", "--bootstrap", "50", "--zip")
    assert ended.status == 0
    assert "vision: two is right on 50.0 % more pictures than one" in ended.err
    assert "packed in vision-report.zip" in ended.err


def test_pictures_that_are_gone_are_sentences_and_status_1(
    vision: Vision, pictures: Pictures, tmp_path: Path
) -> None:
    pictures(1)
    answers = {"photos/000.png": CAT} | {f"gone/{n}.png": CAT for n in range(7)}
    made_runs.classified(tmp_path / "out", answers)
    ended = vision("report", "out")
    assert ended.status == 1
    assert ended.err.count("is no longer where it was") == 5
    assert "2 more pictures cannot be shown" in ended.err
    assert "Report of 8 pictures" in ended.err


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["none"], 3, "no such file or folder"),
        (["."], 3, "no predictions.jsonl in this folder"),
        (["out", "--iou", "2"], 2, "--iou must lie above 0"),
        (["out", "--truth", "none.csv"], 3, "no such file or folder"),
        (["out", "-o", "out"], 2, "is the folder of the results themselves"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    vision: Vision, tmp_path: Path, args: list[str], status: int, words: str
) -> None:
    made_runs.classified(tmp_path / "out", {"a.png": CAT})
    ended = vision("report", *args)
    assert ended.status == status
    assert words in ended.err
    assert ended.err.startswith("vision: ")
    assert not (tmp_path / "vision-report").exists()


def test_names_with_control_characters_do_not_steer_the_terminal(vision: Vision, tmp_path: Path) -> None:
    made_runs.classified(tmp_path / "out", {"\x1b[2Jgone.png": CAT})
    ended = vision("report", "out")
    assert ended.status == 1
    assert "\x1b" not in ended.err


def test_every_task_command_takes_report(vision: Vision, pictures: Pictures, tmp_path: Path) -> None:
    pictures(2)
    ended = vision("classify", "photos", "-o", "out", "--report", "--json")
    assert ended.status == 0, ended.err
    assert len(ended.records) == 2
    assert "open out/report/index.html" in ended.err
    assert data_of(tmp_path / "out" / "report")["task"] == "classify"
    again = vision("classify", "photos", "-o", "out", "--resume", "--report", "--json")
    assert "2 taken from an earlier run" in again.err
    everything = vision("classify", ".", "-o", "-", "--json")
    assert [one["input"] for one in everything.records] == ["./photos/000.png", "./photos/001.png"]


def test_report_of_heat_writes_the_maps_that_it_draws(vision: Vision, pictures: Pictures, tmp_path: Path) -> None:
    pictures(1)
    ended = vision("gradcam", "photos", "-o", "out", "--report", "--json")
    assert ended.status == 0, ended.err
    objects = data_of(tmp_path / "out" / "report")["runs"][0]["objects"]
    assert objects["heat"][0][0] > 0


def test_report_needs_a_folder(vision: Vision, pictures: Pictures) -> None:
    pictures(1)
    ended = vision("classify", "photos", "-o", "-", "--report")
    assert ended.status == 2
    assert "--report needs an output folder" in ended.err


def test_a_report_that_cannot_be_written_leaves_the_results_and_says_so(
    vision: Vision, pictures: Pictures, tmp_path: Path
) -> None:
    pictures(1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report").write_text("mine")
    ended = vision("classify", "photos", "-o", "out", "--report", "--json")
    assert ended.status == 1
    assert "The report was not made" in ended.err
    assert len(ended.records) == 1
    assert (tmp_path / "out" / "predictions.jsonl").is_file()


def test_training_ends_in_a_page_of_its_validation_pictures(vision: Vision, tmp_path: Path) -> None:
    for n in range(12):
        for k, name in enumerate(("red", "blue")):
            small_sets.place(tmp_path / "set" / name, [f"{n}.png"], small_sets.png(name, (20 + n, 16 + k)))
    ended = vision("train", "set", "-o", "run", "--model", "lenet5", "--from", "scratch", "--epochs", "1", "--report")
    assert ended.status == 0, ended.err
    body = data_of(tmp_path / "run" / "report")
    assert body["truth"]["kind"] == "classes"
    assert "open run/report/index.html" in ended.err
