from pathlib import Path

import pytest

from visioncli.errors import OutputError
from visioncli.merging import files
from visioncli.merging.files import Files, carry, is_there, name_in_all
from visioncli.sinks.folder import OutputFolder


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/cat.jpg.detect.jpg", "b/a/cat.jpg.detect.jpg"),
        ("a/cat.jpg.crops", "b/a/cat.jpg.crops"),
        ("voc/a/cat.xml", "voc/b/a/cat.xml"),
        ("xmp/a/cat.jpg.xmp", "xmp/b/a/cat.jpg.xmp"),
        ("yolo/labels/a/cat.txt", "yolo/labels/b/a/cat.txt"),
        ("yolo/images/a/cat.png", "yolo/images/b/a/cat.png"),
    ],
)
def test_files_are_called_as_one_run_would_call_them(name: str, expected: str) -> None:
    assert name_in_all(name, "a/cat.jpg", "b/a/cat.jpg", "b/a/cat") == expected
    assert name_in_all(name, "a/cat.jpg", "a/cat.jpg", "a/cat") == name


@pytest.mark.parametrize("how", [Files.COPY, Files.MOVE])
def test_files_and_folders_of_files_are_brought_whole(how: Files, tmp_path: Path) -> None:
    shard = tmp_path / "shard"
    (shard / "a.crops").mkdir(parents=True)
    for name in ("a.jpg", "a.crops/0.jpg", "a.crops/1.jpg"):
        (shard / name).write_text(name)
    out = OutputFolder(tmp_path / "all")
    carry(shard / "a.jpg", out, "b.jpg", how)
    carry(shard / "a.crops", out, "b.crops", how)
    out.close()
    assert (tmp_path / "all" / "b.jpg").read_text() == "a.jpg"
    assert (tmp_path / "all" / "b.crops" / "1.jpg").read_text() == "a.crops/1.jpg"
    assert (shard / "a.jpg").exists() == (shard / "a.crops").exists() == (how is Files.COPY)


def test_files_are_moved_to_another_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_text("a")
    out = OutputFolder(tmp_path / "all")
    replace = files.os.replace

    def other_disk(source: Path, target: Path) -> None:
        if Path(source).parent == tmp_path:
            raise OSError(18, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", other_disk)
    carry(tmp_path / "a.jpg", out, "a.jpg", Files.MOVE)
    out.close()
    assert (tmp_path / "all" / "a.jpg").read_text() == "a"
    assert not (tmp_path / "a.jpg").exists()


def test_nothing_of_somebody_else_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("a")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "a.jpg").write_text("mine")
    out = OutputFolder(tmp_path / "all")
    with pytest.raises(OutputError, match="did not write"):
        carry(tmp_path / "a.jpg", out, "a.jpg", Files.COPY)
    out.abandon()
    assert (tmp_path / "all" / "a.jpg").read_text() == "mine"


def test_what_a_killed_move_has_brought_counts_as_there(tmp_path: Path) -> None:
    source, target = tmp_path / "one", tmp_path / "other"
    target.write_bytes(b"12345")
    assert is_there(source, target, 5, Files.MOVE)
    assert not is_there(source, target, 5, Files.COPY)
    assert not is_there(source, target, 4, Files.MOVE)
    assert not is_there(source, tmp_path / "none", 0, Files.MOVE)
