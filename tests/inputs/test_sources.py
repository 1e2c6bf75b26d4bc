import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.earlier_results import LIST
from visioncli.errors import UsageError
from visioncli.inputs.addresses import is_url
from visioncli.inputs.sources import Expansion, Item, _url_name


def relatives(*inputs: str | Path, **options: object) -> list[str]:
    return [item.relative for item in Expansion(**options).items(map(str, inputs))]  # type: ignore[arg-type]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.png", "a.png", "sub/c.png", "sub/deep/d.png", ".hidden.png", ".git/x.png", "notes.md"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tree"


def feed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "stdin").write_bytes(data)
    monkeypatch.setattr(sys, "stdin", (tmp_path / "stdin").open())


def test_a_folder_is_walked_in_sorted_order_without_hidden_entries_and_notes(tree: Path) -> None:
    assert relatives(tree) == ["a.png", "b.png", "sub/c.png", "sub/deep/d.png"]


def test_world_files_beside_pictures_are_no_inputs_unless_they_are_named(tree: Path) -> None:
    for name in ("a.pgw", "A.TFW", "sub/c.wld", "a.prj", "a.png.aux.xml"):
        (tree / name).touch()
    assert relatives(tree, exclude=()) == ["a.png", "b.png", "notes.md", "sub/c.png", "sub/deep/d.png"]
    assert relatives(f"{tree}/*.p*") == ["a.png", "b.png"]
    assert relatives(tree / "a.pgw") == ["a.pgw"]


def test_nothing_is_excluded_on_request(tree: Path) -> None:
    assert "notes.md" in relatives(tree, exclude=())


def test_exclude_matches_names_and_relative_paths(tree: Path) -> None:
    assert relatives(tree, exclude=("sub/*", "b*")) == ["a.png", "notes.md"]


def test_a_file_named_by_itself_is_never_excluded(tree: Path) -> None:
    assert relatives(tree / "notes.md", tree / ".hidden.png") == ["notes.md", ".hidden.png"]


def test_the_output_folder_inside_an_input_folder_is_skipped(tree: Path) -> None:
    assert relatives(tree, out="tree/sub") == ["a.png", "b.png"]
    assert relatives("tree/**", out="tree/sub") == ["a.png", "b.png"]


def test_what_training_wrote_beside_a_network_is_no_input_and_what_else_lies_there_is(tree: Path) -> None:
    run = tree / "sub" / "run"
    (run / "tensorboard").mkdir(parents=True)
    for name in ("curves.png", "augmented.jpg", "val.jsonl", "split.csv", "mine.png", "tensorboard/events.1"):
        (run / name).touch()
    assert "sub/run/curves.png" in relatives(tree)  # a folder like any other
    (run / "model.json").write_text('{\n  "schema": "vision-model/1"}')
    expected = ["a.png", "b.png", "sub/c.png", "sub/deep/d.png", "sub/run/mine.png"]
    expansion = Expansion()
    assert [item.relative for item in expansion.items([str(tree)])] == expected
    assert list(expansion.skipped) == [str(run)]
    assert relatives("tree/**") == expected
    assert relatives(run) == ["augmented.jpg", "curves.png", "mine.png"]


def test_inputs_keep_the_order_in_which_they_were_given(tree: Path) -> None:
    assert relatives(tree / "b.png", tree / "sub", tree / "a.png") == ["b.png", "c.png", "deep/d.png", "a.png"]


def test_a_missing_path_is_an_item(tree: Path) -> None:
    assert relatives("missing.png", "no*match.png") == ["missing.png", "unmatched"]


def test_a_glob_gives_files_below_its_fixed_part_and_walks_folders(tree: Path) -> None:
    assert relatives("tree/*.png") == ["a.png", "b.png"]
    assert relatives("tree/*") == ["a.png", "b.png", "sub/c.png", "sub/deep/d.png"]
    assert relatives("tree/**/*.png") == ["a.png", "b.png", "sub/c.png", "sub/deep/d.png"]
    assert relatives("tree/s*") == ["sub/c.png", "sub/deep/d.png"]


def test_a_glob_with_dots_cannot_name_results_outside_the_output_folder(tree: Path) -> None:
    assert relatives("tree/s*/../../tree/*.png") == ["sub/tree/a.png", "sub/tree/b.png"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tree: Path) -> None:
    (tree / "[1].png").touch()
    assert relatives(tree / "[1].png") == ["[1].png"]


def test_a_link_back_to_a_folder_above_ends(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to(tree)
    assert relatives(tree) == ["a.png", "b.png", "sub/c.png", "sub/deep/d.png"]


def test_a_link_to_itself_costs_only_its_own_entry(tree: Path) -> None:
    (tree / "loop").symlink_to("loop")
    (tree / "dangling").symlink_to("nowhere")
    assert relatives(tree) == ["a.png", "b.png", "dangling", "loop", "sub/c.png", "sub/deep/d.png"]


def test_a_folder_that_cannot_be_listed_is_an_item(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert relatives(tree) == ["unnamed"]


def test_a_dash_reads_paths_one_a_line(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, tree, b"tree/a.png\n\ntree/sub\r\n./tree/b.png\n../x/[1].png")
    assert relatives("-") == ["tree/a.png", "c.png", "deep/d.png", "tree/b.png", "x/[1].png"]


def test_null_separated_names_may_hold_line_ends_and_odd_bytes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, tree, b"a\nb.png\0\xff\xfe.png\0-x.png\0")
    found = list(Expansion(null_separated=True).items(["-"]))
    assert [os.fsencode(item.path) for item in found] == [b"a\nb.png", b"\xff\xfe.png", b"-x.png"]


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n123", b"\xff\xd8\xff\xe0", b"BM\0\0\0", b"RIFF\x12\0\0\0WEBP"])
def test_a_picture_on_standard_input_is_wrong_usage(tree: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    feed(monkeypatch, tree, data)
    with pytest.raises(UsageError, match="binary data"):
        relatives("-")


def test_names_that_begin_like_a_picture_format_are_paths(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, tree, b"BMW.jpg\nRIFF.png\nGIF89a.gif\n")
    assert relatives("-") == ["BMW.jpg", "RIFF.png", "GIF89a.gif"]


def test_a_closed_standard_input_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input"):
        relatives("-")


def test_a_url_becomes_host_and_path_without_password() -> None:
    (item,) = Expansion().items(["http://me:secret@host:80/a%20b/../c.jpg?size=2&x=/"])
    assert item.is_url
    assert item.relative == "host_80/a b/c.jpg_size_2_x__"


def test_only_http_and_https_are_urls() -> None:
    assert is_url("HTTPS://x/y")
    assert not any(map(is_url, ("ftp://x/y", "file:///x", "http:/x", "https")))


@given(st.text())
def test_any_url_gives_a_relative_name_that_stays_below_the_output_folder(rest: str) -> None:
    name = _url_name("http://" + rest)
    assert not name.startswith("/")
    assert not {"", ".", ".."} & set(name.split("/"))
    assert all(len(os.fsencode(part)) < 240 for part in name.split("/")[:-1])


def test_items_know_where_they_came_from(tree: Path) -> None:
    assert next(iter(Expansion().items([str(tree)]))) == Item(f"{tree}/a.png", "a.png", root="tree")
    assert next(iter(Expansion().items([str(tree / "sub" / "c.png")]))).root == "sub"


@pytest.mark.parametrize(
    ("data", "null"),
    [
        (b"y" * 100_000, False),
        (b"a.png\n" + b"y" * 70_000 + b"\nb.png\n", False),
        (b"\n" * (1 << 21), False),
        (b"\0" * (1 << 21), True),
    ],
)
def test_what_cannot_be_a_list_of_paths_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, null: bool
) -> None:
    feed(monkeypatch, tmp_path, data)
    with pytest.raises(UsageError, match="no list of paths"):
        list(Expansion(null_separated=null).items(["-"]))


def test_paths_before_an_endless_line_are_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, tmp_path, b"a.png\n\n" + b"y" * 200_000)
    found = Expansion().items(["-"])
    assert next(found).path == "a.png"
    with pytest.raises(UsageError, match="65,536 bytes"):
        next(found)


@pytest.fixture
def results(tree: Path) -> Path:
    """A folder in the tree that an earlier run wrote, with a picture of the user's beside the results."""
    folder = tree / "vision-out"
    for name in ("sub/cat.png.classify.jpg", "predictions.jsonl", "mine.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / LIST).write_bytes(b"sub/cat.png.classify.jpg\0predictions.jsonl\0")
    return folder


@pytest.mark.parametrize("given", ["tree", "tree/*", "tree/**", "tree/v*", "tree/*/**"])
def test_results_of_earlier_runs_are_no_inputs(given: str, results: Path) -> None:
    expansion = Expansion()
    for _ in range(2):
        found = [item.path for item in expansion.items([given])]
        assert "tree/vision-out/mine.png" in found
        assert not [path for path in found if path.endswith((".jpg", ".jsonl", LIST))]
    assert list(expansion.skipped) == ["tree/vision-out"]


@pytest.mark.parametrize("given", ["tree/vision-out", "tree/vision-out/sub", "tree/vision-out/sub/*", "-"])
def test_results_whose_folder_is_named_are_inputs(
    given: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, tmp_path, b"tree/vision-out\n")
    expansion = Expansion()
    found = [item.path for item in expansion.items([given])]
    assert "tree/vision-out/sub/cat.png.classify.jpg" in found
    assert "tree/vision-out/predictions.jsonl" not in found
    assert not expansion.skipped


def test_a_pattern_for_hidden_files_does_not_match_the_list_of_results(results: Path) -> None:
    assert relatives("tree/vision-out/.*") == []


def test_a_folder_with_a_list_of_an_older_version_is_left_out_as_a_whole(results: Path) -> None:
    (results / LIST).write_bytes(b".\0")
    assert "vision-out/mine.png" not in relatives("tree")


def test_a_folder_is_ours_only_below_itself(results: Path) -> None:
    (results.parent / "sub" / "cat.png.classify.jpg").touch()
    assert "sub/cat.png.classify.jpg" in relatives("tree")


def test_a_file_address_is_the_path_that_it_names(tree: Path) -> None:
    (tree / "a b.png").touch()
    for form in ("file://{}", "file://localhost{}", "file:{}", "FILE://{}"):
        (item,) = Expansion().items([form.format(f"{tree}/a%20b.png")])
        assert item == Item(f"{tree}/a b.png", "a b.png", root="tree")
    assert relatives(f"file://{tree}/sub") == ["c.png", "deep/d.png"]


def test_file_addresses_of_other_machines_and_names_alike_stay_as_they_are(tree: Path) -> None:
    for name in ("file://host/x.png", "file:x.png", "files:/x"):
        assert next(iter(Expansion().items([name]))).path == name
