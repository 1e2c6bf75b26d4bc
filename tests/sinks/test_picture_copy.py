"""The pictures of a data set that vision writes: whole copies that other tools can read, and never links."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinks.samples import CAT, folder, outcome, record
from visioncli.errors import OutputError
from visioncli.inputs.sources import Item
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.picture_copy import copy_picture


def of(path: Path) -> Outcome:
    made = outcome(record("detect", path.name, CAT))
    return Outcome(Item(str(path), path.name), made.record, made.picture)


def saved(path: Path, kind: str, **options: object) -> Path:
    rgb = np.random.default_rng(1).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(path, kind, **options)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "suffix"),
    [
        ("a.jpg", "JPEG", ".jpg"),
        ("a.JPEG", "JPEG", ".jpeg"),
        ("a.png", "PNG", ".png"),
        ("a.bmp", "BMP", ".bmp"),
        ("noname", "JPEG", ".jpg"),
        ("a.png", "JPEG", ".jpg"),
        ("a.jpg", "PNG", ".png"),
    ],
)
def test_what_every_tool_reads_is_copied_as_it_is(tmp_path: Path, name: str, kind: str, suffix: str) -> None:
    source, out = saved(tmp_path / name, kind), folder(tmp_path)
    copy = copy_picture(of(source), out, "yolo/images/a")
    assert copy == tmp_path / "out" / f"yolo/images/a{suffix}"
    assert copy.read_bytes() == source.read_bytes()
    assert not copy.is_symlink() and copy.stat().st_nlink == 1


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP"])
def test_other_kinds_become_jpeg(tmp_path: Path, kind: str) -> None:
    copy = copy_picture(of(saved(tmp_path / f"a.{kind.lower()}", kind)), folder(tmp_path), "yolo/images/a")
    assert copy is not None and copy.suffix == ".jpg"
    with Image.open(copy) as image:
        assert (image.format, image.size) == ("JPEG", (120, 100))


@pytest.mark.parametrize("path", ["https://localhost/a.jpg", "gone.jpg", "."])
def test_what_is_no_file_any_more_becomes_jpeg(tmp_path: Path, path: str) -> None:
    copy = copy_picture(of(Path(path)), folder(tmp_path), "yolo/images/a")
    assert copy is not None and copy.read_bytes().startswith(b"\xff\xd8\xff")


def test_a_copy_goes_on_where_the_file_system_cannot_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    source = saved(tmp_path / "a.png", "PNG")
    copy = copy_picture(of(source), folder(tmp_path), "yolo/images/a")
    assert copy is not None and copy.read_bytes() == source.read_bytes()


def test_a_full_disk_leaves_no_half_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full, raising=False)
    out: OutputFolder = folder(tmp_path)
    with pytest.raises(OutputError, match="the disk is full"):
        copy_picture(of(saved(tmp_path / "a.png", "PNG")), out, "yolo/images/a")
    assert [f for f in (tmp_path / "out").rglob("*") if f.is_file() and f.suffix == ".png"] == []


def test_a_picture_that_vision_did_not_write_is_not_replaced(tmp_path: Path) -> None:
    out = folder(tmp_path)
    (tmp_path / "out/yolo/images").mkdir(parents=True)
    (tmp_path / "out/yolo/images/a.png").write_bytes(b"theirs")
    with pytest.raises(OutputError, match="vision did not write"):
        copy_picture(of(saved(tmp_path / "a.png", "PNG")), out, "yolo/images/a")
    assert (tmp_path / "out/yolo/images/a.png").read_bytes() == b"theirs"
