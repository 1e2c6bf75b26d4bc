"""Regular expressions that are searched for within a limited time."""

import os
import re

import pytest

from visioncli.training.data import matching
from visioncli.training.data.matching import first_matches

NAMES = ["a/p12/1.png", "b/p3/x.png", "none/1.png"]


@pytest.mark.parametrize("expression", [r"p\d+", r"/(p\d+)/", r"(p1)?2|(p)3", "(?i)P[0-9]", ""])
def test_what_is_found_is_what_python_finds_itself(expression: str) -> None:
    pattern = re.compile(expression)
    found = [pattern.search(name) for name in NAMES]
    group = 1 if pattern.groups else 0
    assert first_matches(pattern, NAMES) == [None if match is None else match[group] or "" for match in found]


def test_names_that_are_not_utf_8_come_back_as_they_are() -> None:
    name = os.fsdecode(b"caf\xe9/\xff1/x.png") + "/é雪"
    assert first_matches(re.compile("^(.*)/x"), [name]) == [os.fsdecode(b"caf\xe9/\xff1")]


def test_an_expression_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "SECONDS", 1.0)
    assert first_matches(re.compile("(a+)+$"), ["a" * 60 + "b"]) is None


def test_many_names_are_waited_for_longer() -> None:
    assert matching.patience(1_000_000) > matching.patience(10)
