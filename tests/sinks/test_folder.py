import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.errors import InputError, OutputError
from visioncli.sinks.folder import PARTIAL, OutputFolder
from visioncli.sources import Item

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
    (out.partial / "journal.jsonl").write_bytes(b"{}\n")
    out.abandon()
    assert (out.partial / "journal.jsonl").exists()
    assert not (out.partial / ".vision-half.jpg").exists()
    again = OutputFolder(tmp_path / "out")
    (out.partial / "journal.jsonl").write_bytes(b"")
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
