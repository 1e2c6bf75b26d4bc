"""Whole commands on archives: as on the folder that they were made of."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Ended
from visioncli.inputs import read_ahead

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]
KINDS = ("photos.zip", "photos.tar", "photos.tar.gz")


@pytest.fixture
def archives(pictures: Make, tmp_path: Path) -> list[Path]:
    """Five pictures, and archives of them."""
    paths = pictures(5)
    (paths[0].parent / "000.cls").write_text("7")
    names = ["000.cls", *(p.name for p in paths)]
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name in names:
            archive.write(paths[0].parent / name, f"a/{name}")
    for kind, mode in (("photos.tar", "w"), ("photos.tar.gz", "w:gz")):
        with tarfile.open(tmp_path / kind, mode) as tar:  # type: ignore[call-overload]
            for name in names:
                tar.add(paths[0].parent / name, f"a/{name}")
    (paths[0].parent / "000.cls").unlink()
    return paths


def answers(ended: Ended) -> list[Any]:
    """What was said of each picture, whatever it is called."""
    return [(r["input"].rpartition("/")[2], r["width"], r["predictions"]) for r in ended.records]


@pytest.mark.parametrize("task", ["classify", "detect", "segment", "pose", "caption", "gradcam", "embed"])
def test_each_task_answers_as_for_the_folder(task: str, vision: Vision, archives: list[Path]) -> None:
    of_folder = vision(task, "photos", "-o", "-")
    assert of_folder.status == 0
    for kind in KINDS:
        assert answers(vision(task, kind, "-o", "-")) == answers(of_folder)


def test_results_mirror_the_archive_and_nothing_is_unpacked(
    vision: Vision, archives: list[Path], tmp_path: Path
) -> None:
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    ended = vision("detect", *KINDS, "-o", "out", "--format", "yolo", "--report")
    assert ended.status == 0
    for kind in KINDS:
        found = sorted(p.name for p in (tmp_path / "out" / kind / "a").iterdir() if "detect" in p.name)
        assert found == [f"{n:03d}.png.detect.jpg" for n in range(5)]
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert {p.name for p in tmp_path.iterdir()} - {".stdin"} == {*KINDS, "photos", "out"}
    assert "no longer where it was" not in ended.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_resumed_and_a_changed_archive_is_not(
    kind: str, vision: Vision, archives: list[Path], tmp_path: Path
) -> None:
    assert vision("classify", kind, "-o", "out").status == 0
    assert "5 taken from an earlier run" in vision("classify", kind, "-o", "out", "--resume").err
    (tmp_path / kind).touch()
    assert "taken from" not in vision("classify", kind, "-o", "out", "--resume").err


@pytest.mark.parametrize("kind", KINDS)
def test_shards_divide_the_members(kind: str, vision: Vision, archives: list[Path], tmp_path: Path) -> None:
    whole = vision("classify", kind, "-o", "-")
    parts = [vision("classify", kind, "-o", "out", "--shard", f"{n}/3") for n in (1, 2, 3)]
    assert sorted(map(str, (a for part in parts for a in answers(part)))) == sorted(map(str, answers(whole)))
    assert vision("merge", "out", "-o", "all").status == 0
    assert (tmp_path / "all" / "predictions.jsonl").read_bytes().count(b"\n") == 5


def test_the_look_ahead_of_a_stream_may_be_small(
    vision: Vision, archives: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead.ReadAhead.__init__, "__defaults__", (1,))
    for more in ((), ("-j", "1", "-b", "1")):
        assert len(vision("classify", "photos.tar.gz", "-o", "-", *more).records) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_look_alikes_are_found_in_archives(kind: str, vision: Vision, archives: list[Path], tmp_path: Path) -> None:
    shutil.copy(archives[2], tmp_path / "query.png")
    found = vision("similar", "query.png", kind, "-o", "out")
    assert found.records[0]["predictions"][0]["picture"] == f"{kind}!/a/002.png"
    assert list((tmp_path / "out").rglob("*.jpg"))  # the contact sheet, which reads members again
    twice = vision("dedupe", "query.png", kind, "-o", "out2")
    assert {r["input"] for r in twice.records if r["predictions"]} == {"query.png", f"{kind}!/a/002.png"}


def test_what_lies_in_an_archive_is_not_moved(vision: Vision, archives: list[Path], tmp_path: Path) -> None:
    shutil.copy(archives[2], tmp_path / "zz.png")
    before = (tmp_path / "photos.zip").read_bytes()
    ended = vision("dedupe", "photos.zip", "zz.png", "-o", "out", "--move", "moved")
    assert (tmp_path / "photos.zip").read_bytes() == before
    assert ended.status in (0, 1)


def test_an_archive_where_results_would_lie_stays_and_is_told(
    vision: Vision, archives: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    shutil.move(tmp_path / "photos.zip", tmp_path / "out" / "predictions.jsonl.zip")
    ended = vision("classify", "out/predictions.jsonl.zip", "-o", "out")
    assert ended.status == 3
    assert "Choose another folder with -o" in ended.err
    assert (tmp_path / "out" / "predictions.jsonl.zip").is_file()


def test_help_and_start_up_load_no_decompressor() -> None:
    names = "('tarfile', 'gzip', 'visioncli.inputs.archives')"
    code = f"import sys, visioncli.cli.options; print(*[m for m in {names} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
