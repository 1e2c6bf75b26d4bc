"""Several runs into one folder, and folders of earlier runs among the inputs: nothing is mixed, nothing is lost."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT, Ended

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]
COFFEE = ROOT / "sample_images" / "coffee.png"


def test_a_run_over_the_folder_that_holds_earlier_results_takes_only_the_pictures(
    vision: Vision, pictures: Make
) -> None:
    pictures(1)
    vision("classify", ".")
    vision("classify", "photos", "-o", "out1")
    for given in (".", "**", "*"):
        ended = vision("detect", given, "-o", "out2")
        assert [os.path.normpath(r["input"]) for r in ended.records] == ["photos/000.png"]
        assert ended.err.count("Left out results of earlier runs in ") == 1
        assert "vision-out" in ended.err
    assert "Left out" not in vision("detect", ".", "-o", "out2", "-q").err


def test_earlier_results_that_are_named_are_inputs(vision: Vision, pictures: Make) -> None:
    pictures(1)
    vision("classify", "photos")
    ended = vision("classify", "vision-out", "-o", "out2")
    assert ended.status == 0
    assert [r["input"] for r in ended.records] == ["vision-out/000.png.classify.jpg"]
    assert "Left out" not in ended.err


def test_three_tasks_into_the_default_folder_keep_their_records(vision: Vision, pictures: Make) -> None:
    pictures(1)
    for task in ("classify", "detect", "gradcam"):
        ended = vision(task, "photos")
    assert "The records of vision detect are now in vision-out/predictions.detect.jsonl." in ended.err
    for name, task in (("jsonl", "gradcam"), ("detect.jsonl", "detect"), ("classify.jsonl", "classify")):
        assert json.loads(Path(f"vision-out/predictions.{name}").read_bytes())["task"] == task
    again = vision("classify", "photos", "--resume")
    assert "1 taken from an earlier run" in again.err
    assert sorted(p.name for p in Path("vision-out").glob("*.jsonl")) == [
        "predictions.detect.jsonl",
        "predictions.gradcam.jsonl",
        "predictions.jsonl",
    ]


def test_a_folder_of_several_tasks_can_be_evaluated(vision: Vision, tmp_path: Path) -> None:
    shutil.copy(COFFEE, tmp_path)
    vision("detect", "coffee.png", "-o", "out")
    vision("classify", "coffee.png", "-o", "out")
    ended = vision("iou", "out/predictions.detect.jsonl", "out", "--only", "AP50")
    assert (ended.status, ended.out) == (0, b"1\n")
    assert "so predictions.detect.jsonl is compared" in ended.err


@pytest.fixture
def labelled(vision: Vision, tmp_path: Path) -> Path:
    """An output folder with labels of two pictures."""
    for name in ("a.png", "b.png"):
        shutil.copy(COFFEE, tmp_path / name)
    vision("detect", "a.png", "b.png", "-o", "out", "-f", "yolo,voc,csv,coco")
    return tmp_path / "out"


def names(folder: Path) -> list[str]:
    return sorted(
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.suffix in (".txt", ".xml")
    )


def test_labels_are_of_the_last_run_alone_and_pictures_stay(vision: Vision, labelled: Path) -> None:
    (labelled / "yolo" / "labels" / "mine.txt").write_text("")
    ended = vision("detect", "b.png", "-o", "out", "-f", "yolo")
    assert "Removed 2 files of an earlier run from out/yolo." in ended.err
    assert "out/voc is of an earlier run" in ended.err
    assert names(labelled) == [
        "voc/a.xml",
        "voc/b.xml",
        "yolo/classes.txt",
        "yolo/labels/b.txt",
        "yolo/labels/mine.txt",
    ]
    assert sorted(p.name for p in (labelled / "yolo" / "images").iterdir()) == ["b.png"]
    assert (labelled / "a.png.detect.jpg").exists()
    assert (labelled / "predictions.previous.coco.json").exists()
    assert (labelled / "predictions.previous.csv").exists()
    assert not (labelled / "predictions.csv").exists()


@pytest.mark.parametrize(
    "args",
    [["b.png", "--resume"], ["missing.png", "b.png", "--fail-fast"], ["missing.png"]],
    ids=["resumed", "cut short", "nothing succeeded"],
)
def test_nothing_is_removed_by_a_run_that_is_not_complete(args: list[str], vision: Vision, labelled: Path) -> None:
    before = names(labelled)
    ended = vision("detect", *args, "-o", "out", "-f", "yolo,voc")
    assert "Removed" not in ended.err
    assert names(labelled) == before


def test_a_run_of_another_task_leaves_labels_alone(vision: Vision, labelled: Path) -> None:
    before = names(labelled)
    ended = vision("classify", "b.png", "-o", "out")
    assert "yolo" not in ended.err
    assert names(labelled) == before
    assert (labelled / "predictions.detect.csv").exists()


def test_a_picture_with_the_longest_name_gets_its_results(vision: Vision, pictures: Make) -> None:
    (path,) = pictures(1)
    path.rename(path.with_name("n" * 251 + ".png"))
    ended = vision("classify", "photos", "-o", "out")
    assert ended.status == 0
    (record,) = ended.records
    assert record["output"].endswith(".png")
    assert Path(record["files"]["annotated"]).is_file()
    assert vision("classify", "photos", "-o", "other").records[0]["output"] == record["output"]
    assert "1 taken from an earlier run" in vision("classify", "photos", "-o", "out", "--resume").err


@pytest.mark.parametrize("given", ["photos", "photos/*", "photos/**/*.png", "photos/../photos"])
def test_an_output_folder_that_is_an_input_is_wrong_usage(given: str, vision: Vision, pictures: Make) -> None:
    pictures(1)
    ended = vision("classify", given, "-o", "photos")
    assert ended.status == 2
    assert "The output folder photos is itself an input" in ended.err
    assert os.listdir("photos") == ["000.png"]
