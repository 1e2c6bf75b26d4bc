"""`vision similar`: what looks most like a picture."""

from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from conftest import Ended
from photographs import photograph
from report.page_data import data_of
from visioncli.record_schema import json_schema

Vision = Callable[..., Ended]
CHECK = jsonschema.Draft202012Validator(json_schema())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(4):
        photograph(n).save(folder / f"{n}.png")
    photograph(2).resize((300, 225)).save(folder / "two again.jpg", quality=90)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def test_the_nearest_come_first_without_the_query_itself(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("similar", "photos/2.png", "photos", "--top", "3", "-o", "out", "-f", "csv")
    assert ended.status == 1
    query, failed = ended.records
    for record in ended.records:
        CHECK.validate(record)
    assert (query["task"], query["input"]) == ("similar", "photos/2.png")
    assert query["predictions"][0]["picture"] == "photos/two again.jpg"
    scores = [p["score"] for p in query["predictions"]]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True) and scores[0] > scores[1]
    assert "photos/2.png" not in [p["picture"] for p in query["predictions"]]
    assert (failed["input"], failed["error"]["kind"]) == ("photos/broken.png", failed["error"]["kind"])
    assert "photos/broken.png: " in ended.err
    rows = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    assert rows[0] == "input,picture,score,error" and len(rows) == 5
    with Image.open(query["files"]["annotated"]) as sheet:
        assert sheet.width > 4 * 192


def test_a_copy_of_the_query_is_no_query(vision: Vision, photos: Path) -> None:
    (photos / "copy.png").write_bytes((photos / "2.png").read_bytes())
    record = vision("similar", "photos/2.png", "photos", "-o", "-").records[0]
    assert record["predictions"][0] == {"picture": "photos/copy.png", "score": 1.0}


def test_several_queries_each_have_a_record(vision: Vision, photos: Path, tmp_path: Path) -> None:
    photograph(1).save(tmp_path / "elsewhere.png")
    ended = vision("similar", "elsewhere.png", "none.jpg", "photos/3.png", "photos", "-o", "-", "--top", "1")
    first, missing, last, _ = ended.records
    assert first["predictions"][0]["picture"] == "photos/1.png"
    assert missing["error"]["kind"] == "not_found"
    assert len(last["predictions"]) == 1


def test_pictures_may_come_from_standard_input(vision: Vision, photos: Path) -> None:
    paths = b"photos/0.png\0photos/two again.jpg\0"
    ended = vision("similar", "photos/2.png", "-", "-0", "-o", "-", stdin=paths)
    assert [p["picture"] for p in ended.records[0]["predictions"]] == ["photos/two again.jpg", "photos/0.png"]


def test_report_shows_the_queries_and_what_is_near(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("similar", "photos/2.png", "photos/0.png", "photos", "--top", "2", "-o", "out", "--report")
    assert "Report of 7 pictures: open out/report/index.html" in ended.err
    body = data_of(tmp_path / "out" / "report")
    first, second, _ = ended.records
    near = [[record["input"], *(p["picture"] for p in record["predictions"])] for record in (first, second)]
    names = [Path(name).name for name in (*near[0], *near[1], "broken.png")]
    assert body["pictures"]["name"] == names
    assert body["classes"]["names"] == ["query", "like 2.png", "like 0.png"]
    again = vision("report", "out", "-o", "page")
    assert again.status == 0 and data_of(tmp_path / "page")["pictures"]["name"] == names


def test_far_ones_are_left_out_on_demand(vision: Vision, photos: Path) -> None:
    every = vision("similar", "photos/2.png", "photos", "-o", "-").records[0]["predictions"]
    least = (every[0]["score"] + every[1]["score"]) / 2
    near = vision("similar", "photos/2.png", "photos", "-o", "-", "--score", str(least)).records[0]["predictions"]
    assert near == every[:1]


def test_a_second_run_writes_its_sheet_again_and_takes_none_for_a_picture(vision: Vision, photos: Path) -> None:
    for _ in range(2):
        ended = vision("similar", "photos/2.png", "photos", "-o", "photos/out")
        assert len(ended.records[0]["predictions"]) == 4


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["photos/2.png"], "vision similar QUERY PICTURES"),
        (["--text", "a dog", "photos"], "cannot be looked for by words"),
        (["-", "-"], "read once"),
        (["photos/2.png", "photos", "--top", "0"], "--top takes"),
    ],
)
def test_wrong_usage_is_status_2_and_one_sentence(args: list[str], words: str, vision: Vision, photos: Path) -> None:
    ended = vision("similar", *args)
    assert (ended.status, ended.out) == (2, b"")
    assert words in ended.err


def test_no_query_that_can_be_read_is_status_3_or_1(vision: Vision, photos: Path) -> None:
    ended = vision("similar", "photos/broken.png", "photos/broken.png", "-o", "-")
    assert ended.status == 3
    assert [r["predictions"] for r in ended.records] == [None, None]
