import dataclasses
import json
import math
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.errors import ErrorKind
from visioncli.predictions import Classification
from visioncli.record_schema import json_schema
from visioncli.results import Failure, ModelInfo, Record, dump_line

CHECK = jsonschema.Draft202012Validator(json_schema())

# Anything that a file name can hold, lone surrogates (bytes that are not UTF-8) included.
TEXT = st.text(st.characters(codec=None, categories=None), max_size=20)
# Scores are written with six digits.
NUMBER = st.floats(-1e5, 1e5).map(lambda x: round(x, 6))


CLASSES = st.builds(Classification, TEXT, st.integers(0, 10**6), NUMBER)
SUCCESSES = st.builds(
    Record,
    task=st.just("classify"),
    input=TEXT,
    width=st.integers(1, 10**6),
    height=st.integers(1, 10**6),
    model=st.builds(ModelInfo, TEXT, TEXT, st.none() | st.sampled_from(["fp32", "int8"])),
    predictions=st.lists(CLASSES, max_size=4).map(tuple),
    files=st.dictionaries(TEXT, TEXT, max_size=3),
    sizes=st.dictionaries(TEXT, st.integers(0, 2**63 - 1), max_size=3),
    ms=st.dictionaries(TEXT, NUMBER.map(abs), max_size=3),
    output=st.none() | TEXT.filter(bool),
    key=st.none() | TEXT.filter(bool),
    extra=st.dictionaries(TEXT, st.integers() | TEXT | st.booleans() | st.lists(NUMBER), max_size=3),
)
KINDS = st.sampled_from([kind.value for kind in ErrorKind])
FAILURES = st.builds(Record, task=st.just("classify"), input=TEXT, error=st.builds(Failure, KINDS, TEXT))
EXAMPLE = Record("classify", "a.png", 3, 2, ModelInfo("m", None), (Classification("cat", 1, 0.5),))


@given(SUCCESSES | FAILURES)
def test_a_record_survives_json(record: Record) -> None:
    line = dump_line(record.to_json())
    assert Record.from_json(json.loads(line)) == record
    assert dump_line(Record.from_json(json.loads(line)).to_json()) == line


@given(SUCCESSES | FAILURES)
def test_a_line_is_valid_utf8_without_line_ends_inside(record: Record) -> None:
    line = dump_line(record.to_json())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    line.decode("utf-8")


@given(SUCCESSES | FAILURES)
def test_a_record_follows_the_published_schema(record: Record) -> None:
    CHECK.validate(json.loads(dump_line(record.to_json())))


def test_the_published_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "change",
    [
        {"predictions": None},
        {"width": 0},
        {"error": {"kind": "x", "message": "y"}},
        {"surprise": 1},
        {"schema": "vision/2"},
        {"task": "nothing"},
        {"predictions": [{"label": "cat"}]},
        {"predictions": [{"label": "cat", "label_id": 1, "score": "high"}]},
    ],
)
def test_what_is_no_record_does_not_pass_the_schema(change: dict[str, Any]) -> None:
    CHECK.validate(EXAMPLE.to_json())
    assert not CHECK.is_valid(EXAMPLE.to_json() | change)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_never_becomes_json(number: float) -> None:
    record = dataclasses.replace(EXAMPLE, predictions=(Classification("cat", 1, number),))
    with pytest.raises(ValueError, match="not finite"):
        record.to_json()


def test_a_failure_has_no_predictions_and_nothing_else() -> None:
    body = Record("classify", "a.png", error=Failure("k", "m")).to_json()
    assert body["predictions"] is None
    assert set(body) == {"schema", "task", "input", "predictions", "error"}


def test_a_success_has_its_fields_in_the_published_order() -> None:
    assert list(EXAMPLE.to_json()) == [
        "schema", "task", "input", "width", "height", "model", "predictions", "files", "ms", "error",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [{}, [], None, 3, {"schema": "vision/1"}, {"schema": "vision/2"}, EXAMPLE.to_json() | {"predictions": [{}]}],
)
def test_what_is_no_record_is_a_value_error(body: Any) -> None:
    with pytest.raises(ValueError, match="record"):
        Record.from_json(body)


def test_records_without_a_precision_are_of_earlier_versions_and_stay_as_they_are() -> None:
    record = Record("classify", "a.png", 4, 3, ModelInfo("lite", "ab", "int8"), ())
    body = record.to_json()
    assert body["model"] == {"name": "lite", "weights_sha256": "ab", "precision": "int8"}
    del body["model"]["precision"]
    CHECK.validate(body)
    assert Record.from_json(body).model == ModelInfo("lite", "ab", None)
    assert Record.from_json(body).to_json() == body
