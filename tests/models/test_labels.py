import json
from pathlib import Path

import pytest

from visioncli.models.labels import load_labels


def test_coco_has_80_names_under_its_official_ids() -> None:
    labels = load_labels("coco")
    assert len(labels) == 80
    assert (labels[1], labels[13], labels[17], labels[90]) == ("person", "stop sign", "cat", "toothbrush")
    assert not {12, 26, 29, 30, 45, 66, 68, 69, 71, 83} & labels.keys()


def test_voc_has_the_background_and_20_names() -> None:
    labels = load_labels("voc")
    assert list(labels) == list(range(21))
    assert (labels[0], labels[15], labels[20]) == ("background", "person", "tvmonitor")


def test_imagenet_has_torchvisions_1000_names() -> None:
    meta = pytest.importorskip("torchvision.models._meta")
    assert list(load_labels("imagenet1k").values()) == meta._IMAGENET_CATEGORIES


@pytest.mark.shared_data
def test_coco_names_are_those_of_the_official_ground_truth(shared_data: Path) -> None:
    truth = json.loads((shared_data / "coco" / "instances.json").read_text())
    assert load_labels("coco") == {c["id"]: c["name"] for c in truth["categories"]}
