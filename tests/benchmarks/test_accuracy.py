"""What `benchmarks/accuracy.py` makes itself: label maps, the interval of a mean, and the file that it completes."""

import dataclasses
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT
from visioncli.metrics.intervals import intervals
from visioncli.models.labels import load_labels
from visioncli.models.registry import find
from visioncli.models.row import ModelRow


@pytest.fixture
def accuracy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import accuracy

    return accuracy


def square(x: int, y: int, side: int) -> list[list[int]]:
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def truth(folder: Path, *objects: tuple[int, int, int, int, int]) -> Path:
    """COCO's instances of one picture of 40 x 30: category, left, top and side of squares, and whether a crowd."""
    annotations = [
        {
            "id": n,
            "image_id": 7,
            "category_id": category,
            "bbox": [x, y, side, side],
            "area": side * side,
            "iscrowd": crowd,
            "segmentation": square(x, y, side),
        }
        for n, (category, x, y, side, crowd) in enumerate(objects, 1)
    ]
    categories = [{"id": number, "name": name} for number, name in load_labels("coco").items()]
    images = [{"id": 7, "file_name": "a.jpg", "width": 40, "height": 30}]
    path = folder / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def test_cocos_objects_become_a_map_of_pascal_vocs_classes(accuracy: ModuleType, tmp_path: Path) -> None:
    # A dining table, a cat on it, a fork (no class of Pascal VOC) on both, and a crowd of people.
    given = truth(tmp_path, (17, 12, 12, 6, 0), (67, 10, 10, 15, 0), (48, 11, 11, 3, 0), (1, 30, 0, 8, 1))
    accuracy.write_label_maps(given, tmp_path)
    voc = {name: number for number, name in load_labels("voc").items()}
    classes = np.asarray(Image.open(tmp_path / "a.png"))
    assert classes.shape == (30, 40)
    assert classes[14, 14] == voc["cat"]
    assert classes[22, 22] == classes[11, 11] == voc["diningtable"]
    assert classes[4, 34] == accuracy.IGNORED
    assert classes[28, 2] == 0


def test_each_class_of_pascal_voc_is_one_of_cocos(accuracy: ModuleType) -> None:
    coco = set(load_labels("coco").values())
    assert set(accuracy.VOC_OF_COCO) <= coco
    reached = {accuracy.VOC_OF_COCO.get(name, name) for name in coco}
    assert set(load_labels("voc").values()) - reached == {"background"}


def test_the_interval_of_a_mean_holds_it_and_narrows_with_more_pictures(accuracy: ModuleType) -> None:
    widths = []
    for count in (20, 500):
        values = np.random.default_rng(1).normal(1, 0.5, count)
        low, high = intervals(accuracy.Mean(values)).totals["mean"]
        assert low < values.mean() < high
        widths.append(high - low)
    # As the square root of their number.
    assert widths[0] / widths[1] == pytest.approx(5, rel=0.4)


def entry(row: ModelRow, value: float, precision: str = "fp32", sha256: str | None = None) -> dict[str, Any]:
    sha256 = sha256 or getattr(row.source, "sha256", None)
    return {"metric": "m", "value": value, "precision": precision, "weights_sha256": sha256}


def test_new_figures_replace_those_of_the_same_network_and_precision_alone(accuracy: ModuleType) -> None:
    lite, ssd = find("efficientnet_lite0"), find("ssd_mobilenet_v2")
    before = {ssd.name: [entry(ssd, 3)], lite.name: [entry(lite, 1), entry(lite, 2, "int8")]}
    after = accuracy.merged(before, lite, [entry(lite, 9)])
    assert after == {lite.name: [entry(lite, 9), entry(lite, 2, "int8")], ssd.name: [entry(ssd, 3)]}
    assert list(after) == [lite.name, ssd.name]
    assert accuracy.merged(after, lite, [entry(lite, 8, "int8")])[lite.name] == [
        entry(lite, 9),
        entry(lite, 8, "int8"),
    ]


def test_figures_of_former_weights_are_not_kept(accuracy: ModuleType) -> None:
    lite = find("efficientnet_lite0")
    before = {lite.name: [entry(lite, 1, "int8", "0" * 64)], "gone": [entry(lite, 5)]}
    assert accuracy.merged(before, lite, [entry(lite, 9)]) == {lite.name: [entry(lite, 9)]}


def test_a_network_that_ends_in_an_error_has_no_figure(accuracy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(accuracy.NotMeasuredError, match="nothing measures juggle"):
        accuracy.measure(dataclasses.replace(find("template"), tasks=("juggle",)), "fp32", tmp_path)
    with pytest.raises(accuracy.NotMeasuredError, match="no such file"):
        accuracy.measure(find("efficientnet_lite0"), "fp32", tmp_path)


@pytest.mark.shared_data
def test_the_template_is_measured_as_it_was(accuracy: ModuleType, shared_data: Path) -> None:
    from visioncli.models.measured import measured

    (found,) = accuracy.measure(find("template"), "fp32", shared_data)
    (known,) = [one for one in measured(find("template")) if one.precision == "fp32"]
    assert found["value"] == pytest.approx(known.value, abs=0.02)
    assert (found["metric"], found["pictures"], found["on"]) == (known.metric, known.pictures, known.on)
