import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from visioncli.errors import OutputError
from visioncli.files import explain, whole_file, write_picture, write_whole


def test_a_file_appears_whole_with_its_folders(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "c.txt", b"hello")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"hello"
    assert os.listdir(tmp_path / "a" / "b") == ["c.txt"]


def test_nothing_appears_where_writing_fails_and_an_older_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "c.txt"
    target.write_bytes(b"older")
    with pytest.raises(KeyError), whole_file(target) as temporary:
        temporary.write_bytes(b"half")
        assert target.read_bytes() == b"older"
        raise KeyError
    assert target.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["c.txt"]


def test_the_temporary_file_lies_where_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "partial").mkdir()
    with whole_file(tmp_path / "out" / "c.txt", tmp_path / "partial") as temporary:
        assert temporary.parent == tmp_path / "partial"
    assert os.listdir(tmp_path / "partial") == []


def test_data_goes_through_the_folder_for_what_is_unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "partial").mkdir()
    moves: list[Path] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moves.append(Path(a)), replace(a, b)))
    write_whole(tmp_path / "out" / "deep" / "c.txt", b"hello", tmp_path / "partial")
    assert (tmp_path / "out" / "deep" / "c.txt").read_bytes() == b"hello"
    assert {move.parent for move in moves} == {tmp_path / "partial"}
    assert os.listdir(tmp_path / "partial") == []


def test_files_get_the_permissions_that_the_umask_allows(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "ours", b"")
    with whole_file(tmp_path / "yielded"):
        pass
    assert len({stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours", "yielded")}) == 1


def test_a_file_where_a_folder_is_needed_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_whole(tmp_path / "a" / "b.txt", b"")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_whole(tmp_path / "a" / "c" / "b.txt", b"")


def test_a_folder_where_the_file_belongs_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="a folder stands"):
        write_whole(tmp_path / "a", b"")
    assert os.listdir(tmp_path) == ["a"]


def test_a_name_that_is_too_long_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        write_whole(tmp_path / ("x" * 300), b"")
    assert os.listdir(tmp_path) == []


def test_a_picture_that_the_disk_takes_only_a_part_of_does_not_appear(tmp_path: Path) -> None:
    script = (
        "import pathlib, resource; from PIL import Image; from visioncli.files import write_picture;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "write_picture(pathlib.Path('a.jpg'), Image.effect_noise((200, 200), 90), 'JPEG')"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "OutputError: Cannot write a.jpg" in done.stderr
    assert os.listdir(tmp_path) == []


def test_systems_without_files_in_memory_write_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.effect_noise((300, 200), 90)
    write_picture(tmp_path / "a.jpg", image, "JPEG", quality=90)
    monkeypatch.delattr(os, "memfd_create", raising=False)
    write_picture(tmp_path / "b.jpg", image, "JPEG", quality=90)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_written_with_its_options(tmp_path: Path, kind: str) -> None:
    write_picture(tmp_path / "a", Image.new("RGB", (5, 4), "red"), kind, quality=30)
    with Image.open(tmp_path / "a") as image:
        assert (image.format, image.size) == (kind, (5, 4))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "you may not write there"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_errors_of_the_disk_become_sentences(number: int, words: str) -> None:
    message = str(explain(OSError(number, os.strerror(number)), Path("out/x.jpg")))
    assert words in message
    assert "out/x.jpg" in message
    assert message.endswith(".")
