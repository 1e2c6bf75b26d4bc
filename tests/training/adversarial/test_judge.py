from pathlib import Path

import numpy as np
import pytest
import torch

from visioncli.errors import VisionError
from visioncli.training.adversarial.judge import judge_of
from visioncli.weights.downloads import Access

CPU, OFFLINE = torch.device("cpu"), Access.of(offline=True)


def pictures(seed: int, count: int = 12, channels: int = 1, bright: int = 255) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, bright + 1, (count, 28, 28, channels), np.uint8)


def test_equal_pictures_have_no_distance_and_cover_each_other() -> None:
    judge = judge_of(None, (), CPU, OFFLINE)
    assert judge.name == "efficientnet_lite0 at 64 pixels"
    assert not judge.recognises
    judge.compare_with(pictures(0))
    found = judge.numbers(pictures(0), np.zeros(12, np.int64))
    assert found["distance"] == pytest.approx(0, abs=1e-3)
    assert (found["precision"], found["recall"], found["recognised"]) == (1, 1, None)
    assert (judge.numbers(pictures(1, bright=20), np.zeros(12, np.int64))["distance"] or 0) > 1


def test_grey_and_coloured_pictures_of_the_same_look_have_the_same_features() -> None:
    judge = judge_of(None, (), CPU, OFFLINE)
    grey = pictures(0)
    one, other = judge.look(grey)[0], judge.look(np.repeat(grey, 3, axis=3))[0]
    assert (one == other).all()


def test_few_pictures_have_a_distance_and_no_neighbours() -> None:
    judge = judge_of(None, (), CPU, OFFLINE)
    judge.compare_with(pictures(0, 3))
    found = judge.numbers(pictures(1, 3), np.zeros(3, np.int64))
    assert found["precision"] is found["recall"] is None
    assert found["distance"] is not None


def test_a_judge_that_knows_the_classes_says_which_it_sees() -> None:
    names = ("tench", "goldfish")
    judge = judge_of("efficientnet_lite0", names, CPU, OFFLINE)
    assert judge.recognises
    _, seen = judge.look(pictures(0))
    assert seen is not None
    assert set(seen.tolist()) <= {0, 1}
    judge.compare_with(pictures(0))
    assert judge.numbers(pictures(0), seen)["recognised"] == 1
    assert judge.numbers(pictures(0), 1 - seen)["recognised"] == 0


def test_what_is_no_classifier_of_pictures_is_refused(tmp_path: Path) -> None:
    for spec in ("ssd_mobilenet_v2", "yamnet", "dcgan", str(tmp_path)):
        with pytest.raises(VisionError):
            judge_of(spec, (), CPU, OFFLINE)
