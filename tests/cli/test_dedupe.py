"""`vision dedupe`: groups as records, what is moved and linked, and that it is undone."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image, ImageOps

from conftest import Ended
from photographs import photograph
from report.page_data import data_of
from visioncli.alike.moving import JOURNAL
from visioncli.record_schema import json_schema

Vision = Callable[..., Ended]
CHECK = jsonschema.Draft202012Validator(json_schema())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "old").mkdir(parents=True)
    image = photograph(1, (640, 480))
    image.save(folder / "a.png")
    (folder / "old" / "a.png").write_bytes((folder / "a.png").read_bytes())
    image.save(folder / "b.jpg", quality=40)
    image.resize((320, 240), Image.Resampling.LANCZOS).save(folder / "c.jpg")
    image.crop((32, 24, 608, 456)).save(folder / "d.jpg", quality=95)
    ImageOps.mirror(image).save(folder / "e.png")
    photograph(2).save(folder / "f.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def kinds(records: list[dict[str, Any]]) -> dict[str, str]:
    return {
        Path(r["input"]).relative_to("photos").as_posix(): p["kind"] for r in records for p in r["predictions"] or ()
    }


FOUND = {"a.png": "kept", "old/a.png": "equal", "b.jpg": "reencoded", "c.jpg": "resized"}


def test_report_shows_the_groups_alone(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("dedupe", "photos", "-o", "out", "--find", "same", "--report", "--move", "twice")
    found = kinds(ended.records)
    assert f"Report of {len(found) + 1} pictures: open out/report/index.html" in ended.err
    assert 3 < len(found) < len(ended.records) - 1
    body = data_of(tmp_path / "out" / "report")
    assert body["pictures"]["name"][0] == "a.png" and body["pictures"]["name"][-1] == "broken.png"
    assert body["classes"]["names"][:2] == ["kept", "group 1"]
    assert len(list((tmp_path / "out" / "report" / "thumbs").rglob("*.webp"))) == len(
        found
    )  # made before some were moved
    assert (tmp_path / "twice" / "b.jpg").exists()


def test_without_duplicates_there_is_no_report(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("dedupe", "photos/a.png", "photos/f.png", "-o", "out", "--find", "same", "--report")
    assert ended.status == 0
    assert "There are no duplicates to show, so there is no report." in ended.err
    assert not (tmp_path / "out" / "report").exists()
    assert vision("report", "out").status == 2


def test_each_input_has_a_record_that_says_what_it_is(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("dedupe", "photos", "-o", "out", "-f", "csv,json")
    assert ended.status == 1
    for record in ended.records:
        CHECK.validate(record)
    walked = [str(p.relative_to(tmp_path)) for p in sorted(photos.rglob("*")) if p.is_file()]
    assert sorted(r["input"] for r in ended.records) == sorted(walked)
    assert kinds(ended.records) == FOUND | {"d.jpg": "altered"}
    kept = ended.records[0]["predictions"][0]
    assert kept["why"].startswith("the least compressed") and kept["of"] == "photos/a.png"
    assert "4 duplicates in 1 group" in ended.err
    with Image.open(ended.records[0]["files"]["annotated"]) as sheet:
        assert sheet.width > 5 * 192
    assert (tmp_path / "out" / "predictions.csv").read_text().startswith("input,group,of,kind,score,bytes,why,error")
    assert len(list(photos.rglob("*.*"))) == 8


def test_without_a_network_cut_ones_are_not_found(vision: Vision, photos: Path) -> None:
    ended = vision("dedupe", "photos", "-o", "-", "--find", "same")
    assert FOUND.items() <= kinds(ended.records).items()
    assert ended.records[0]["model"]["name"] == "perceptual_hash"


def test_mirror_images_are_found_on_demand(vision: Vision, photos: Path) -> None:
    found = kinds(vision("dedupe", "photos", "-o", "-", "--mirrored").records)
    assert found["e.png"] in ("mirrored", "kept")
    assert len(found) == 6


def test_one_file_under_two_names_is_no_duplicate(vision: Vision, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to("photos")
    ended = vision("dedupe", "photos/f.png", "again/f.png", "photos/f.png", "-o", "-")
    assert [r["predictions"] for r in ended.records] == [[], [], []]
    assert [r.get("extra") for r in ended.records] == [None, *[{"same_file": "photos/f.png"}] * 2]
    assert "No duplicates" in ended.err


def test_paths_are_those_of_duplicates(vision: Vision, photos: Path) -> None:
    ended = vision("dedupe", "photos", "-o", "-", "--print", "paths", "-0", "-q")
    assert sorted(ended.out.rstrip(b"\0").split(b"\0")) == [
        b"photos/b.jpg",
        b"photos/c.jpg",
        b"photos/d.jpg",
        b"photos/old/a.png",
    ]


def test_moved_duplicates_come_back(vision: Vision, photos: Path, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in photos.rglob("*.*")}
    moved = vision("dedupe", "photos", "-o", "-", "--move", "twice")
    assert "4 pictures moved to twice" in moved.err
    assert sorted(p.name for p in photos.rglob("*.*")) == ["a.png", "broken.png", "e.png", "f.png"]
    assert (tmp_path / "twice" / "old" / "a.png").is_file()
    undone = vision("dedupe", "--undo", f"twice/{JOURNAL}")
    assert undone.status == 0 and "4 pictures as before" in undone.err
    assert {p: p.read_bytes() for p in photos.rglob("*.*")} == before
    assert not (tmp_path / "twice").exists()


def test_links_show_each_group_side_by_side(vision: Vision, photos: Path, tmp_path: Path) -> None:
    vision("dedupe", "photos", "-o", "-", "--link", "groups")
    names = sorted(os.listdir(tmp_path / "groups" / "00001"))
    assert names == ["a.png", "b.jpg", "c.jpg", "d.jpg", "kept-a.png"]
    assert (tmp_path / "groups" / "00001" / "kept-a.png").resolve() == photos / "a.png"
    assert vision("dedupe", "--undo", f"groups/{JOURNAL}").status == 0
    assert not (tmp_path / "groups").exists()


def test_nothing_is_moved_where_nothing_is_twice(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("dedupe", "photos/a.png", "photos/f.png", "-o", "-", "--move", "twice")
    assert ended.status == 0 and not (tmp_path / "twice").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "INPUT... is missing"),
        (["photos", "--undo", "x"], "--undo goes alone"),
        (["--undo", "none"], "cannot be read"),
        (["--undo", "photos/a.png"], "no journal of vision dedupe"),
        (["photos", "--move", "x", "--link", "y"], "not both"),
        (["photos", "--move", "photos/twice"], "lies in the input photos"),
        (["photos", "--find", "all"], "--find takes one of same, near"),
    ],
)
def test_wrong_usage_is_status_2_and_one_sentence(args: list[str], words: str, vision: Vision, photos: Path) -> None:
    ended = vision("dedupe", *args)
    assert (ended.status, ended.out) == (2, b"")
    assert words in ended.err
    assert len(list(photos.rglob("*.*"))) == 8


def test_an_interrupt_before_the_answer_writes_nothing(
    vision: Vision, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **how: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("visioncli.cli.duplicates.groups", interrupted)
    ended = vision("dedupe", "photos", "-o", "out", "--move", "twice")
    assert (ended.status, ended.out) == (130, b"")
    assert "run it again" in ended.err
    assert not (tmp_path / "out").exists() and not (tmp_path / "twice").exists()


def test_a_full_disk_is_a_sentence_that_names_the_journal(
    vision: Vision, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(step: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("visioncli.alike.moving._take", full)
    ended = vision("dedupe", "photos", "-o", "-", "--move", "twice")
    assert ended.status == 3
    assert "disk is full" in ended.err and "journal in twice" in ended.err
    assert len(list(photos.rglob("*.*"))) == 8
