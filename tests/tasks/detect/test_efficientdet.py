import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import make_picture
from visioncli import load
from visioncli.engines.interface import Engine
from visioncli.geometry.boxes import pairwise
from visioncli.models import registry
from visioncli.networks.anchors import efficientdet_anchors
from visioncli.tasks.detect.detectors import EfficientDetDetector, Limits
from visioncli.tasks.detect.efficientdet import postprocess, preprocess

SPEC = registry.find("efficientdet_lite0").input
ANCHORS = efficientdet_anchors(320)
LIMITS: dict[str, Any] = {"size": 320, "score": 0.5, "iou": 0.4, "most": 100}


@pytest.mark.parametrize("size", [(640, 320), (300, 500), (40, 40), (3000, 2)])
def test_a_picture_keeps_its_shape_at_the_top_left_of_a_grey_square(size: tuple[int, int]) -> None:
    x = preprocess(make_picture(1, size), SPEC)
    assert (x.shape, x.dtype) == ((3, 320, 320), np.float32)
    width, height = (max(1, round(n * 320 / max(size))) for n in size)
    assert max(np.abs(x[:, height:]).max(initial=0), np.abs(x[:, :, width:]).max(initial=0)) < 1e-6
    expected = np.asarray(make_picture(1, size).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    np.testing.assert_allclose(x[:, :height, :width], (expected.transpose(2, 0, 1) - 127) / 128, atol=1e-5)


def answer(*found: tuple[int, int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Codes of zero, so that boxes are their anchors, and these (anchor, column, logit) among low logits."""
    logits = np.full((len(ANCHORS), 90), -9, np.float32)
    for anchor, column, logit in found:
        logits[anchor, column] = logit
    return np.zeros((len(ANCHORS), 4), np.float32), logits


def near(y: float, x: float, side: float) -> int:
    """The anchor of that centre and size, as shares of the input."""
    return int(np.abs(ANCHORS - np.array([y, x, side, side])).sum(axis=1).argmin())


def test_boxes_are_in_pixels_of_the_picture_of_which_the_frame_is_no_part() -> None:
    # A picture of 640 x 320 fills the upper half of the input.
    inside, across, beside = near(0.25, 0.5, 0.2), near(0.5, 0.5, 0.4), near(0.8, 0.5, 0.1)
    codes, logits = answer((inside, 0, 3.0), (across, 17, 2.0), (beside, 2, 4.0))
    boxes, scores, labels = postprocess(codes, logits, 640, 320, **LIMITS)
    assert labels.tolist() == [1, 18]
    np.testing.assert_allclose(scores, 1 / (1 + np.exp([-3.0, -2.0])), rtol=1e-6)
    cy, cx, h, w = ANCHORS[inside] * 640
    np.testing.assert_allclose(boxes[0], (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), rtol=1e-5)
    assert boxes[1, 3] == 320
    assert (boxes.dtype, scores.dtype, labels.dtype) == (np.float32, np.float32, np.int64)


def test_columns_are_coco_ids_from_1_on() -> None:
    codes, logits = answer((near(0.2, 0.2, 0.1), 89, 1.0))
    assert postprocess(codes, logits, 320, 320, **LIMITS)[2].tolist() == [90]


def test_limits_choose_by_score_class_overlap_and_number() -> None:
    place = near(0.5, 0.5, 0.3)
    found = [(place, 0, 3.0), (place + 9, 0, 2.0), (place, 1, 1.0), (near(0.1, 0.1, 0.1), 2, -1.0)]
    codes, logits = answer(*found)

    def labels(**limits: Any) -> list[int]:
        answered: list[int] = postprocess(codes, logits, 320, 320, **LIMITS | limits)[2].tolist()
        return answered

    assert labels() == [1, 2]
    assert labels(iou=0.99) == [1, 1, 2]
    assert labels(score=0.2) == [1, 2, 3]
    assert labels(classes=frozenset({2, 3})) == [2]
    assert labels(agnostic=True) == [1]
    assert labels(most=1) == [1]
    assert labels(score=1.0) == []


class Fixed(Engine):
    """Finds the same in every picture."""

    def __init__(self) -> None:
        self.codes, self.logits = answer((near(0.5, 0.5, 0.3), 0, 3.0))

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        return np.stack([self.codes] * len(batch)), np.stack([self.logits] * len(batch))


def test_each_picture_of_a_batch_has_boxes_of_its_own_size() -> None:
    detector = EfficientDetDetector(Fixed(), SPEC)
    sizes = [(100, 100), (400, 300)]
    inputs = [detector.prepare(make_picture(1, size)) for size in sizes]
    small, large = detector.detect(inputs, sizes, Limits())
    np.testing.assert_allclose(large.boxes, small.boxes * 4, rtol=1e-6)


pulled = pytest.mark.usefixtures("pulled")


@pytest.mark.shared_data
@pytest.mark.pulled("efficientdet_lite0")
@pulled
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_answers_are_those_of_the_original_runtime_but_for_its_8_bits(shared_data: Path, engine: str) -> None:
    """LiteRT keeps a logit in steps of .094 and a code in steps of .019, a fiftieth of an anchor's side."""
    reference = json.loads((shared_data / "reference" / "efficientdet_lite0.json").read_text())["detections"]
    detect = load("detect", model="efficientdet_lite0", engine=engine, score=0.05, iou=0.5, max_detections=300)
    scores, corners = [], []
    for name, objects in reference.items():
        found = detect(shared_data / "coco" / "images" / name).predictions
        boxes = np.array([o.box for o in found]).reshape(-1, 4)
        labels = np.array([o.label_id for o in found])
        for theirs in objects:
            if theirs["score"] < 0.4:
                continue
            box = np.array(theirs["box_xyxy"])
            overlap = pairwise(box[None], boxes)[0] * (labels == theirs["category_id"])
            best = int(overlap.argmax())
            assert overlap[best] > 0.5, (name, theirs)
            scores.append(found[best].score - theirs["score"])
            side = max(box[2] - box[0], box[3] - box[1])
            corners.append(np.abs(boxes[best] - box).max() / side)
    assert len(scores) > 100
    assert abs(np.mean(scores)) < 0.01
    assert np.median(np.abs(scores)) < 0.012
    assert np.quantile(np.abs(scores), 0.9) < 0.04
    assert np.median(corners) < 0.02
