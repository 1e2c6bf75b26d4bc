import json

import numpy as np
import pytest

from visioncli.metrics.intervals import Intervals
from visioncli.report.judged import Judged, RunVerdict, calibration_of, comparison


def test_numbers_stand_side_by_side_with_their_intervals() -> None:
    ends = Intervals({"top1": np.array([0.25, 0.75]), "ece": np.array([np.nan, np.nan])}, {}, 100, 0)
    runs = RunVerdict({}, {"top1": 0.5, "ece": 0.125}, ends), RunVerdict({}, {"top1": float("nan")})
    body = Judged("classes", "truth", 4, runs, {}).to_json()
    assert body["numbers"] == [
        {"name": "top1", "values": [[0.5, 0.25, 0.75], [None]]},
        {"name": "ece", "values": [[0.125, None, None], [None]]},
    ]
    json.dumps(body, allow_nan=False)


def test_the_calibration_curve_says_nothing_of_bins_without_answers() -> None:
    curve = calibration_of(np.array([0.95, 0.9, np.nan]), np.array([True, False, True]))
    body = Judged("classes", "truth", 3, (RunVerdict({}, calibration=curve),), {}).to_json()
    (found,) = body["calibration"]
    assert sum(found["pictures"]) == 2
    last = max(n for n, count in enumerate(found["pictures"]) if count)
    assert found["confidence"][0] is None
    assert found["accuracy"][last] is not None
    assert calibration_of(np.array([np.nan]), np.array([True])) is None


def test_a_comparison_names_the_runs_by_their_places() -> None:
    assert comparison(0, 2, "A is better.", p=0.5) == {"first": 0, "second": 2, "sentence": "A is better.", "p": 0.5}


def test_a_run_without_numbers_has_none() -> None:
    body = Judged("maps", "truth", 1, (RunVerdict({}),), {}).to_json()
    assert body["numbers"] == []
    assert body["calibration"] == [None]
    assert pytest.approx(1) == body["pictures"]
