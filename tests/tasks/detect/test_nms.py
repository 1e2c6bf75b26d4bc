import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visioncli.tasks.detect.nms import batched_nms, nms


def by_hand(boxes: NDArray[np.float64], scores: NDArray[np.float64], iou: float, most: int) -> list[int]:
    """Suppression as the definition reads, one pair at a time."""

    def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        wide = min(a[2], b[2]) - max(a[0], b[0])
        high = min(a[3], b[3]) - max(a[1], b[1])
        shared = max(wide, 0) * max(high, 0)
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
        return shared / union if union > 0 else 0.0

    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if len(kept) < most and all(overlap(boxes[index], boxes[other]) <= iou for other in kept):
            kept.append(index)
    return kept


def random_boxes(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    low = rng.integers(0, 20, (count, 2))
    return np.concatenate([low, low + rng.integers(0, 15, (count, 2))], axis=1).astype(np.float64)


@given(st.integers(0, 2**32), st.integers(0, 60), st.sampled_from([0.0, 0.3, 0.6, 1.0]), st.integers(0, 20))
def test_the_result_is_that_of_the_definition(seed: int, count: int, iou: float, most: int) -> None:
    rng = np.random.default_rng(seed)
    # Few distinct scores, so that ties occur.
    boxes, scores = random_boxes(rng, count), rng.integers(0, 8, count) / 8
    assert nms(boxes, scores, iou, most).tolist() == by_hand(boxes, scores, iou, most)


@given(st.integers(0, 2**32))
def test_labels_are_suppressed_as_if_each_were_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores, labels = random_boxes(rng, 50), rng.random(50), rng.integers(0, 4, 50)
    want = []
    for label in range(4):
        (mine,) = np.nonzero(labels == label)
        want += mine[nms(boxes[mine], scores[mine], 0.5, 50)].tolist()
    want.sort(key=lambda i: -scores[i])
    assert batched_nms(boxes, scores, labels, 0.5, 50).tolist() == want
    assert batched_nms(boxes, scores, labels, 0.5, 5).tolist() == want[:5]
    assert batched_nms(boxes, scores, labels, 0.5, 50, agnostic=True).tolist() == nms(boxes, scores, 0.5, 50).tolist()


def test_an_iou_of_exactly_the_threshold_stays() -> None:
    boxes = np.array([[0, 0, 2, 1], [0, 0, 1, 1]], np.float32)
    assert nms(boxes, np.array([0.9, 0.8]), 0.5, 10).tolist() == [0, 1]
    assert nms(boxes, np.array([0.9, 0.8]), 0.49, 10).tolist() == [0]


def test_nothing_in_gives_nothing_out() -> None:
    assert nms(np.empty((0, 4)), np.empty(0), 0.5, 10).tolist() == []


@pytest.mark.parametrize("agnostic", [False, True])
def test_twenty_thousand_candidates_take_under_a_second(agnostic: bool) -> None:
    rng = np.random.default_rng(0)
    low = rng.random((20_000, 2)) * 500
    boxes = np.concatenate([low, low + 1 + rng.random((20_000, 2)) * 100], axis=1)
    start = time.perf_counter()
    kept = batched_nms(boxes, rng.random(20_000), rng.integers(1, 91, 20_000), 0.6, 100, agnostic=agnostic)
    assert time.perf_counter() - start < 1
    assert len(kept) == 100
