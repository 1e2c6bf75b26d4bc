"""The tool that makes pictures to learn detection from."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idx_files import mnist
from visioncli.labelled.boxes import read_boxes

TOOL = Path(__file__).parent.parent / "tools" / "digits_on_photographs.py"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    rng = np.random.default_rng(1)
    for n in range(12):
        pixels = rng.integers(0, 60, (80, 120, 3), np.uint8)
        Image.fromarray(pixels).save(photographs / f"{n:02d}.jpg")
    arguments = [str(TOOL), str(mnist(tmp_path / "mnist")), str(tmp_path / "set"), str(photographs)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--pictures", "20", "--val", "0.2"])
    runpy.run_path(str(TOOL), run_name="__main__")
    return tmp_path / "set"


def test_it_is_a_set_with_digits_of_the_promised_sizes(made: Path) -> None:
    found = read_boxes(str(made))
    assert [example.split for example in found.examples].count("train") == 16
    assert [example.split for example in found.examples].count("val") == 4
    assert all(1 <= len(objects) <= 6 for objects in found.objects)
    sides = np.concatenate([o.boxes[:, 2:] - o.boxes[:, :2] for o in found.objects]).max(1)
    assert sides.min() >= 24
    assert sides.max() <= 120
    assert set(found.classes) <= {"0", "1"}


def test_boxes_are_around_the_ink(made: Path) -> None:
    body = json.loads((made / "annotations/instances_train.json").read_text())
    upright = [a for a in body["annotations"] if a["bbox"][3] > a["bbox"][2]]
    assert {a["category_id"] for a in upright} == {1}
    lying = [a for a in body["annotations"] if a["bbox"][3] < a["bbox"][2]]
    assert {a["category_id"] for a in lying} == {2}
    assert upright
    assert lying
