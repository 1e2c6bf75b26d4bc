import numpy as np
import pytest

from visioncli.geometry.keypoints import OTHERS, SIGMAS, paired_oks, sigmas


def test_only_17_keypoints_have_a_person_s_spread() -> None:
    assert np.array_equal(sigmas(17), SIGMAS)
    assert sigmas(2).tolist() == [OTHERS, OTHERS]


def test_keypoints_of_any_number_are_compared_by_the_size_of_their_object() -> None:
    truth = np.array([[[10, 10, 2], [50, 10, 2]]], np.float64)
    found = truth + np.array([[[4, 0, 0], [0, 0, 0]]])
    box, area = np.array([[0, 0, 60, 20]], np.float64), np.array([1600.0])
    # The first is off by a tenth of 40 pixels, one of its spreads (twice sigma): exp(-1 / 2).
    assert paired_oks(found, truth, box, area) == pytest.approx([(np.exp(-0.5) + 1) / 2])
    truth[0, 0, 2] = 0  # nobody marked it
    assert paired_oks(found, truth, box, area) == pytest.approx([1])
