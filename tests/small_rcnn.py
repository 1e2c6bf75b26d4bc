"""Mask R-CNN and Keypoint R-CNN over three small convolutions: torchvision's heads and losses, trained in seconds, in
place of its networks over ResNet-50; and pictures with outlines and keypoints to learn from."""

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torchvision.models.detection import KeypointRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.keypoint_rcnn import KeypointRCNNHeads, KeypointRCNNPredictor
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from visioncli.families import torchvision as family

SIDE = 64
SHAPES = ("circle", "square", "triangle")
_COLOURS = ((20, 40, 230), (250, 240, 60), (230, 30, 40))
_WIDTH = 48


class Backbone(nn.Module):
    """A map at a quarter of the size, after layers that are taken for pretrained ones."""

    out_channels = _WIDTH

    def __init__(self) -> None:
        super().__init__()
        steps = []
        for few, many, stride in ((3, 24, 2), (24, _WIDTH, 2), (_WIDTH, _WIDTH, 1), (_WIDTH, _WIDTH, 1)):
            steps.append(nn.Sequential(nn.Conv2d(few, many, 3, stride, 1), nn.GroupNorm(8, many), nn.ReLU()))
        self.body = nn.Sequential(*steps)

    def forward(self, x: Tensor) -> "OrderedDict[str, Tensor]":
        return OrderedDict([("0", self.body(x))])


def build(variant: str, classes: str | None = None) -> nn.Module:
    """As `families.torchvision.build`, for these two kinds of networks."""
    name, _, points = variant.partition("/")
    count = int(classes) if classes is not None else 91 if name.startswith("mask") else 2
    shared: dict[str, Any] = {
        "rpn_anchor_generator": AnchorGenerator(((24, 36),), ((0.6, 1.0, 1.6),)),
        "box_roi_pool": MultiScaleRoIAlign(["0"], 7, 2),
        "box_head": TwoMLPHead(_WIDTH * 49, 64),
        "min_size": SIDE,
        "max_size": 4 * SIDE,
        "rpn_pre_nms_top_n_train": 100,
        "rpn_post_nms_top_n_train": 60,
        "rpn_pre_nms_top_n_test": 60,
        "rpn_post_nms_top_n_test": 30,
        "box_detections_per_img": 10,
    }
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor

    shared["box_predictor"] = FastRCNNPredictor(64, count)
    network: nn.Module
    if name.startswith("mask"):
        network = MaskRCNN(
            Backbone(),
            mask_roi_pool=MultiScaleRoIAlign(["0"], 14, 2),
            mask_head=MaskRCNNHeads(_WIDTH, (32, 32), 1),
            mask_predictor=MaskRCNNPredictor(32, 32, count),
            **shared,
        )
    else:
        network = KeypointRCNN(
            Backbone(),
            keypoint_roi_pool=MultiScaleRoIAlign(["0"], 14, 2),
            keypoint_head=KeypointRCNNHeads(_WIDTH, (32, 32)),
            keypoint_predictor=KeypointRCNNPredictor(32, int(points or 17)),
            **shared,
        )
    network.register_forward_pre_hook(lambda module, inputs: (list(inputs[0]), *inputs[1:]))
    network.register_forward_hook(
        lambda module, inputs, answers: answers if module.training else family._one_picture(answers)
    )
    return network


def instead(patch: pytest.MonkeyPatch) -> None:
    """Takes the place of torchvision's builders."""
    from visioncli.weights import checkpoints

    patch.setattr(family, "build", build)
    checkpoints._shapes.cache_clear()


def draw_shapes(folder: Path, count: int = 16, *, outlines: bool = True, seed: int = 0) -> Path:
    """A shape a picture, coloured by its class, with its outline; `images/` and `instances.json`."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for n in range(count):
        side, kind = int(rng.integers(26, 42)), int(rng.integers(3))
        x, y = (int(v) for v in rng.integers(0, SIDE - side, 2))
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        outline = [
            np.stack([x + side / 2 * (1 + np.cos(turn)), y + side / 2 * (1 + np.sin(turn))], 1).ravel().tolist(),
            [x, y, x + side, y, x + side, y + side, x, y + side],
            [x + side / 2, y, x + side, y + side, x, y + side],
        ][kind]
        image = Image.fromarray(rng.integers(90, 160, (SIDE, SIDE, 3), dtype=np.uint8))
        ImageDraw.Draw(image).polygon(outline, fill=_COLOURS[kind])
        image.save(folder / "images" / f"{n}.png")
        images.append({"id": n, "file_name": f"{n}.png", "width": SIDE, "height": SIDE})
        row = {"id": n, "image_id": n, "category_id": kind, "bbox": [x, y, side, side], "iscrowd": 0}
        annotations.append(row | {"area": side * side, **({"segmentation": [outline]} if outlines else {})})
    return _save(folder, images, annotations, [{"id": n, "name": name} for n, name in enumerate(SHAPES)])


def draw_sticks(folder: Path, count: int = 16, *, points: bool = True, seed: int = 0, **others: Any) -> Path:
    """A stick a picture, its head red and its tail blue: two keypoints. `others` stand in its category."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for n in range(count):
        head, tail = rng.uniform(6, SIDE - 6, (2, 2))
        while np.hypot(*(head - tail)) < 28:
            head, tail = rng.uniform(6, SIDE - 6, (2, 2))
        image = Image.fromarray(rng.integers(90, 160, (SIDE, SIDE, 3), dtype=np.uint8))
        pen = ImageDraw.Draw(image)
        pen.line([*head, *tail], fill=(20, 20, 20), width=4)
        for (x, y), colour in ((head, _COLOURS[2]), (tail, _COLOURS[0])):
            pen.ellipse([x - 5, y - 5, x + 5, y + 5], fill=colour)
        image.save(folder / "images" / f"{n}.png")
        images.append({"id": n, "file_name": f"{n}.png", "width": SIDE, "height": SIDE})
        low, high = np.minimum(head, tail) - 6, np.maximum(head, tail) + 6
        box = [*low.tolist(), *(high - low).tolist()]
        row: dict[str, Any] = {"id": n, "image_id": n, "category_id": 1, "bbox": box, "iscrowd": 0}
        if points:
            row["keypoints"] = [*head.tolist(), 2, *tail.tolist(), 2]
        annotations.append(row | {"area": float((high - low).prod())})
    category = {"id": 1, "name": "stick", "keypoints": ["head", "tail"], "skeleton": [[1, 2]]} | others
    return _save(folder, images, annotations, [category])


def _save(folder: Path, images: list[Any], annotations: list[Any], categories: list[Any]) -> Path:
    body = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(body))
    return folder


def known_weights(variant: str, seed: int = 1) -> dict[str, Tensor]:
    """Weights of a published network that is not: the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {name: tensor.clone() for name, tensor in build(variant).state_dict().items()}


def published(patch: pytest.MonkeyPatch, variant: str) -> dict[str, Tensor]:
    """Takes made-up weights for the published ones, which are returned; RUN folders are loaded as ever."""
    from visioncli.models.row import Download
    from visioncli.weights import load

    own, state = load.load_network, known_weights(variant)

    def loaded(row: Any) -> nn.Module:
        if not isinstance(row.source, Download):
            return own(row)
        network = build(variant)
        network.load_state_dict(state)
        return network.eval()

    patch.setattr(load, "load_network", loaded)
    patch.setattr("visioncli.training.train.ready", lambda row, access: row)
    return state
