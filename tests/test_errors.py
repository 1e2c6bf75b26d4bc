import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import visioncli
from visioncli.errors import (
    ErrorKind,
    ModelUnavailable,
    OutputError,
    UnreadablePicture,
    UsageError,
    VisionError,
)
from visioncli.record_schema import json_schema
from visioncli.status import Status


@pytest.mark.parametrize(
    ("error", "status"), [(UsageError, 2), (OutputError, 3), (ModelUnavailable, 4), (VisionError, 3)]
)
def test_each_error_stands_for_its_exit_status(error: type[VisionError], status: int) -> None:
    assert error("x").status == status


def test_an_unreadable_picture_has_a_kind() -> None:
    assert UnreadablePicture("x").kind == "unreadable_picture"
    assert UnreadablePicture("x", "too_large").kind == "too_large"


def test_exit_statuses_are_those_that_scripts_rely_on() -> None:
    assert [int(s) for s in Status] == [0, 1, 2, 3, 4, 5, 130, 141]


def kinds_in_source() -> Iterator[tuple[str, str]]:
    """The words that stand for a kind of error in the source, each with its file."""
    place = {"InputError": 0, "UnreadablePicture": 1, "failure": 2, "_failed": 1}
    for path in Path(visioncli.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in place and len(node.args) > place[name]:
                    kind = node.args[place[name]]
                    if isinstance(kind, ast.Constant) and isinstance(kind.value, str) and " " not in kind.value:
                        yield kind.value, path.name


def test_every_failure_is_of_a_kind_that_is_documented() -> None:
    found = dict(kinds_in_source())
    assert len(found) > 5
    assert set(found) <= set(ErrorKind)


def test_the_schema_lists_the_kinds_of_error() -> None:
    failure = json_schema()["oneOf"][1]["properties"]["error"]
    assert failure["properties"]["kind"]["enum"] == [kind.value for kind in ErrorKind]
