import tracemalloc

import numpy as np
import pytest

from visioncli.tasks.detect.tiles import Tiling, Window
from visioncli.tasks.segment.deeplab import resize_logits
from visioncli.tasks.segment.tiles import blend


def first(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The first logits, in hundredths, as a map."""
    assert logits.shape[1:] == (height, width)
    return np.rint(logits[0] * 100).astype(np.uint8)


@pytest.mark.parametrize("tile", ["32:0", "32:0.25", "32:0.5", "32:0.8", "48:7"])
@pytest.mark.parametrize("size", [(100, 70), (33, 32), (32, 90), (20, 200), (64, 64)])
def test_tiles_that_agree_give_what_the_whole_picture_gives(tile: str, size: tuple[int, int]) -> None:
    width, height = size
    whole = np.random.default_rng(0).random((3, height, width), np.float32)

    def part(window: Window) -> np.ndarray:
        x1, y1, x2, y2 = window
        return whole[:, y1:y2, x1:x2].copy()

    answer = blend(Tiling.parse(tile), width, height, part, first)
    assert np.abs(answer.astype(int) - np.rint(whole[0] * 100)).max() <= 1


def test_from_tile_to_tile_the_answer_changes_smoothly() -> None:
    seen: list[Window] = []

    def numbered(window: Window) -> np.ndarray:
        seen.append(window)
        return np.full((1, window[3] - window[1], window[2] - window[0]), 2.0 * (window[0] > 0), np.float32)

    row = blend(Tiling.parse("32:0.5"), 48, 8, numbered, first)[3].astype(int)
    assert seen == [(0, 0, 32, 8), (16, 0, 48, 8)]
    assert (row[:16] == 0).all() and (row[32:] == 200).all()
    steps = np.diff(row[15:33])
    assert steps.min() >= 0 and steps.max() <= 2 * 200 / 16  # a jump would be 200
    assert (row[16:32] + row[16:32][::-1] == 200).all()


def test_classes_are_told_from_blended_logits() -> None:
    def sure(window: Window) -> np.ndarray:
        left = window[0] == 0
        logits = np.zeros((2, window[3] - window[1], window[2] - window[0]), np.float32)
        logits[0 if left else 1] = 3.0 if left else 1.0
        return logits

    row = blend(Tiling.parse("32:0.5"), 48, 4, sure, lambda a, h, w: resize_logits(a, h, w, stride=1))[0]
    change = int(np.flatnonzero(row == 1)[0])
    assert (row[:change] == 0).all() and (row[change:] == 1).all()
    assert 24 < change < 32  # the surer tile reaches beyond the middle of what they share


def test_no_more_is_held_than_what_tiles_share() -> None:
    def flat(window: Window) -> np.ndarray:
        return np.zeros((4, window[3] - window[1], window[2] - window[0]), np.float32)

    peaks = []
    for height in (256, 2048):
        tracemalloc.start()
        blend(Tiling.parse("64:0.25"), 256, height, flat, lambda a, h, w: np.zeros((h, w), np.uint8))
        peaks.append(tracemalloc.get_traced_memory()[1] - 256 * height)  # but for the map itself
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
