"""Whole commands on lists."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from conftest import Ended

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]


def test_a_parquet_of_pictures_answers_as_their_folder(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    images = [{"bytes": p.read_bytes(), "path": p.name} for p in pictures(4)]
    parquet.write_table(pa.table({"image": images}), tmp_path / "t.parquet")
    folder = vision("detect", "photos", "-o", "-").records
    for more in ((), ("-j", "1", "-b", "1")):
        rows = vision("detect", "t.parquet", "--column", "image", "-o", "-", *more).records
        assert [r["predictions"] for r in rows] == [r["predictions"] for r in folder]
        assert [r["input"] for r in rows] == [f"t.parquet#image={n}" for n in range(4)]
    vision("classify", "t.parquet", "--column", "image", "-o", "out", "--report")
    again = vision("classify", "t.parquet", "--column", "image", "-o", "out", "--resume")
    assert "4 taken from an earlier run" in again.err
    assert (tmp_path / "out" / "t.parquet" / "row-00000003.classify.jpg").is_file()


def test_a_csv_of_paths_answers_as_the_paths(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(3)
    (tmp_path / "photos" / "t.csv").write_text("n,path\n0,002.png\n1,gone.png\n2,000.png\n")
    ended = vision("classify", "photos/t.csv", "--column", "path", "-o", "-")
    assert ended.status == 1
    assert [r["input"] for r in ended.records] == ["photos/002.png", "photos/gone.png", "photos/000.png"]


def test_a_wrong_column_is_told_with_the_others(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,path\n0,a.png\n")
    ended = vision("classify", "t.csv", "--column", "image", "-o", "-")
    assert ended.status == 3
    assert "It has: n, path." in ended.err
