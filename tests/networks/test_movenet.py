import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visioncli.errors import ModelUnavailable
from visioncli.networks import movenet
from visioncli.tasks.pose.movenet import preprocess
from visioncli.weights.tflite import read_tflite


@pytest.fixture(scope="module")
def network(movenet_file: Path) -> Iterator[movenet.MoveNet]:
    built = movenet.build()
    built.load_state_dict(movenet.import_weights(movenet_file))
    with torch.inference_mode():
        yield built


def random_pictures(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 192, 192, generator=torch.Generator().manual_seed(0)) * 255


def test_neighbours_in_a_batch_change_nothing(network: movenet.MoveNet) -> None:
    pictures = random_pictures(4)
    together = network(pictures)
    assert together.shape == (4, 17, 3)
    for i in range(4):
        torch.testing.assert_close(network(pictures[i : i + 1])[0], together[i], atol=1e-4, rtol=0)


def test_the_weights_of_another_network_are_refused(deeplab_file: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not the expected network"):
        movenet.import_weights(deeplab_file)


@pytest.mark.parametrize("name", ["add_1/y", "truediv_2;add_1", "strided_slice_3"])
def test_a_constant_that_differs_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, movenet_file: Path) -> None:
    file = read_tflite(movenet_file)
    changed = replace(file, tensors={**file.tensors, name: file.tensors[name] + 0.5})
    monkeypatch.setattr(movenet, "read_tflite", lambda path: changed)
    with pytest.raises(ModelUnavailable, match="not what this network computes with"):
        movenet.import_weights(file.path)


def test_a_left_over_weight_is_refused(monkeypatch: pytest.MonkeyPatch, movenet_file: Path) -> None:
    file = read_tflite(movenet_file)
    changed = replace(file, tensors={**file.tensors, "extra": np.zeros(3, np.float32)})
    monkeypatch.setattr(movenet, "read_tflite", lambda path: changed)
    with pytest.raises(ModelUnavailable, match="no place for: extra"):
        movenet.import_weights(file.path)


def test_a_weight_of_the_wrong_shape_is_refused(monkeypatch: pytest.MonkeyPatch, movenet_file: Path) -> None:
    file = read_tflite(movenet_file)
    name = "kpt_regress_0/conv2d_6/Conv2D"
    changed = replace(file, tensors={**file.tensors, name: file.tensors[name][:17]})
    monkeypatch.setattr(movenet, "read_tflite", lambda path: changed)
    with pytest.raises(ModelUnavailable, match=r"regress\.out\.weight has the shape"):
        movenet.import_weights(file.path)


@pytest.mark.shared_data
def test_keypoints_are_those_of_the_original_runtime(network: movenet.MoveNet, shared_data: Path) -> None:
    reference = json.loads((shared_data / "reference/movenet_lightning.json").read_text())["keypoints"]
    for name, expected in reference.items():
        picture = Image.open(shared_data / "coco/images" / name).convert("RGB")
        found = network(torch.from_numpy(preprocess(picture))[None])[0].numpy()
        assert np.abs(found - np.array(expected)).max() < 0.005, name
