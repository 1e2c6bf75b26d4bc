import os
from pathlib import Path

import pytest

from visioncli.earlier_results import EVERYTHING, LIST
from visioncli.errors import OutputError
from visioncli.sinks.own_files import OwnFiles


def test_names_are_on_the_list_before_the_run_ends(tmp_path: Path) -> None:
    own = OwnFiles(tmp_path)
    assert not own.exists
    for name in ("a.jpg", "b/line\nend.jpg", os.fsdecode(b"\xff.jpg"), "a.jpg"):
        own.add(name)
    again = OwnFiles(tmp_path)
    assert again.exists
    assert len(again) == 3
    assert all(name in again for name in ("a.jpg", "b/line\nend.jpg", os.fsdecode(b"\xff.jpg")))
    assert "b" not in again


def test_no_name_makes_no_file(tmp_path: Path) -> None:
    OwnFiles(tmp_path).close()
    assert os.listdir(tmp_path) == []


def test_half_a_name_that_a_full_disk_took_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / LIST).write_bytes(b"a\0half")
    own = OwnFiles(tmp_path)
    own.add("b")
    again = OwnFiles(tmp_path)
    assert "a" in again
    assert "b" in again


def test_an_entry_stands_for_a_folder_of_an_older_version(tmp_path: Path) -> None:
    own = OwnFiles(tmp_path)
    own.add(EVERYTHING)
    assert "whatever" in own


@pytest.mark.parametrize("make", [lambda p: p.symlink_to("precious"), os.mkfifo, Path.mkdir])
def test_what_is_no_file_in_its_place_is_an_output_error(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "precious").write_bytes(b"precious")
    make(tmp_path / LIST)
    with pytest.raises(OutputError, match=f"{LIST}: a .* stands there"):
        OwnFiles(tmp_path)
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_file_that_shares_its_content_with_the_list_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine\0")
    os.link(tmp_path / "mine", tmp_path / LIST)
    names = OwnFiles(tmp_path)
    names.add("a.jpg")
    names.close()
    assert (tmp_path / "mine").read_bytes() == b"mine\0"
    assert (tmp_path / LIST).read_bytes() == b"mine\0a.jpg\0"
