import pytest

from visioncli.errors import UsageError
from visioncli.predictions import PREDICTIONS
from visioncli.sinks.formats import CSV_COLUMNS, FORMATS, parse_formats


def test_names_may_be_repeated_or_separated_by_commas() -> None:
    assert parse_formats(["csv,json", "csv", "jsonl"], "classify", to_stdout=False) == ["csv", "json"]
    assert parse_formats(None, "classify", to_stdout=True) == []


def test_an_unknown_name_is_wrong_usage_with_a_near_one() -> None:
    with pytest.raises(UsageError, match="Did you mean json"):
        parse_formats(["jsn"], "classify", to_stdout=False)


def test_standard_output_takes_one_format() -> None:
    with pytest.raises(UsageError, match="one format"):
        parse_formats(["csv,json"], "classify", to_stdout=True)


@pytest.mark.parametrize("task", sorted(PREDICTIONS))
def test_each_task_has_formats_and_columns(task: str) -> None:
    assert "json" in FORMATS[task]
    if task == "embed":  # as many columns as its vectors have numbers
        assert task not in CSV_COLUMNS
    else:
        assert "csv" not in FORMATS[task] or CSV_COLUMNS[task]
