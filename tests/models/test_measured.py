import dataclasses
import json
import math
import re

import pytest

from visioncli.models.measured import MEASURED_FILE, UNIT_FREE, Measured, measured
from visioncli.models.registry import DEFAULTS, ROWS, find
from visioncli.models.row import LocalFile, Untrained

FIGURES = [(name, Measured(**one)) for name, some in json.loads(MEASURED_FILE.read_text()).items() for one in some]
METRICS = {"classify": "top-1", "detect": "box AP", "segment": "mIoU", "pose": "keypoint AP", "caption": "CIDEr"}


@pytest.mark.parametrize(
    ("name", "one"), FIGURES, ids=[f"{name}-{one.metric}-{one.precision}" for name, one in FIGURES]
)
def test_every_figure_is_of_a_network_that_there_is_and_can_be_true(name: str, one: Measured) -> None:
    row = find(name)
    assert one.weights_sha256 == row.source.sha256
    assert one in measured(row)
    assert all(isinstance(v, (int, float)) and math.isfinite(v) for v in (one.value, one.low, one.high))
    assert 0 <= one.low <= one.value <= one.high <= (10 if one.metric == UNIT_FREE else 100)
    assert one.low < one.high
    assert isinstance(one.pictures, int) and one.pictures > 1
    assert one.metric and one.on and not one.on.endswith("pictures")
    assert one.precision in ("fp32", "int8")


def test_a_network_has_one_figure_of_a_metric_in_a_precision_and_fp32_comes_first() -> None:
    for name in {name for name, _ in FIGURES}:
        own = [one for other, one in FIGURES if other == name]
        assert len({(one.metric, one.precision) for one in own}) == len(own)
        assert own[0].precision == "fp32"


@pytest.mark.parametrize("task", METRICS)
def test_the_network_that_a_task_takes_is_measured_by_what_its_field_counts(task: str) -> None:
    assert measured(find(DEFAULTS[task], task))[0].metric == METRICS[task]


def test_networks_without_weights_have_no_figures() -> None:
    assert [one for row in ROWS if isinstance(row.source, Untrained) for one in measured(row)] == []


def test_other_weights_of_the_same_network_do_not_take_over_its_figures() -> None:
    row = find("efficientnet_lite0")
    assert measured(row)
    assert measured(dataclasses.replace(row, source=LocalFile("own.pth", "0" * 64))) == ()
    assert measured(dataclasses.replace(row, source=dataclasses.replace(row.source, sha256="0" * 64))) == ()


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("top-1", "top-1 87.1 % (79.0 to 92.0) on 100 ImageNet pictures (fp32)"),
        ("CIDEr", "CIDEr 87.05 (79.00 to 92.00) on 100 ImageNet pictures (fp32)"),
    ],
)
def test_a_figure_says_its_interval_its_pictures_and_its_precision(metric: str, said: str) -> None:
    assert str(Measured(metric, 87.051, 79, 92, "ImageNet", 100, "fp32", "0")) == said
    assert re.fullmatch(r"[\d.]+", Measured(metric, 87, 79, 92, "ImageNet", 100, "fp32", "0").number)
