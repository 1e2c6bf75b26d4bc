"""What every task promises, by the same tests for each: records, order, resuming, any batch size, exit statuses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, Ended, make_picture
from visioncli.record_schema import json_schema

Vision = Callable[..., Ended]
CHECK = jsonschema.Draft202012Validator(json_schema())

TASKS = {
    "classify": ["classify"],
    "detect": ["detect", "--score", "0.2"],
    "detect in tiles": ["detect", "--score", "0.2", "--tile", "128"],
    "segment": ["segment", "--size", "129"],
    "segment objects": ["segment", "--size", "129", "--mode", "instance", "--score", "0.2"],
    "segment foreground": ["segment", "--size", "129", "--mode", "foreground"],
    "pose": ["pose", "--angles"],
    "pose of one": ["pose", "--single"],
    "gradcam": ["gradcam", "--class", "top-2"],
    "gradcam of boxes": ["gradcam", "--task", "detect"],
}

every_task = pytest.mark.parametrize("command", TASKS.values(), ids=TASKS)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Real pictures (small), among them broken and awkward files."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, name in enumerate(("astronaut.png", "chelsea.png", "grace_hopper.jpg")):
        with Image.open(ROOT / "sample_images" / name) as image:
            small = image.convert("RGB")
            small.thumbnail((240, 240))
            small.save(folder / f"{2 * n}-{Path(name).stem}.png")
    (folder / "1-empty.jpg").touch()
    (folder / "3-text.png").write_text("This is no picture.")
    (folder / "5-cut.jpg").write_bytes((ROOT / "sample_images" / "rocket.jpg").read_bytes()[:9000])
    make_picture(1, (1, 1)).save(folder / "6-dot.png")
    make_picture(2, (3, 500)).save(folder / "7-thin.png")
    make_picture(3, (64, 48)).convert("L").save(folder / "8-größe 猫.png")
    return folder


def same(one: Any, other: Any, name: str = "") -> bool:
    """Equal but for rounding: scores within 1e-4, places within a hundredth of a pixel, masks exactly."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            same(one[k], other[k], k) for k in one if k not in ("ms", "key", "files")
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(same(a, b, name) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) or isinstance(other, float):
        return abs(one - other) <= (1e-4 if name in ("score", "share", "energy") else 0.01)
    return bool(one == other)


@every_task
def test_a_folder_with_broken_files_gives_one_valid_record_each_in_order(
    command: list[str], vision: Vision, photos: Path
) -> None:
    ended = vision(*command, "photos", "-o", "out", "-f", "json,csv")
    assert ended.status == 1
    names = sorted(f"photos/{p.name}" for p in photos.iterdir())
    assert [r["input"] for r in ended.records] == names
    for record in ended.records:
        CHECK.validate(record)
    kinds = {Path(r["input"]).name: r["error"]["kind"] for r in ended.records if r["error"]}
    assert kinds.keys() == {"1-empty.jpg", "3-text.png", "5-cut.jpg"}
    assert kinds["5-cut.jpg"] == "truncated_picture"
    out = photos.parent / "out"
    assert [json.loads(line) for line in (out / "predictions.jsonl").read_bytes().splitlines()] == ended.records
    assert json.loads((out / "predictions.json").read_bytes()) == ended.records
    for record in ended.records:
        for path in record.get("files", {}).values():
            assert Path(path).exists()
        if not record["error"]:
            with Image.open(record["files"]["annotated"]) as image:
                image.load()
    assert all(line.startswith("vision: ") for line in ended.err.splitlines())
    assert "6 of 9 succeeded, 3 failed" in ended.err
    left = [p for p in out.rglob("*") if p.name.startswith(".vision-")]
    assert left == []


@every_task
def test_batch_size_workers_and_order_change_no_answer(command: list[str], vision: Vision, photos: Path) -> None:
    paths = sorted(p for p in photos.iterdir() if p.suffix == ".png" and p.name != "3-text.png")
    usual = vision(*command, *paths, "-o", "-", "-b", "5", "-j", "4").records
    assert sum(len(r["predictions"]) for r in usual) > 0
    for order, args in ((1, ["-b", "1", "-j", "1"]), (-1, ["-b", "5", "-j", "4"])):
        others = vision(*command, *paths[::order], "-o", "-", *args).records[::order]
        for one, other in zip(usual, others, strict=True):
            assert same(one, other), one["input"]


@every_task
def test_a_resumed_run_ends_with_the_records_of_one_that_never_stopped(
    command: list[str], vision: Vision, photos: Path
) -> None:
    whole = vision(*command, "photos", "-o", "whole", "-q").records
    half = sorted(photos.iterdir())[:5]
    vision(*command, *(f"photos/{p.name}" for p in half), "-o", "out", "-q")
    resumed = vision(*command, "photos", "-o", "out", "--resume")
    assert "3 taken from an earlier run" in resumed.err
    assert len(resumed.records) == len(whole)
    for one, other in zip(whole, resumed.records, strict=True):
        assert same(one, other)
        for kind, path in one.get("files", {}).items():
            again = Path(other["files"][kind])
            assert again.exists() and again.name == Path(path).name


@every_task
def test_exit_statuses_are_0_1_2_3_and_a_dash_writes_no_file(
    command: list[str], vision: Vision, photos: Path, tmp_path: Path
) -> None:
    good, bad = "photos/8-größe 猫.png", "photos/3-text.png"
    before = {p for p in tmp_path.rglob("*") if p.name != ".stdin"}
    assert vision(*command, good, "-o", "-").status == 0
    both = vision(*command, good, bad, "-o", "-")
    assert (both.status, len(both.records)) == (1, 2)
    assert vision(*command, bad, "-o", "-").status == 3
    wrong = vision(*command, good, "-o", "-", "--format", "docx")
    assert (wrong.status, wrong.out) == (2, b"")
    assert {p for p in tmp_path.rglob("*") if p.name != ".stdin"} == before


@every_task
def test_paths_on_standard_input_and_another_format_on_standard_output(
    command: list[str], vision: Vision, photos: Path
) -> None:
    paths = b"photos/8-gr\xc3\xb6\xc3\x9fe \xe7\x8c\xab.png\nphotos/6-dot.png\n"
    ended = vision(*command, "-", "-o", "-", "-f", "json", stdin=paths)
    assert ended.status == 0
    assert [r["input"] for r in json.loads(ended.out)] == paths.decode().split("\n")[:2]


WRONG = [
    (["detect", "--classes", "persn"], "Did you mean person"),
    (["detect", "--tile", "3"], "--tile takes"),
    (["detect", "--score", "2"], "--score must lie between 0 and 1"),
    (["detect", "--iou", "-1"], "--iou must lie between 0 and 1"),
    (["detect", "--max-detections", "0"], "--max-detections"),
    (["detect", "--format", "cocoo"], "Did you mean coco"),
    (["detect", "-o", "-", "--format", "yolo"], "Give a folder with -o"),
    (["detect", "--images", "none.json", "--format", "coco"], "--images none.json: there is no such file"),
    (["detect", "--model", "deeplab_v3_mobilenet_v2"], "cannot detect"),
    (["segment", "--size", "1"], "--size lies between"),
    (["segment", "--classes", "cat"], "--classes needs --mode instance"),
    (["segment", "--mode", "instance", "--classes", "ct"], "Did you mean"),
    (["segment", "--mode", "foreground", "--background", "nope"], "'nope' is neither"),
    (["segment", "--background", "white"], "need --mode foreground"),
    (["segment", "--cutout"], "need --mode foreground"),
    (["segment", "--format", "yolo"], "cannot write 'yolo'"),
    (["pose", "--score", "2"], "--score must lie"),
    (["pose", "--person-score", "2"], "--person-score must lie"),
    (["pose", "--min-keypoint-score", "2"], "--min-keypoint-score must lie"),
    (["pose", "--max-people", "0"], "--max-people"),
    (["gradcam", "--layer", "wrong"], "no layer 'wrong'"),
    (["gradcam", "--method", "gradcm"], "Did you mean"),
    (["gradcam", "--class", "tabbi"], "Did you mean tabby"),
    (["gradcam", "--task", "detect", "--score", "2"], "--score must lie"),
    (["gradcam", "--compare", "efficientnet_lite0,resnet"], "resnet"),
    (["gradcam", "--compare", "efficientnet_lite0", "-m", "efficientnet_lite0"], "not with both"),
]


@pytest.mark.parametrize(("args", "words"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_a_wrong_option_is_status_2_and_one_sentence(
    args: list[str], words: str, vision: Vision, photos: Path
) -> None:
    ended = vision(args[0], "photos", *args[1:])
    assert (ended.status, ended.out) == (2, b"")
    # The first use of a network says that it is being prepared.
    (sentence,) = [line for line in ended.err.splitlines() if ": Preparing " not in line]
    assert sentence.startswith("vision: ") and words in sentence
    assert not Path("vision-out").exists()


def test_objects_without_masks_are_counted_in_the_summary(vision: Vision, photos: Path) -> None:
    ended = vision("segment", "photos", "--mode", "instance", "--size", "129", "--score", "0.1", "-o", "out")
    left_out = sum(sum(r.get("extra", {}).get("left_out", {}).values()) for r in ended.records)
    assert left_out > 0
    assert re.search(rf"left out {left_out} objects? of classes without masks", ended.err)
    assert all(p["approximate"] is True for r in ended.records for p in r["predictions"] or ())


def test_maps_and_masks_have_the_pictures_size(vision: Vision, photos: Path) -> None:
    for command, kind in ((["segment", "--size", "129"], "mask"), (["gradcam", "--raw", "png"], "map")):
        for record in vision(*command, "photos", "-o", f"out-{kind}", "-q").records:
            if not record["error"]:
                with Image.open(record["files"][kind]) as image:
                    assert image.size == (record["width"], record["height"])
                    assert np.asarray(image).ndim == 2


@pytest.mark.parametrize(
    ("args", "own", "detectors"),
    [
        (["detect"], "flip", None),
        (["segment"], "flip", None),
        (["segment", "--mode", "instance"], "flip", "flip"),
        (["caption"], None, "flip"),
        (["detect", "--tta", "none"], None, None),
        (["caption", "--tta", "none"], None, None),
    ],
)
def test_records_say_where_the_mirror_image_was_looked_at_unasked(
    args: list[str],
    own: str | None,
    detectors: str | None,
    int8_units: None,
    vision: Vision,
    pictures: Callable[..., list[Path]],
) -> None:
    pictures(1)
    (record,) = vision(*args, "photos", "-o", "-").records
    extra = record.get("extra", {})
    assert extra.get("tta") == own
    assert extra.get("detector", {}).get("tta") == detectors
