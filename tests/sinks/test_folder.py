import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.earlier_results import PREDICTIONS
from visioncli.errors import InputError, OutputError
from visioncli.files import write_whole
from visioncli.inputs.sources import Item
from visioncli.sinks.folder import PARTIAL, OutputFolder

# File names as Linux has them: any bytes but NUL and the slash.
NAMES = st.binary(min_size=1, max_size=12).map(lambda b: os.fsdecode(b.replace(b"\0", b"0").replace(b"/", b"_")))
CLOSE_NAMES = st.sampled_from(["a", "A", "a.png", "a.jpg", "a.png.png", "a.png-2", "stem of a", "ß", "ss", "b", "é"])
PATHS = st.lists(NAMES | CLOSE_NAMES, min_size=1, max_size=3).map("/".join)
ITEMS = st.lists(st.builds(Item, path=PATHS, relative=PATHS, root=st.just("") | CLOSE_NAMES), max_size=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@given(ITEMS)
def test_different_inputs_never_share_a_name_or_a_stem(folder: Path, items: list[Item]) -> None:
    out = OutputFolder(folder)
    names = [out.claim(item) for item in items]
    stems = [out.stem(name) for name in names]
    paths = len({item.path for item in items})
    out.close()
    # Disks that do not tell upper from lower case count too.
    by_name = {name.casefold(): item.path for name, item in zip(names, items, strict=True)}
    by_stem = {stem.casefold(): name for stem, name in zip(stems, names, strict=True)}
    assert all(by_name[name.casefold()] == item.path for name, item in zip(names, items, strict=True))
    assert all(by_stem[stem.casefold()] == name for stem, name in zip(stems, names, strict=True))
    assert len(by_name) >= paths


@given(ITEMS)
def test_the_same_inputs_get_the_same_names_again(folder: Path, items: list[Item]) -> None:
    first, second = [], []
    for names in (first, second):
        out = OutputFolder(folder)
        names += [out.claim(item) for item in items]
        out.close()
    assert first == second


@given(ITEMS, st.integers(0, 30))
def test_names_of_an_earlier_run_are_kept(folder: Path, items: list[Item], done: int) -> None:
    out = OutputFolder(folder)
    whole = [out.claim(item) for item in items]
    out.close()
    again = OutputFolder(folder)
    for item, name in zip(items[:done], whole, strict=False):
        again.reserve(name, item.path)
    assert [again.claim(item) for item in items[done:]] == whole[done:]
    again.close()


def test_a_name_mirrors_the_input_tree(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    assert out.claim(Item("photos/a/cat.jpg", "a/cat.jpg", "photos")) == "a/cat.jpg"


def test_inputs_that_would_collide_go_into_a_folder_named_after_their_root(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    items = [Item(f"{root}/cat.jpg", "cat.jpg", "photos") for root in "abc"]
    assert [out.claim(i) for i in items] == ["cat.jpg", "photos/cat.jpg", "photos-2/cat.jpg"]
    assert out.claim(items[0]) == "cat.jpg"


def test_stems_lose_the_extension_where_that_is_unambiguous(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    names = [out.claim(Item(n, n)) for n in ("d/a.jpg", "d/a.png.gif", "d/a.png", ".hidden", "..", "b")]
    assert [out.stem(n) for n in names] == ["d/a", "d/a.png", "d/a.png-2", ".hidden", "..", "b"]


def test_a_second_run_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    with pytest.raises(OutputError, match="Another run is writing"):
        OutputFolder(tmp_path)
    out.close()
    OutputFolder(tmp_path).close()


def test_a_killed_run_holds_nobody_up_and_its_half_files_are_cleared(tmp_path: Path) -> None:
    script = (
        "import os, pathlib; from visioncli.sinks.folder import OutputFolder;"
        f"out = OutputFolder(pathlib.Path({str(tmp_path)!r}));"
        "(out.partial / '.vision-half.jpg').touch(); (out.partial / 'journal.jsonl').touch();"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert (tmp_path / PARTIAL / ".vision-half.jpg").exists()
    out = OutputFolder(tmp_path)
    assert not (tmp_path / PARTIAL / ".vision-half.jpg").exists()
    assert (tmp_path / PARTIAL / "journal.jsonl").exists()
    out.close()


def test_closing_leaves_no_trace_of_an_empty_run(tmp_path: Path) -> None:
    OutputFolder(tmp_path / "out").close()
    assert os.listdir(tmp_path) == []


def test_abandoning_keeps_finished_records_and_no_half_file(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "out")
    (out.partial / ".vision-half.jpg").write_bytes(b"half")
    (out.partial / "journal.classify.jsonl").write_bytes(b"{}\n")
    out.abandon()
    assert (out.partial / "journal.classify.jsonl").exists()
    assert not (out.partial / ".vision-half.jpg").exists()
    again = OutputFolder(tmp_path / "out")
    (out.partial / "journal.classify.jsonl").write_bytes(b"")
    again.abandon()
    assert os.listdir(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        OutputFolder(tmp_path / "out")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        OutputFolder(tmp_path / "out" / "deeper")


def test_results_may_not_lie_beside_their_input(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    out = OutputFolder(tmp_path)
    with pytest.raises(InputError, match="own folder"):
        out.check_apart(Item(str(tmp_path / "cat.jpg"), "cat.jpg"), "cat.jpg")
    out.check_apart(Item(str(tmp_path / "a" / "cat.jpg"), "cat.jpg"), "cat.jpg")
    out.check_apart(Item("http://host/cat.jpg", "cat.jpg"), "cat.jpg")
    out.close()


def put(out: OutputFolder, name: str, data: bytes = b"ours") -> None:
    write_whole(out.file(name), data, out.partial)


def test_only_files_that_vision_wrote_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "theirs.jpg").write_bytes(b"theirs")
    (tmp_path / "a" / "empty.jpg").touch()
    for _ in range(2):  # also by a later run, without any record of the first
        out = OutputFolder(tmp_path)
        put(out, "a/ours.jpg")
        put(out, "a/empty.jpg")
        with pytest.raises(OutputError, match="a file stands there that vision did not write"):
            out.file("a/theirs.jpg")
        out.close()
    assert (tmp_path / "a" / "theirs.jpg").read_bytes() == b"theirs"


def test_a_killed_run_knows_its_files_too(tmp_path: Path) -> None:
    script = (
        "import os, pathlib; from visioncli.files import write_whole;"
        "from visioncli.sinks.folder import OutputFolder;"
        f"out = OutputFolder(pathlib.Path({str(tmp_path)!r}));"
        "write_whole(out.file('a.jpg'), b'ours', out.partial); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert (tmp_path / "a.jpg").exists()
    put(OutputFolder(tmp_path), "a.jpg")


def test_a_folder_with_records_but_no_list_is_of_an_older_version(tmp_path: Path) -> None:
    (tmp_path / PREDICTIONS).write_bytes(b'damaged\n{"schema": "vision/1", "task"\n')
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"older")
    for name in ("a.jpg", "b.jpg"):
        out = OutputFolder(tmp_path)
        put(out, name)
        out.close()


def test_files_of_other_programs_with_the_names_of_records_stay(tmp_path: Path) -> None:
    (tmp_path / PREDICTIONS).write_bytes(b'{"theirs": 1}\n')
    with pytest.raises(OutputError, match=f"{PREDICTIONS}: a file stands there that vision did not write"):
        OutputFolder(tmp_path).check(PREDICTIONS)


def test_no_result_replaces_an_input_by_whatever_name(tmp_path: Path) -> None:
    first = OutputFolder(tmp_path / "out")
    for name in ("a.jpg", "b.jpg", "c/d.jpg"):
        put(first, name)
    first.close()
    (tmp_path / "elsewhere").symlink_to("out")
    (tmp_path / "link.jpg").symlink_to("out/b.jpg")
    out = OutputFolder(tmp_path / "elsewhere")
    for path in ("out/a.jpg", "link.jpg", "elsewhere/c/../c/d.jpg", "http://out/x", "nul\0"):
        out.protect(path if path.startswith("http") else f"{tmp_path}/{path}")
    for name in ("a.jpg", "b.jpg", "c/d.jpg"):
        with pytest.raises(OutputError, match="is an input of this run"):
            out.file(name)
    put(out, "new.jpg")


def test_an_input_that_this_run_has_written_is_no_input(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "out")
    put(out, "a.jpg")
    path = str(tmp_path / "out" / "a.jpg")
    (item,) = out.protected([Item(path, "b/a.jpg")])
    with pytest.raises(InputError, match="itself a result of this run"):
        out.check_apart(item, "b/a.jpg")


def test_a_link_within_the_folder_leads_no_result_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "x.jpg").write_bytes(b"precious")
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")  # the folder itself may be one
    (tmp_path / "real" / "sub").symlink_to("../far")
    (tmp_path / "real" / "x.jpg").symlink_to("../far/x.jpg")
    os.mkfifo(tmp_path / "real" / "pipe.jpg")
    out = OutputFolder(tmp_path / "out")
    for name, words in (
        ("sub/x.jpg", "out/sub: it is a link"),
        ("sub/deep/x.jpg", "out/sub: it is a link"),
        ("x.jpg", "x.jpg: a link stands there"),
        ("pipe.jpg", "pipe.jpg: a pipe"),
    ):
        with pytest.raises(OutputError, match=words):
            out.file(name)
    put(out, "other/x.jpg")
    assert (tmp_path / "real" / "other" / "x.jpg").read_bytes() == b"ours"
    assert {p.name: p.read_bytes() for p in (tmp_path / "far").iterdir()} == {"x.jpg": b"precious"}


@pytest.mark.parametrize("place", [PARTIAL, f"{PARTIAL}/lock"])
def test_links_in_the_place_of_our_own_are_refused_and_harm_nothing(place: str, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / ".vision-precious").write_bytes(b"precious")
    link = tmp_path / "out" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "far" / ("" if place == PARTIAL else ".vision-precious"))
    with pytest.raises(OutputError, match=f"{place}: a link stands there. Remove it"):
        OutputFolder(tmp_path / "out")
    assert (tmp_path / "far" / ".vision-precious").read_bytes() == b"precious"


def test_a_pipe_in_the_place_of_the_lock_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / PARTIAL).mkdir()
    os.mkfifo(tmp_path / PARTIAL / "lock")
    with pytest.raises(OutputError, match="lock: a pipe"):
        OutputFolder(tmp_path)


def test_a_file_that_shares_its_content_with_the_lock_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "out" / PARTIAL).mkdir(parents=True)
    (tmp_path / "out" / PARTIAL / "lock").hardlink_to(tmp_path / "precious")
    OutputFolder(tmp_path / "out").close()
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_lock_that_the_run_before_removed_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = OutputFolder(tmp_path / "out")
    lock, ends = fcntl.flock, [first.close]

    def slow(*args: Any) -> None:
        if ends:
            ends.pop()()  # the first run ends between opening the file and locking it
        lock(*args)

    monkeypatch.setattr(fcntl, "flock", slow)
    second = OutputFolder(tmp_path / "out")
    with pytest.raises(OutputError, match="Another run is writing"):
        OutputFolder(tmp_path / "out")
    assert (second.partial / "lock").exists()
    second.close()


def test_results_never_lie_in_the_folder_that_goes(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    assert out.claim(Item(f"{PARTIAL}/lock", f"{PARTIAL}/lock")) == f"input/{PARTIAL}/lock"


def test_what_a_failing_block_wrote_anew_goes_again(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    put(out, "before.txt", b"1")
    with pytest.raises(KeyError), out.undone_on_error():
        put(out, "before.txt", b"2")
        put(out, "new/a.txt")
        raise KeyError
    assert (tmp_path / "before.txt").read_bytes() == b"2"
    assert not (tmp_path / "new").exists()
    with out.undone_on_error():
        put(out, "new/a.txt")
    assert (tmp_path / "new" / "a.txt").exists()


def test_a_name_that_is_too_long_is_shortened_and_stays_the_inputs_own(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "out")
    items = [Item(f"p/{c}", "d" * 255 + "/" + "é" * 100 + c * 50 + ".jpg") for c in "xy"]
    names = [out.claim(item) for item in items]
    assert len(set(names)) == 2
    for name in names:
        assert name.endswith(".jpg")
        write_whole(out.file(f"{name}.background.jpg"), b"x", out.partial)
    assert OutputFolder(tmp_path / "other").claim(items[1]) == names[1]


def test_what_an_earlier_run_wrote_into_a_folder_goes_and_nothing_else(tmp_path: Path) -> None:
    def put(out: OutputFolder, name: str) -> None:
        write_whole(out.file(name), b"x", out.partial)

    out = OutputFolder(tmp_path / "out")
    for name in ("yolo/a/1.txt", "yolo/b/c/2.txt", "yolo/3.txt", "yolo/4.txt", "yolo-2/5.txt"):
        put(out, name)
    out.close()
    (tmp_path / "out" / "yolo" / "mine.txt").write_text("mine")
    (tmp_path / "out" / "yolo" / "4.txt").unlink()
    (tmp_path / "out" / "yolo" / "4.txt").symlink_to("mine.txt")
    out = OutputFolder(tmp_path / "out")
    put(out, "yolo/a/1.txt")
    out.protect(str(tmp_path / "out" / "yolo" / "3.txt"))
    assert out.remove_unwritten("yolo") == 1
    out.close()
    left = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.txt")}
    assert left == {"yolo/a/1.txt", "yolo/3.txt", "yolo/4.txt", "yolo/mine.txt", "yolo-2/5.txt"}
    assert not (tmp_path / "out" / "yolo" / "b").exists()
    # Whatever is put there now is the user's.
    write_whole(tmp_path / "out" / "yolo" / "b" / "c" / "2.txt", b"mine")
    with pytest.raises(OutputError, match="did not write"):
        OutputFolder(tmp_path / "out").file("yolo/b/c/2.txt")


def test_files_are_not_removed_through_a_link(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "out")
    write_whole(out.file("yolo/labels/1.txt"), b"x", out.partial)
    out.close()
    (tmp_path / "out" / "yolo" / "labels").rename(tmp_path / "elsewhere")
    (tmp_path / "out" / "yolo" / "labels").symlink_to(tmp_path / "elsewhere")
    assert OutputFolder(tmp_path / "out").remove_unwritten("yolo") == 0
    assert (tmp_path / "elsewhere" / "1.txt").exists()


def test_what_somebody_else_left_in_the_hidden_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "out" / PARTIAL).mkdir(parents=True)
    (tmp_path / "out" / PARTIAL / "notes").write_text("mine")
    os.mkfifo(tmp_path / "out" / PARTIAL / "journal.jsonl")
    OutputFolder(tmp_path / "out").abandon()
    OutputFolder(tmp_path / "out").close()
    assert {path.name for path in (tmp_path / "out" / PARTIAL).iterdir()} == {"notes", "journal.jsonl"}
