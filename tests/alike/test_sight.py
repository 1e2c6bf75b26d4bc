"""What is taken of each picture to find duplicates."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from photographs import photograph
from visioncli.alike.sight import Look
from visioncli.alike.thumbnails import SIDE
from visioncli.inputs.sources import Expansion, Item
from visioncli.runner import RunOptions, run


def test_a_file_is_its_content_its_thumbnail_and_no_features_without_a_network(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    photograph(1).save(path)
    (outcome,) = run(Expansion().items([str(path)]), Look(None), RunOptions())
    facts = outcome.record.extra
    assert facts["content"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (facts["bytes"], facts["changed"]) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert outcome.arrays["thumbnail"].shape == (SIDE, SIDE)
    assert outcome.arrays["features"].shape == (0,)
    grey = np.asarray(Image.open(path).convert("L")).mean()
    assert abs(outcome.arrays["thumbnail"].mean() - grey) < 1


def test_addresses_are_no_files() -> None:
    item = Item("http://127.0.0.1:9/none.png", "none.png")
    (outcome,) = run([item], Look(None), RunOptions())
    assert outcome.record.error is not None
