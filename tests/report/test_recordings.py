"""Recordings on a page."""

import dataclasses

import pytest

from made_runs import record
from visioncli.predictions import Explanation
from visioncli.report.recordings import BANDS, COLUMNS, LOOK, on_page
from visioncli.results import Record
from visioncli.sounds.log_mel import centres

ONE = Explanation("dog", 1, 0.9, "net", "gradcam", "conv", (3.0, 4.0), (0.0, 0.0, 9.0, 9.0), 0.5)


def heard(**evidence: float) -> Record:
    made = record("gradcam", "dog.wav", [ONE], extra={"evidence": [{"label": "dog"} | evidence]} if evidence else {})
    return dataclasses.replace(made, width=None, height=None, seconds=2.0, rate=8000)


def test_evidence_lies_on_the_page_where_its_time_and_pitch_are_drawn() -> None:
    hertz = centres(LOOK)
    (found,) = on_page(
        heard(peak_s=0.5, peak_hz=hertz[100], from_s=0.25, to_s=2.01, lowest_hz=hertz[60], highest_hz=hertz[110])
    )
    assert found.peak == pytest.approx((COLUMNS / 4, BANDS - 100.5))
    assert found.box == pytest.approx((COLUMNS / 8, BANDS - 111, COLUMNS, BANDS - 60))
    assert found.score == ONE.score


def test_what_the_page_does_not_draw_lies_at_its_edge() -> None:
    (found,) = on_page(heard(peak_s=0, peak_hz=20_000, from_s=0, to_s=1, lowest_hz=0, highest_hz=20_000))
    assert found.peak[1] == 0.5
    assert (found.box[1], found.box[3]) == (0, BANDS)


def test_a_record_that_does_not_tell_is_left_as_it_is() -> None:
    assert on_page(heard()) == (ONE,)
