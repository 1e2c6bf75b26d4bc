from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from darknet_files import LAYERS, write_cfg, write_weights
from visioncli.models import registry
from visioncli.networks.yolov3 import build
from visioncli.weights.darknet import read_darknet

ROWS = {"full": "yolov3", "tiny": "yolov3_tiny"}


@pytest.mark.parametrize(
    ("variant", "parameters", "numbers"), [("full", 61_949_149, 62_001_757), ("tiny", 8_852_366, 8_858_734)]
)
def test_it_has_the_published_size(variant: str, parameters: int, numbers: int) -> None:
    """`numbers` is what the authors' files hold: with the running means and variances."""
    with torch.device("meta"):
        network = build(variant)
    assert sum(p.numel() for p in network.parameters()) == parameters == registry.find(ROWS[variant]).parameters
    tensors = network.state_dict()
    assert sum(t.numel() for n, t in tensors.items() if not n.endswith("num_batches_tracked")) == numbers


@pytest.mark.parametrize("variant", ["full", "tiny"])
def test_maps_are_those_of_opencv_s_darknet_reader(tmp_path: Path, variant: str) -> None:
    cfg, weights, side = tmp_path / "net.cfg", tmp_path / "net.weights", 96
    write_cfg(cfg, variant, 80, side)
    write_weights(weights, variant, 80)
    theirs = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    x = np.random.default_rng(1).random((1, 3, side, side), np.float32)
    theirs.setInput(x)
    last = [n - 1 for n, layer in enumerate(LAYERS[variant](80)) if layer.startswith("[yolo]")]
    expected = theirs.forward([f"conv_{n}" for n in last])
    network = build(variant).eval()
    network.load_state_dict(read_darknet(weights, registry.find(ROWS[variant])))
    with torch.inference_mode():
        maps = network(torch.from_numpy(x))
    assert len(maps) == len(expected) == (3 if variant == "full" else 2)
    for ours, other in zip(maps, expected, strict=True):
        assert ours.shape == other.shape
        assert other.std() > 0.01
        assert np.abs(ours.numpy() - other).max() < 1e-4


def test_at_first_hardly_any_place_is_taken_for_an_object() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        coarse, fine = build("tiny", "3").eval()(torch.rand(1, 3, 64, 64))
    assert (coarse.shape, fine.shape) == ((1, 24, 2, 2), (1, 24, 4, 4))
    for one in (coarse, fine):
        assert torch.sigmoid(one.view(3, 8, -1)[:, 4]).max() < 0.05


def test_all_of_it_can_be_trained() -> None:
    torch.manual_seed(0)
    network = build("tiny", "2").train()
    sum(one.square().mean() for one in network(torch.rand(2, 3, 64, 64))).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
