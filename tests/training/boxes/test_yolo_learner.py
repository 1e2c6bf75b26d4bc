import dataclasses

import numpy as np
import pytest
import torch

from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.row import ModelRow, Trained
from visioncli.networks.anchors import YOLO_ANCHORS
from visioncli.tasks.detect.yolo import decode
from visioncli.training.boxes.heads import fresh
from visioncli.training.boxes.yolo_learner import YoloLearner
from visioncli.training.recipe import Start
from visioncli.training.rows import with_classes

BASE = registry.find("yolov3_tiny")


def row_at(size: int = 64) -> ModelRow:
    return YoloLearner.resized(with_classes(BASE, ("circle", "square")), size)


def sides_and_frames() -> tuple[np.ndarray, np.ndarray]:
    """Height and width of boxes of two shapes in pictures twice as wide as high."""
    rng = np.random.default_rng(0)
    small, large = (np.array(shape) * rng.uniform(0.95, 1.05, (60, 2)) for shape in ((0.25, 0.125), (0.9, 0.5)))
    return np.concatenate([small, large]), np.tile([0.5, 1.0], (120, 1))


def test_anchors_are_shapes_of_the_boxes_in_pixels_of_the_input() -> None:
    sides, frames = sides_and_frames()
    found = YoloLearner.settings(BASE, row_at(64), sides, frames, Start.SCRATCH)
    coarse, fine = np.array(found["anchors"])
    # A quarter of the height of a picture that is half as high as the input is wide: 8 by 8 pixels.
    assert fine == pytest.approx(np.full((3, 2), 8.0), rel=0.1)
    assert coarse == pytest.approx(np.tile([32.0, 28.8], (3, 1)), rel=0.1)
    assert not found["knows"]


def test_published_weights_keep_the_anchors_that_they_know() -> None:
    sides, frames = sides_and_frames()
    row = row_at()
    assert YoloLearner.settings(BASE, row, sides, frames, Start.PRETRAINED) == {"anchors": None, "knows": False}
    ours = dataclasses.replace(BASE, source=Trained("run/model.safetensors"), labels=row.labels)
    found = YoloLearner.settings(ours, row, sides, frames, Start.PRETRAINED)
    assert found["anchors"] is not None
    assert found["knows"]


def test_too_few_boxes_leave_the_anchors_as_they_are() -> None:
    sides, frames = sides_and_frames()
    assert YoloLearner.settings(BASE, row_at(), sides[:29], frames[:29], Start.SCRATCH)["anchors"] is None


def test_a_fresh_network_answers_with_the_fitted_shapes() -> None:
    anchors = [[[40.0, 30.0], [44.0, 50.0], [60.0, 20.0]], [[5.0, 9.0], [12.0, 6.0], [14.0, 14.0]]]
    row = row_at()
    state = YoloLearner.first_state(BASE, row, 0, Start.SCRATCH, anchors=anchors)
    network = fresh(row, 1)
    network.load_state_dict(state)
    for maps in (network.get_submodule("coarse"), network.get_submodule("fine")):
        torch.nn.init.zeros_(maps.weight)  # type: ignore[arg-type]
    with torch.no_grad():
        answers = network.eval()(torch.zeros(1, 3, 64, 64))
    boxes, _, _ = decode([one[0].numpy() for one in answers], YOLO_ANCHORS["tiny"], 64, 0.001)
    found = {tuple(pair) for pair in np.round(boxes[:, 2:] - boxes[:, :2], 2).tolist()}
    assert found == {tuple(pair) for one in anchors for pair in one}


def test_a_box_of_a_fitted_shape_is_learned_by_its_anchor() -> None:
    anchors = [[[40.0, 30.0], [44.0, 50.0], [60.0, 20.0]], [[5.0, 9.0], [12.0, 6.0], [14.0, 14.0]]]
    row = row_at()
    network = fresh(row, 0)
    network.load_state_dict(YoloLearner.first_state(BASE, row, 0, Start.SCRATCH, anchors=anchors))
    torch.nn.init.zeros_(network.get_submodule("fine").weight)  # type: ignore[arg-type]
    target = {"boxes": torch.tensor([[10.0, 10.0, 22.0, 16.0]]), "labels": torch.tensor([1])}
    learner = YoloLearner(network, row, Start.SCRATCH, anchors)
    learner.loss(network, torch.rand(1, 3, 64, 64), [target]).backward()
    # Of the twelve by six pixels of the fifth anchor, in a network whose published one is 37 by 58.
    gradients = network.get_submodule("fine").bias.grad.view(3, 7)  # type: ignore[union-attr, operator]
    assert (gradients[:, 5:].abs().sum(1) > 0).tolist() == [False, True, False]
    assert gradients[1, 2:4].abs().max() < 1e-4  # it begins at the right size


def test_boxes_go_with_the_picture_into_the_grey_frame() -> None:
    learner = YoloLearner(fresh(row_at(), 0), row_at(), Start.SCRATCH)
    pixels = np.full((50, 100, 3), 250, np.uint8)
    x, boxes = learner.prepare(pixels, np.array([[0, 0, 100, 50], [50, 25, 100, 50]], np.float32))
    assert boxes.tolist() == [[0, 16, 64, 48], [32, 32, 64, 48]]
    assert x.shape == (3, 64, 64)
    assert (x[:, 16:48] > 0.9).all() and (x[:, :16] < 0.6).all() and (x[:, 48:] < 0.6).all()
    assert learner.wanted(1000, 500) == (96, 48)


def test_a_size_that_does_not_divide_is_refused() -> None:
    with pytest.raises(UsageError, match="--size: yolov3_tiny takes multiples of 32 pixels, as 96, not 100"):
        row_at(100)
