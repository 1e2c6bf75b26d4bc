from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from darknet_files import write_cfg, write_weights
from visioncli import load
from visioncli.engines.interface import Engine
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.networks.anchors import YOLO_ANCHORS
from visioncli.networks.yolov3 import build
from visioncli.tasks.detect.detectors import Limits
from visioncli.tasks.detect.yolo import YoloDetector, decode, preprocess
from visioncli.weights.darknet import read_darknet

TINY = registry.find("yolov3_tiny")


class Maps(Engine):
    """Answers with empty maps but for one object, whose numbers stand at a place of the coarse one."""

    def __init__(self, place: tuple[int, int, int], numbers: dict[int, float]) -> None:
        self._place, self._numbers = place, numbers

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        coarse, fine = (np.full((len(batch), 3, 85, n, n), -9, np.float32) for n in (13, 26))
        anchor, row, column = self._place
        for channel, value in self._numbers.items():
            coarse[:, anchor, channel, row, column] = value
        return coarse.reshape(len(batch), 255, 13, 13), fine.reshape(len(batch), 255, 26, 26)


def test_boxes_and_scores_are_those_of_opencv(tmp_path: Path) -> None:
    cfg, weights, side = tmp_path / "net.cfg", tmp_path / "net.weights", 160
    write_cfg(cfg, "tiny", 4, side)
    write_weights(weights, "tiny", 4)
    theirs = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    x = np.random.default_rng(2).random((1, 3, side, side), np.float32)
    theirs.setInput(x)
    rows = np.concatenate(theirs.forward(theirs.getUnconnectedOutLayersNames()))
    sure = 0.21  # theirs leaves out what is below .2
    expected = [(*row[:4] * side, c, row[5 + c]) for row in rows for c in range(4) if row[5 + c] >= sure]
    network = build("tiny", "4").eval()
    network.load_state_dict(read_darknet(weights, TINY))
    with torch.inference_mode():
        maps = [one[0].numpy() for one in network(torch.from_numpy(x))]
    boxes, scores, classes = decode(maps, YOLO_ANCHORS["tiny"], side, sure)
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    ours = np.concatenate([centre, size, classes[:, None], scores[:, None]], 1)
    order = [np.lexsort(np.round(table, 3).T[[2, 0, 1, 4]]) for table in (ours, np.array(expected))]
    assert len(expected) > 20
    np.testing.assert_allclose(ours[order[0]], np.array(expected)[order[1]], atol=1e-3, rtol=1e-4)


def test_a_picture_is_framed_in_grey() -> None:
    x = preprocess(Image.new("RGB", (200, 100), (255, 0, 0)), TINY.input)
    assert x.shape == (3, 416, 416)
    assert x[:, 208, 208].tolist() == [1, 0, 0]
    assert np.allclose(x[:, :103], 128 / 255) and np.allclose(x[:, -103:], 128 / 255)
    assert (x[0, 105:311] == 1).all()


@pytest.mark.parametrize("size", [(416, 416), (832, 416), (208, 416), (100, 75)])
def test_a_box_comes_back_to_where_it_is_in_the_picture(size: tuple[int, int]) -> None:
    # The middle of the middle cell, as wide and high as the smallest coarse anchor: 81 x 82 pixels of the input.
    detector = YoloDetector(TINY, Maps((0, 6, 6), {0: 0, 1: 0, 2: 0, 3: 0, 4: 9, 5 + 15: 9}))
    (found,) = detector.detect([detector.prepare(Image.new("RGB", size))], [size], Limits())
    assert [load_labels("coco")[i] for i in found.label_ids.tolist()] == ["cat"]  # the sixteenth of 80
    assert found.scores[0] == pytest.approx((1 / (1 + np.exp(-9))) ** 2, abs=1e-6)
    scale, (width, height) = max(size) / 416, size
    expected = [width / 2 - 40.5 * scale, height / 2 - 41 * scale, width / 2 + 40.5 * scale, height / 2 + 41 * scale]
    expected = np.clip(expected, 0, [width, height] * 2).tolist()
    assert found.boxes[0].tolist() == pytest.approx(expected, abs=0.02 * max(size))


def test_a_place_may_count_for_several_classes_and_limits_choose_among_them() -> None:
    detector = YoloDetector(TINY, Maps((2, 3, 9), {4: 9, 5: 2, 6: 1, 7: -3}))
    x, size = detector.prepare(Image.new("RGB", (416, 416))), (416, 416)
    (both,) = detector.detect([x], [size], Limits(score=0.5))
    assert both.label_ids.tolist() == [1, 2]
    assert both.scores[0] > both.scores[1]
    (chosen,) = detector.detect([x], [size], Limits(score=0.01, classes=frozenset({2, 3})))
    assert chosen.label_ids.tolist() == [2, 3]
    (first,) = detector.detect([x], [size], Limits(score=0.01, agnostic=True))
    assert first.label_ids.tolist() == [1]
    (none,) = detector.detect([x], [size], Limits(score=0.95))
    assert len(none) == 0


def test_a_box_of_impossible_size_fills_the_picture() -> None:
    detector = YoloDetector(TINY, Maps((0, 6, 6), {2: 300, 3: 300, 4: 9, 5: 9}))
    (found,) = detector.detect([detector.prepare(Image.new("RGB", (80, 60)))], [(80, 60)], Limits())
    assert found.boxes.tolist() == [[0, 0, 80, 60]]


def test_the_compiled_network_finds_the_same(tmp_path: Path) -> None:
    weights = tmp_path / "own.weights"
    names = tmp_path / "names.txt"
    write_weights(weights, "tiny", 2)
    names.write_text("left\nright\n")
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    found = []
    for engine in ("torch", "onnx"):
        detect = load("detect", "yolov3_tiny", weights=weights, labels=names, score=0.2, engine=engine)
        found.append([(p.label_id, p.score, *p.box) for p in detect(pixels).predictions or ()])
    assert len(found[0]) > 0
    np.testing.assert_allclose(found[0], found[1], atol=2e-3)
