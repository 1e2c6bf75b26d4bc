"""The simulation behind a table of the documentation."""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tool() -> Any:
    name = "scale_table"
    sys.modules[name] = type(sys)(name)
    try:
        yield type("Tool", (), runpy.run_path(str(ROOT / "tools" / "scale_table.py"), run_name=name))
    finally:
        del sys.modules[name]


def test_the_documentation_has_the_table_that_the_tool_makes(tool: Any) -> None:
    assert "\n".join(tool.table()) in (ROOT / "docs" / "scale.md").read_text()


def test_with_few_pictures_cores_are_the_limit_and_the_slowest_shard_is_a_little_above_the_mean(tool: Any) -> None:
    found = tool.forecast(10**6, 128, tool.Assumed(), listed=True)
    assert found.limit == "cores"
    assert 1 < found.slowest / (10**6 * 0.028 / 128) < 1.06


def test_each_part_becomes_the_limit_where_it_is_slow(tool: Any) -> None:
    for name, slow in (("names", 10.0), ("requests", 10.0), ("trunk", 1e6), ("core", 100.0)):
        found = tool.forecast(10**6, 128, tool.Assumed(**{name: slow}), listed=True)
        assert found.limit == {"names": "listing", "requests": "store", "trunk": "network", "core": "cores"}[name]
        part = max(found.slowest, found.network, found.store)
        assert found.whole == found.start + found.listing + part


def test_times_are_told_in_the_unit_that_suits_them(tool: Any) -> None:
    told = [tool.in_words(seconds) for seconds in (40, 90, 7200, 86_400, 1e6, 1e8)]
    assert told == ["40 s", "1.5 min", "2.0 h", "24 h", "12 days", "3.2 years"]
