import os
from collections.abc import Callable
from pathlib import Path

import pytest

from visioncli.earlier_results import EVERYTHING, LIST, Results, holds_records, results_in, task_of

LINE = b'{"schema": "vision/1", "task": "detect", "input": "a.jpg", "predictions": [], "output": "a.jpg"}\n'


def found(folder: Path, **options: bool) -> Results | None:
    return results_in(str(folder), os.listdir(folder), **options)


def test_a_list_names_the_files_that_are_results_and_no_others(tmp_path: Path) -> None:
    (tmp_path / LIST).write_bytes(b"a/cat.jpg.classify.jpg\0predictions.jsonl\0")
    results = found(tmp_path)
    assert results is not None
    assert f"{tmp_path}/a/cat.jpg.classify.jpg" in results
    assert f"{tmp_path}/{LIST}" in results
    assert f"{tmp_path}/cat.jpg" not in results


def test_where_the_folder_is_named_its_pictures_are_wanted_and_its_documents_are_not(tmp_path: Path) -> None:
    (tmp_path / LIST).write_bytes(b"cat.jpg.classify.jpg\0predictions.jsonl\0")
    results = found(tmp_path, named=True)
    assert results is not None
    assert f"{tmp_path}/cat.jpg.classify.jpg" not in results
    assert f"{tmp_path}/predictions.jsonl" in results


def test_records_without_a_list_make_a_folder_ours_where_they_were_written_into_one(tmp_path: Path) -> None:
    (tmp_path / "predictions.detect.jsonl").write_bytes(LINE)
    assert found(tmp_path) == Results(str(tmp_path), frozenset({EVERYTHING}))
    (tmp_path / "predictions.detect.jsonl").write_bytes(LINE.replace(b', "output": "a.jpg"', b""))
    assert found(tmp_path) is None


def test_records_that_were_brought_to_their_pictures_make_the_folder_no_results(tmp_path: Path) -> None:
    (tmp_path / "predictions.jsonl").write_bytes(LINE)
    (tmp_path / "a.jpg").touch()
    assert found(tmp_path) is None


@pytest.mark.parametrize("name", [LIST, "predictions.jsonl"])
@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda p: p.symlink_to("/dev/zero"), lambda p: p.write_bytes(b"x\0\xff")]
)
def test_whatever_stands_there_makes_nobody_wait(name: str, make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / name)
    results = found(tmp_path)
    assert results is None or f"{tmp_path}/cat.jpg" not in results


def test_the_task_of_records_is_that_of_the_first_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(b"\0\0 damaged\n" + LINE)
    assert task_of(str(path)) == "detect"
    assert holds_records(str(path))
    path.write_bytes(LINE[:20])
    assert task_of(str(path)) is None
    assert task_of(str(tmp_path / "missing")) is None
