import pytest

from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.activation_ranges import activation_ranges
from visioncli.models.registry import ROWS, find, rows_for


def test_names_are_unique() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_each_default_can_do_its_task() -> None:
    for task, name in registry.DEFAULTS.items():
        assert task in find(name, task).tasks


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_is_complete(row: registry.ModelRow) -> None:
    known = row.source.hash_prefix if isinstance(row.source, registry.Download) else row.source.sha256
    assert isinstance(row.source, registry.Untrained) or (known and len(known) >= 8)
    assert row.parameters > 0
    assert row.licence
    assert row.paper.startswith("https://")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_weight_is_said_to_be_used_oftener_than_an_input_has_places(row: registry.ModelRow) -> None:
    assert row.gflops * 1e9 <= row.parameters * row.input.size**2


def test_an_unknown_name_is_wrong_usage_with_a_near_one() -> None:
    with pytest.raises(UsageError, match="Did you mean efficientnet_lite1"):
        find("efficientnet_lite_1", "classify")


def test_a_network_for_another_task_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="efficientnet_lite0 cannot detect"):
        find("efficientnet_lite0", "detect")


def test_rows_can_be_listed_by_task() -> None:
    assert {row.name for row in rows_for("classify")} >= {"efficientnet_lite0", "efficientnet_lite2"}


def test_the_default_of_classification_follows_the_processor(int8_units: None) -> None:
    assert registry.default_model("classify") == registry.default_model("gradcam") == "efficientnet_lite3"
    assert registry.default_model("detect") == registry.DEFAULTS["detect"]


def test_without_units_for_int8_the_default_is_the_small_network() -> None:
    assert all(registry.default_model(task) == name for task, name in registry.DEFAULTS.items())


def test_better_defaults_are_networks_that_have_ranges_for_int8() -> None:
    for task, name in registry.DEFAULTS_IN_INT8.items():
        assert activation_ranges(registry.find(name, task)) is not None
