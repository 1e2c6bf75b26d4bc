"""Predict and evaluate close without glue: what one command writes, `vision iou` reads as it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, Ended

Vision = Callable[..., Ended]

DETECTIONS = {
    "coco": "predictions.coco.json",
    "jsonl": "predictions.jsonl",
    "folder": "",
    "csv": "predictions.csv",
    "voc": "voc",
    "yolo": "yolo",
}


@pytest.mark.shared_data
@pytest.mark.parametrize("truth_ids", [True, False], ids=["ids of the truth", "own ids"])
def test_detections_in_every_format_score_alike_and_pass_a_gate(
    truth_ids: bool, vision: Vision, shared_data: Path
) -> None:
    truth, photos = shared_data / "coco" / "instances.json", shared_data / "coco" / "images"
    args = ["--images", truth] if truth_ids else []
    ended = vision(
        "detect",
        photos,
        "-s",
        "0.05",
        "-o",
        "out",
        "-f",
        "coco,csv,voc,yolo",
        "--yolo-scores",
        "--annotated",
        "none",
        "-q",
        *args,
    )
    assert ended.status == 0
    for kind, name in DETECTIONS.items() if truth_ids else (("coco", DETECTIONS["coco"]),):
        more = ["--images", photos] if kind == "yolo" else []
        scored = vision("iou", truth, f"out/{name}", "--only", "AP50", "--fail-under", "AP50=0.4", "-q", *more)
        assert (scored.status, scored.err) == (0, ""), kind
        assert float(scored.out) == pytest.approx(0.517, abs=0.01), kind
    missed = vision("iou", truth, "out/predictions.coco.json", "--fail-under", "AP50=0.99", "-q")
    assert missed.status == 5


@pytest.mark.shared_data
def test_keypoints_score_as_they_are(vision: Vision, shared_data: Path) -> None:
    truth = shared_data / "coco" / "person_keypoints.json"
    photos = shared_data / "coco" / "images"
    assert vision("pose", photos, "-o", "out", "-f", "coco", "--annotated", "none", "-q").status == 0
    for name in ("predictions.coco.json", "predictions.jsonl"):
        ended = vision("iou", truth, f"out/{name}", "--keypoints", "--only", "AP,AP50", "--json", "-q")
        assert (ended.status, ended.err) == (0, "")
        assert json.loads(ended.out)["AP"] >= 0.5


@pytest.mark.parametrize("annotated", ["jpg", "png"])
def test_label_maps_of_an_output_folder_score_beside_everything_else_in_it(
    annotated: str, vision: Vision, tmp_path: Path
) -> None:
    (tmp_path / "photos" / "a").mkdir(parents=True)
    (tmp_path / "truth" / "a").mkdir(parents=True)
    for name in ("chelsea.png", "a/grace_hopper.jpg"):
        shutil.copy(ROOT / "sample_images" / Path(name).name, tmp_path / "photos" / name)
    ended = vision("segment", "photos", "-o", "out", "-f", "coco", "--annotated", annotated, "--size", "257", "-q")
    assert ended.status == 0
    for record in ended.records:
        with Image.open(record["files"]["mask"]) as image:
            target = (tmp_path / "truth" / record["output"]).with_suffix(".png")
            Image.fromarray(np.asarray(image)).save(target)
    scored = vision("iou", "truth", "out", "--only", "miou,pixel_accuracy", "--json")
    assert (scored.status, scored.err) == (0, "")
    assert json.loads(scored.out) == {"miou": 1.0, "pixel_accuracy": 1.0}


@pytest.mark.shared_data
def test_instance_masks_score_by_their_pixels(vision: Vision, shared_data: Path) -> None:
    truth = shared_data / "coco" / "instances.json"
    names = sorted((shared_data / "coco" / "images").iterdir())[:15]
    made = ["segment", *names, "--mode", "instance", "-o", "out", "-f", "coco", "--annotated", "none", "-q"]
    assert vision(*made, "--images", truth).status == 0
    ended = vision(
        "iou", truth, "out/predictions.coco.json", "--masks", "--only", "precision,matched", "--json", "-q"
    )
    assert (ended.status, ended.err) == (0, "")
    assert json.loads(ended.out)["matched"] >= 5
