"""Whole runs of `vision eval` on boxes and label maps: the numbers of `vision iou`, in one go."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onnx_files
from conftest import Ended

Vision = Callable[..., Ended]
SIDE, CELL = 64, 8


def scene(seed: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """A dark picture with some green cells, one of them dimmer, and where they are."""
    random = np.random.default_rng(seed)
    picture = random.integers(0, 40, (SIDE, SIDE, 3), np.uint8)
    cells = sorted({(int(x), int(y)) for x, y in random.integers(0, SIDE // CELL, (4, 2))})
    for n, (x, y) in enumerate(cells):
        picture[y * CELL : (y + 1) * CELL, x * CELL : (x + 1) * CELL, 1] = 250 - 90 * (n == 1)
    return picture, cells


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Eight pictures in `set/images`; of each an object that is not marked, and one that is not there."""
    images, annotations = [], []
    (tmp_path / "set" / "images").mkdir(parents=True)
    for n in range(8):
        picture, cells = scene(n)
        Image.fromarray(picture).save(tmp_path / "set" / "images" / f"{n}.png")
        images.append({"id": n + 1, "file_name": f"{n}.png", "width": SIDE, "height": SIDE})
        boxes = [[x * CELL, y * CELL, CELL, CELL] for x, y in cells[n % 2 :]] + [[1, 1, 20, 20]] * (n % 3 == 0)
        for box in boxes:
            annotations.append(
                {"id": len(annotations) + 1, "image_id": n + 1, "category_id": 7, "bbox": box, "iscrowd": 0}
                | {"area": box[2] * box[3]}
            )
    body = {"images": images, "annotations": annotations, "categories": [{"id": 7, "name": "cell"}]}
    (tmp_path / "set" / "truth.json").write_text(json.dumps(body))
    return tmp_path / "set" / "truth.json"


@pytest.fixture
def network(tmp_path: Path) -> str:
    return onnx_files.cells(tmp_path / "cells.onnx", names="{0: 'cell'}")


def body(ended: Ended) -> dict[str, Any]:
    assert ended.status == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_the_numbers_are_those_of_detect_and_iou(vision: Vision, coco: Path, network: str) -> None:
    said = body(vision("eval", "set/truth.json", "-m", network, "--json", "--bootstrap", "200"))
    assert vision("detect", "set/images", "-m", network, "--score", "0.001", "-o", "out", "-q").status == 0
    args = ("iou", "set/truth.json", "out", "--json", "--score", "0.4", "--bootstrap", "200")
    expected = body(vision(*args))
    (model,) = said["models"]
    for part in ("coco", "voc", "total", "intervals", "classes", "confusion"):
        assert model[part] == expected[part], part
    assert 0 < model["coco"]["AP50"] < 1
    assert 0 < model["total"]["matched"] < model["total"]["truth"]
    out = coco.parents[1] / "vision-eval"
    assert json.loads((out / "eval.json").read_text()) == said
    assert {"classes.csv", "confusion.csv", "onnx_cells_onnx.jsonl"} < {p.name for p in out.iterdir()}
    assert len((out / "onnx_cells_onnx.jsonl").read_text().splitlines()) == 8


def test_yolo_and_voc_truths_give_the_same(vision: Vision, coco: Path, network: str) -> None:
    said = body(vision("eval", "set/truth.json", "-m", network, "--json", "-o", "-"))
    truth = json.loads(coco.read_text())
    root = coco.parents[1] / "yolo"
    (root / "labels" / "val").mkdir(parents=True)
    (root / "images").mkdir()
    (coco.parent / "images").rename(root / "images" / "val")
    (root / "Annotations").mkdir()
    for image in truth["images"]:
        boxes = [a["bbox"] for a in truth["annotations"] if a["image_id"] == image["id"]]
        stem = Path(image["file_name"]).stem
        rows = [f"0 {(x + w / 2) / SIDE} {(y + h / 2) / SIDE} {w / SIDE} {h / SIDE}" for x, y, w, h in boxes]
        (root / "labels" / "val" / f"{stem}.txt").write_text("\n".join(rows))
        objects = "".join(
            f"<object><name>cell</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin><xmax>{x + w}</xmax>"
            f"<ymax>{y + h}</ymax></bndbox></object>"
            for x, y, w, h in boxes
        )
        (root / "Annotations" / f"{stem}.xml").write_text(
            f"<annotation><filename>{stem}.png</filename><size><width>{SIDE}</width><height>{SIDE}</height></size>"
            f"{objects}</annotation>"
        )
    (root / "classes.txt").write_text("cell\n")
    ended = vision("eval", "yolo", "-m", network, "--json", "-o", "-", "--split", "val")
    assert body(ended)["models"][0]["coco"] == pytest.approx(said["models"][0]["coco"])
    ended = vision("eval", "yolo/Annotations", "--task", "detect", "-m", network, "--json", "-o", "-")
    assert body(ended)["models"][0]["coco"] == pytest.approx(said["models"][0]["coco"])


def test_two_detectors_are_compared_on_the_same_pictures(vision: Vision, coco: Path, network: str) -> None:
    worse = onnx_files.cells(coco.parents[1] / "coarse.onnx", cell=16, names="{0: 'cell'}")
    said = body(vision("eval", "set/truth.json", "-m", network, worse, "--json", "-o", "-"))
    first, second = (m["coco"]["AP"] for m in said["models"])
    (one,) = said["comparisons"]
    assert one["difference"]["AP"] == pytest.approx(second - first)
    table = vision("eval", "set/truth.json", worse, "-m", network, "-o", "-").out.decode()
    assert "onnx:cells.onnx less onnx:coarse.onnx" in table
    assert one["sentence"] in table


def test_a_picture_that_fails_is_a_record_and_status_1(vision: Vision, coco: Path, network: str) -> None:
    (coco.parent / "images" / "3.png").write_bytes(b"none")
    (coco.parent / "images" / "4.png").unlink()
    ended = vision("eval", "set/truth.json", "-m", network, "--json")
    assert ended.status == 1
    said = json.loads(ended.out)
    assert said["failed"] == 2
    assert "2 pictures could not be used: objects there count as missed." in ended.err
    lines = (coco.parents[1] / "vision-eval" / "onnx_cells_onnx.jsonl").read_text().splitlines()
    assert [json.loads(line)["error"] is not None for line in lines].count(True) == 2


def test_classes_that_the_network_does_not_know_are_named_or_left_out(
    vision: Vision, coco: Path, network: str
) -> None:
    said = body(vision("eval", "set/truth.json", "-m", network, "--json", "-o", "-"))
    truth = json.loads(coco.read_text())
    truth["categories"].append({"id": 9, "name": "unicorn"})
    truth["annotations"].append(
        {"id": 99, "image_id": 1, "category_id": 9, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0}
    )
    coco.write_text(json.dumps(truth))
    ended = vision("eval", "set/truth.json", "-m", network, "-o", "-")
    assert ended.status == 2
    assert "knows no unicorn. --skip-unknown" in ended.err
    without = body(ended := vision("eval", "set/truth.json", "-m", network, "--json", "-o", "-", "--skip-unknown"))
    assert without["models"][0]["coco"] == said["models"][0]["coco"]
    assert "Left out 1 objects of classes" in ended.err


def test_label_maps_are_measured_as_by_segment_and_iou(vision: Vision, tmp_path: Path) -> None:
    network = onnx_files.planes(tmp_path / "planes.onnx", names="{0: 'red', 1: 'green', 2: 'blue'}")
    for folder in ("maps/images", "maps/masks"):
        (tmp_path / folder).mkdir(parents=True)
    for n in range(3):
        picture = np.random.default_rng(n).integers(0, 255, (4, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(picture).save(tmp_path / "maps" / "images" / f"{n}.png")
        truth = picture.argmax(axis=2).astype(np.uint8)
        truth[:8] = n % 3
        Image.fromarray(truth).save(tmp_path / "maps" / "masks" / f"{n}.png")
    said = body(vision("eval", "maps", "--task", "segment", "-m", network, "--json", "--bootstrap", "200"))
    assert vision("segment", "maps/images", "-m", network, "-o", "out", "-q").status == 0
    expected = body(vision("iou", "maps/masks", "out", "--json", "--bootstrap", "200"))
    (model,) = said["models"]
    assert model["total"] == expected["total"]
    assert model["intervals"] == expected["intervals"]
    assert 0.5 < model["total"]["miou"] < 1
    assert [c["label"] for c in model["classes"]] == ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--by", "camera"), "--by is for pictures with classes"),
        (("--stress",), "--stress is for pictures with classes"),
        (("--split", "val"), "has no splits"),
        (("--images", "nowhere"), "nowhere"),
        (("--iou", "0"), "--iou must lie above 0"),
        (("--task", "pose"), "not for pose"),
    ],
)  # fmt: skip
def test_wrong_usage_is_a_sentence(
    vision: Vision, coco: Path, network: str, args: tuple[str, ...], words: str
) -> None:
    ended = vision("eval", "set/truth.json", "-m", network, *args)
    assert ended.status in (2, 3)
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert not (coco.parents[1] / "vision-eval").exists()
