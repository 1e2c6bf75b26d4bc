"""Class names: one a line, or out of a data.yaml, with a YAML library and without one."""

import sys
import time

import pytest

from visioncli.datasets import class_names
from visioncli.datasets.interface import DatasetError

PLAIN = {
    "names: [a, b, 'c, d', \"e\"]  # all\n": ("a", "b", "c, d", "e"),
    "names: {0: a, 1: tea cup, 3: z}\n": ("a", "tea cup", "2", "z"),
    "nc: 3\nnames:\n  - a\n\n# between\n  - 'b, c'  # second\n  - baker's hat\ntrain: x\n": (
        "a",
        "b, c",
        "baker's hat",
    ),
    "names:\n- a\n- b\n": ("a", "b"),
    "names:\n  0: a\n  2: b\n": ("a", "1", "b"),
    "path: ../x\ntrain: [p, q]\n'names': [no, 007, yes]\n": ("no", "007", "yes"),
}
OTHER = {
    "names: [a,\n  b,\n  c]\n": ("a", "b", "c"),
    "names: {0: a,\n        1: b}\n": ("a", "b"),
    "names: ['it''s', \"\\u00e9\"]\n": ("it's", "é"),
    "names:\n  0: a b\n    c\n  1: d\n": ("a b c", "d"),
    "all: &names\n- a\n- b\nnames: *names\n": ("a", "b"),
    "base: &base {names: [a, b]}\n<<: *base\n": ("a", "b"),
    '{"names": ["a", "b"]}': ("a", "b"),
    "names: [a: b]\n": None,
}


@pytest.fixture(params=["library", "without"])
def library(request, monkeypatch):
    if request.param == "without":
        monkeypatch.setitem(sys.modules, "yaml", None)
    else:
        pytest.importorskip("yaml")
    return request.param == "library"


def names(tmp_path, text):
    path = tmp_path / "data.yaml"
    path.write_text(text, encoding="utf-8")
    return class_names.read(path)


@pytest.mark.parametrize("text", PLAIN)
def test_plain_yaml_reads_alike_with_a_library_and_without(tmp_path, library, text):
    assert names(tmp_path, text) == PLAIN[text]


@pytest.mark.parametrize("text", OTHER)
def test_other_yaml_is_read_by_the_library_or_refused_with_its_name(tmp_path, library, text):
    if library and OTHER[text]:
        assert names(tmp_path, text) == OTHER[text]
        return
    words = "must be a text" if library else r"pip install 'visioncli\[yaml\]'"
    with pytest.raises(DatasetError, match=words):
        names(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("names: [", "malformed YAML at line 2, column 1"),
        ("names: {a: b}", "'a' is no class number"),
        ("names: just a text", "must be a list or a mapping"),
        ("- a\n", "is no mapping"),
        ("nc: 3\n", "no class names were found"),
        ("names: [a]\n---\nnames: [b]\n", "malformed YAML at line 2"),
        ("a: &a [*a]\nnames: *a\n", "recursive"),
        ("\x01", "not allowed"),
        ("names: " + "[" * 500, "nested too deeply"),
        ("names: " + "[" * 100_000, "YAML"),
        ("names: [" + "a," * 100_001 + "]", "at most 100,000"),
        ("#" * ((4 << 20) + 1), "longer than 4 MiB"),
    ],
)
def test_wrong_yaml_is_a_sentence(tmp_path, text, words):
    pytest.importorskip("yaml")
    with pytest.raises(DatasetError) as caught:
        names(tmp_path, text)
    assert words in str(caught.value) and len(str(caught.value)) < 300


def test_aliases_that_stand_for_millions_of_others_cost_nothing(tmp_path):
    pytest.importorskip("yaml")
    lists = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    with pytest.raises(DatasetError, match="must be a text"):
        names(tmp_path, lists + "names: *a39\n")
    merges = "a0: &a0 {x: y}\n" + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 40)
    )
    assert names(tmp_path, merges + "<<: [*a39, *a39]\nnames: [k]\n") == ("k",)


@pytest.mark.parametrize(
    "text", ["names: a{}{{", "names: [a{}{{]", "names:\n  - a{}{{", "names:\n  1: a{}{{", "names:{}{{"]
)
def test_the_reader_without_a_library_takes_time_in_proportion(tmp_path, monkeypatch, text):
    monkeypatch.setitem(sys.modules, "yaml", None)
    began = time.process_time()
    with pytest.raises(DatasetError):
        names(tmp_path, text.format(" " * 1_000_000))
    assert time.process_time() - began < 20  # a search that goes back and forth takes hours


def test_yaml_makes_no_objects(tmp_path):
    pytest.importorskip("yaml")
    assert names(tmp_path, "names: !!python/object/apply:os.abort [a]\n") == ("a",)
