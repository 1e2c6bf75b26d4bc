import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENES = (
    ([(1, [10, 20, 100, 200]), (18, [200, 150, 120, 80])], ["A man with a dog.", "A man walks a dog."]),
    ([(17, [50, 50, 200, 200]), (63, [0, 100, 400, 200])], ["A cat on a couch.", "A cat sits on a couch."]),
    ([(5, [20, 20, 300, 100])], ["A plane in the sky.", "A large plane in the sky."]),
)


@pytest.fixture
def layouts(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    import layouts

    return layouts


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Thirty pictures of three kinds, as JSON Lines."""
    path = tmp_path / "tiny.jsonl"
    with path.open("w") as file:
        for image_id in range(30):
            objects, captions = SCENES[image_id % 3]
            boxes = [{"category_id": label, "bbox": box} for label, box in objects]
            row = {"image_id": image_id, "width": 400, "height": 300, "objects": boxes, "captions": captions}
            file.write(json.dumps(row) + "\n")
    return path


def run(data: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "training" / "caption.py"), "--data", str(data), "--out", str(out)]
    options = [
        "--epochs",
        "1",
        "--members",
        "1",
        "--batch",
        "8",
        "--width",
        "16",
        "--least-count",
        "1",
        "--val",
        "0.2",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([*command, *options, *more], env=environment, capture_output=True, text=True, check=True)


def test_one_epoch_writes_weights_that_load_and_the_same_seed_gives_the_same_bytes(
    data: Path, tmp_path: Path
) -> None:
    from visioncli.networks.object_layout import load

    run(data, tmp_path / "a")
    run(data, tmp_path / "b")
    weights = [(tmp_path / name / "object_layout.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]
    network, words = load(tmp_path / "a" / "object_layout.safetensors")
    assert "couch" in words
    assert network.sizes.hidden == 16
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["train_pictures"] + metrics["val_pictures"] == 30
    assert set(metrics["val"]) == set(metrics["template"]) == {"cider", "bleu4", "absent"}


def test_members_trained_before_are_joined(data: Path, tmp_path: Path) -> None:
    from visioncli.networks.object_layout import load

    run(data, tmp_path / "a")
    run(data, tmp_path / "b", "--seed", "2", "--join", str(tmp_path / "a" / "object_layout.safetensors"))
    network, _ = load(tmp_path / "b" / "object_layout.safetensors")
    assert len(network.members) == 2


def test_coco_instances_and_captions_are_read_as_layouts(layouts, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    instances = {
        "images": [{"id": 7, "width": 100, "height": 50, "file_name": "7.jpg"}],
        "annotations": [{"image_id": 7, "category_id": 18, "bbox": [10, 5, 20, 30]}],
    }
    captions = {"annotations": [{"image_id": 7, "caption": "A dog."}, {"image_id": 7, "caption": "One dog!"}]}
    for name, content in (("i.json", instances), ("c.json", captions)):
        (tmp_path / name).write_text(json.dumps(content))
    (layout,) = layouts.read_layouts(tmp_path / "i.json", tmp_path / "c.json")
    assert layout.boxes.tolist() == [[10, 5, 30, 35]]
    assert layout.captions == [["a", "dog"], ["one", "dog"]]


def test_a_simulated_detector_finds_large_objects_and_misses_tiny_ones(layouts) -> None:  # type: ignore[no-untyped-def]
    boxes = np.array([[0, 0, 300, 300], [10, 10, 12, 12]], np.float64)
    layout = layouts.Layout(1, 400, 300, boxes, np.array([17, 37]), [["a", "cat"]])
    random = np.random.default_rng(0)
    found = [layouts.detect(layout, random) for _ in range(200)]
    large = sum(17 in d.label_ids for d in found)
    tiny = sum(37 in d.label_ids[d.scores > 0.5] for d in found)
    assert large > 160
    assert tiny < 10
    for seen in found:
        assert len(seen.boxes) == len(seen.scores) == len(seen.label_ids)
        assert ((seen.boxes >= 0) & (seen.boxes <= [400, 300, 400, 300])).all()
        assert ((seen.scores >= 0.2) & (seen.scores < 1)).all()


def test_a_mirrored_layout_drops_captions_that_speak_of_sides(layouts) -> None:  # type: ignore[no-untyped-def]
    told = [["a", "cat", "on", "the", "left"], ["a", "cat"]]
    layout = layouts.Layout(1, 100, 50, np.array([[10.0, 5, 30, 35]]), np.array([17]), told)
    seen = layouts.mirrored(layout)
    assert seen.boxes.tolist() == [[70, 5, 90, 35]]
    assert seen.captions == [["a", "cat"]]
