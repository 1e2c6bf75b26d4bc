"""What `--resume` takes over: nothing that other options would have made, no file that is not as it was written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT, Ended, make_picture
from visioncli.models.labels import load_labels

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]

CHANGES = {
    "segment --opacity": (["segment", "--size", "65"], ["--opacity", "0.9"]),
    "segment --background": (
        ["segment", "--size", "65", "--mode", "foreground", "--background", "white"],
        ["--background", "red"],
    ),
    "gradcam --opacity": (["gradcam"], ["--opacity", "0.9"]),
    "gradcam --grid": (["gradcam"], ["--grid"]),
    "gradcam --raw": (["gradcam", "--raw", "png"], ["--raw", "npy"]),
    "detect --yolo-scores": (["detect", "-f", "yolo"], ["--yolo-scores"]),
    "detect --yolo-labels-only": (["detect", "-f", "yolo"], ["--yolo-labels-only"]),
    "detect --format yolo": (["detect"], ["-f", "yolo"]),
    "classify --annotated": (["classify"], ["--annotated", "none"]),
}


def taken_over(ended: Ended) -> int:
    """How many records came from an earlier run."""
    assert ended.status == 0
    return int(ended.err.split(" taken from an earlier run")[0].split()[-1]) if "taken" in ended.err else 0


@pytest.mark.parametrize(("command", "more"), CHANGES.values(), ids=CHANGES)
def test_a_changed_option_is_done_again(command: list[str], more: list[str], vision: Vision, pictures: Make) -> None:
    pictures(1)
    assert vision(*command, "photos", "-o", "out").status == 0
    assert taken_over(vision(*command, "photos", "-o", "out", "--resume")) == 1
    assert taken_over(vision(*command, *more, "photos", "-o", "out", "--resume")) == 0


def test_ways_of_running_take_over_what_is_done(vision: Vision, pictures: Make) -> None:
    pictures(2)
    vision("classify", "photos", "-o", "out", "--engine", "onnx")
    ways = [
        "-b",
        "1",
        "-j",
        "1",
        "--threads",
        "1",
        "--device",
        "cpu",
        "--offline",
        "--max-pixels",
        "99999",
        "-f",
        "csv",
    ]
    assert taken_over(vision("classify", "photos", "-o", "out", "--resume", "--engine", "torch", *ways)) == 2


def test_labels_with_another_content_are_done_again(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(1)
    names = list(load_labels("imagenet1k").values())
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(names))
    command = ("classify", "photos", "--labels", labels, "-o", "out")
    first = vision(*command).records[0]
    assert taken_over(vision(*command, "--resume")) == 1
    labels.write_text("\n".join(f"my {name}" for name in names))
    again = vision(*command, "--resume")
    assert taken_over(again) == 0
    assert again.records[0]["predictions"][0]["label"] == f"my {first['predictions'][0]['label']}"


def test_a_background_with_another_content_is_done_again(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(1)
    command = ("segment", "photos", "--size", "65", "--mode", "foreground", "--background", "sea.png", "-o", "out")
    make_picture(1).save(tmp_path / "sea.png")
    vision(*command)
    assert taken_over(vision(*command, "--resume")) == 1
    make_picture(2).save(tmp_path / "sea.png")
    assert taken_over(vision(*command, "--resume")) == 0


def test_another_ground_truth_gives_its_image_ids_to_records_that_are_taken_over(
    vision: Vision, pictures: Make, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "sample_images" / "coffee.png", tmp_path)
    for number in (7, 8):
        truth = tmp_path / f"{number}.json"
        truth.write_text(json.dumps({"images": [{"file_name": "coffee.png", "id": number}]}))
    command = ("detect", "coffee.png", "-f", "coco", "-o", "out")
    vision(*command, "--images", "7.json")
    again = vision(*command, "--images", "8.json", "--resume")
    assert taken_over(again) == 1
    results = json.loads((tmp_path / "out" / "predictions.coco.json").read_bytes())
    assert {result["image_id"] for result in results} == {8}


@pytest.mark.parametrize("content", [b"", b"something else", None], ids=["emptied", "replaced", "removed"])
def test_a_picture_that_is_not_as_it_was_written_is_made_again(
    content: bytes | None, vision: Vision, pictures: Make, tmp_path: Path
) -> None:
    pictures(2)
    vision("classify", "photos", "-o", "out")
    drawn = tmp_path / "out" / "000.png.classify.jpg"
    before = drawn.read_bytes()
    drawn.unlink()
    if content is not None:
        drawn.write_bytes(content)
    assert taken_over(vision("classify", "photos", "-o", "out", "--resume")) == 1
    assert drawn.read_bytes() == before


def test_a_crop_that_is_missing_is_made_again(vision: Vision, tmp_path: Path) -> None:
    shutil.copy(ROOT / "sample_images" / "coffee.png", tmp_path)
    command = ("detect", "coffee.png", "--crops", "-o", "out")
    vision(*command)
    assert taken_over(vision(*command, "--resume")) == 1
    crop = next((tmp_path / "out" / "coffee.png.crops").iterdir())
    crop.unlink()
    assert taken_over(vision(*command, "--resume")) == 0
    assert crop.is_file()


def test_damaged_records_are_done_again_and_the_run_goes_on(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(3)
    whole = vision("classify", "photos", "-o", "out", "-f", "csv,json").records
    path = tmp_path / "out" / "predictions.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    nested = b'{"schema": "vision/1", "extra": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    path.write_bytes(b"\0" * 5000 + b"\n" + lines[0].replace(b'"width": 48', b'"width": NaN') + nested + lines[2])
    again = vision("classify", "photos", "-o", "out", "-f", "csv,json", "--resume")
    assert taken_over(again) == 1
    assert [r["predictions"] for r in again.records] == [r["predictions"] for r in whole]


def test_another_precision_is_done_again_and_stands_in_the_record(
    vision: Vision, pictures: Make, int8_units: None
) -> None:
    pictures(1)
    (whole,) = vision("classify", "photos", "-o", "out", "--precision", "fp32", "--json").records
    again = vision("classify", "photos", "-o", "out", "--resume", "--json")
    assert taken_over(again) == 0
    assert (whole["model"]["precision"], again.records[0]["model"]["precision"]) == ("fp32", "int8")
    # What auto stands for here, by its name.
    assert taken_over(vision("classify", "photos", "-o", "out", "--precision", "int8", "--resume")) == 1
