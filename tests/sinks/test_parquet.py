"""`predictions.parquet`, read by other programs: the columns have the values of the JSON record."""

import dataclasses
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest

from sinks.samples import CAT, failed, person, record, ring, segment
from visioncli.errors import OutputError, UsageError
from visioncli.predictions import (
    PREDICTIONS,
    Caption,
    CaptionWord,
    Classification,
    Detection,
    Duplicate,
    Explanation,
    Generated,
    Neighbour,
    Painting,
    Spectrogram,
    Window,
)
from visioncli.results import Failure, ModelInfo, Record
from visioncli.sinks import parquet
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.parquet import ParquetSink

PREDICTED: dict[str, list[Any]] = {
    "classify": [Classification("tabby, =cat", 281, 0.5)],
    "detect": [CAT, Detection("größe", 1, 0.25, (0.0, 0.0, 1.0, 1.0))],
    "segment": [segment(ring()), segment(ring(), score=0.5, box=(1.0, 2.0, 3.0, 4.0), approximate=True)],
    "pose": [person()],
    "gradcam": [
        Explanation("cat", 1, 0.5, "m", "gradcam", "l", (1.0, 2.0), (0.0, 0.0, 2.0, 3.0), 0.5),
        Explanation("cat", 1, 0.5, "m", "gradcam", "l", (1.0, 2.0), (0.0, 0.0, 2.0, 3.0), 0.5, (1.0, 1.0, 2.0, 2.0)),
    ],
    "caption": [Caption("A cat.", -1.5, (0,), (CaptionWord("cat", 0.25, (0.75,)),)), Caption("A dog.")],
    "similar": [Neighbour("b.jpg", 0.5)],
    "dedupe": [Duplicate(1, "b.jpg", "resized", 0.5, "it is larger", 10)],
    "stylize": [Painting("starry:0.5,waves", "multistyle", 0.75, True, 70, 50, 1.5)],
    "generate": [Generated(7, 0.5, "cat", 1, 0), Generated(8, 1.0, distance=0.25)],
    "spectrogram": [Spectrogram(3, 64, 0.25, 50.0, 4000.0, -90.0, 0.0, 0.5, 440.0)],
}


def records(task: str) -> list[Record]:
    return [
        failed(task, "broken.jpg"),
        record(task, "nothing.jpg"),
        record(task, "a/猫.jpg", *PREDICTED[task], left_out={"dog": 2}),
    ]


def written(folder: Path, task: str, what: list[Record]) -> Path:
    out = OutputFolder(folder)
    sink = ParquetSink(out, task)
    for one in what:
        sink.write(one)
    sink.close()
    out.close()
    return folder / "predictions.parquet"


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list | tuple) else value


def as_json(row: dict[str, Any], maps: Any) -> dict[str, Any]:
    """A row as the record's JSON has it, maps as `maps` reads them."""
    row = dict(row)
    for name in ("files", "sizes", "ms"):
        if row[name] is not None:
            row[name] = maps(row[name])
    for prediction in row["predictions"] or []:
        if prediction.get("angles") is not None:
            prediction["angles"] = maps(prediction["angles"])
    return without_nulls(row)


def expected(one: Record) -> dict[str, Any]:
    body = one.to_json()
    del body["schema"]
    if "extra" in body:
        body["extra"] = json.dumps(body["extra"], ensure_ascii=False)
    return without_nulls(body)


def test_every_task_with_predictions_is_tried() -> None:
    assert PREDICTED.keys() | {"embed"} == PREDICTIONS.keys()


@pytest.mark.parametrize("task", PREDICTED)
def test_polars_reads_the_values_of_the_records(task: str, tmp_path: Path) -> None:
    path = written(tmp_path, task, records(task))
    rows = polars.read_parquet(path).to_dicts()
    pairs = [as_json(row, lambda m: m if isinstance(m, dict) else {e["key"]: e["value"] for e in m}) for row in rows]
    assert pairs == [expected(one) for one in records(task)]


@pytest.mark.parametrize("task", PREDICTED)
def test_duckdb_reads_the_values_of_the_records(task: str, tmp_path: Path) -> None:
    path = written(tmp_path, task, records(task))
    found = duckdb.sql(f"select * from '{path}'")
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    assert [as_json(row, dict) for row in rows] == [expected(one) for one in records(task)]


def test_frames_and_recordings_have_their_columns(tmp_path: Path) -> None:
    frame = dataclasses.replace(record("detect", "clip.mp4#frame=3", CAT), frame=3, time_s=0.12)
    broken = Record(
        "detect", "clip.mp4", error=Failure("truncated_video", "The video ends too early."), frame=4, time_s=0.16
    )
    path = written(tmp_path, "detect", [frame, broken])
    assert duckdb.sql(f"select frame, time_s from '{path}'").fetchall() == [(3, 0.12), (4, 0.16)]
    bark = Classification("Dog", 69, 0.75)
    heard = Record(
        "classify", "a.wav", model=ModelInfo("yamnet", None), predictions=(bark,), seconds=1.25, rate=16_000,
        windows=(Window(0.0, 0.96, (bark,)), Window(0.48, 1.25, ())),
    )  # fmt: skip
    (row,) = polars.read_parquet(written(tmp_path / "sound", "classify", [heard])).to_dicts()
    assert as_json(row, lambda m: m if isinstance(m, dict) else {e["key"]: e["value"] for e in m}) == expected(heard)


def test_nested_columns_can_be_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "detect", records("detect"))
    objects = f"(select input, unnest(predictions) as p from '{path}')"
    asked = duckdb.sql(f"select input, p.label, p.box[3] from {objects} where p.score > .5")
    assert asked.fetchall() == [("photos/a/猫.jpg", "cat", 60.125)]
    assert duckdb.sql(f"select error.kind from '{path}' where error is not null").fetchall() == [
        ("unreadable_picture",)
    ]
    asked = duckdb.sql(f"select (extra->'left_out'->>'dog')::int from '{path}' where extra is not null")
    assert asked.fetchall() == [(2,)]


def test_columns_follow_from_the_task_and_not_from_the_records(tmp_path: Path) -> None:
    from pyarrow import parquet as reader

    for task in PREDICTED:
        full = reader.read_schema(written(tmp_path / task, task, records(task)))
        empty = reader.read_table(written(tmp_path / task / "none", task, []))
        assert empty.num_rows == 0
        assert empty.schema.equals(full, check_metadata=True)
        assert full.metadata[b"task"] == task.encode()


def test_row_groups_are_bounded_by_rows_and_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import parquet as reader

    monkeypatch.setattr(parquet, "ROWS", 10)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 30)
    many = [record("detect", f"{n}.jpg", CAT) for n in range(100)]
    file = reader.ParquetFile(written(tmp_path / "rows", "detect", many))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [30, 30, 30, 10]
    assert file.read()["input"].to_pylist() == [one.input for one in many]
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1)
    assert reader.ParquetFile(written(tmp_path / "bytes", "detect", many)).num_row_groups == 10
    monkeypatch.setattr(parquet, "_TEXT_BYTES", 1)
    masks = [record("segment", f"{n}.jpg", segment(ring())) for n in range(3)]
    assert reader.ParquetFile(written(tmp_path / "masks", "segment", masks)).num_row_groups == 3


def test_names_that_are_not_utf8_come_out_as_escapes(tmp_path: Path) -> None:
    path = written(tmp_path, "detect", [record("detect", "c\udcff.jpg", CAT)])
    assert polars.read_parquet(path)["input"].to_list() == ["photos/c\\udcff.jpg"]


def test_nothing_is_visible_until_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = OutputFolder(tmp_path)
    sink = ParquetSink(out, "detect")
    sink.write(record("detect", "a.jpg", CAT))
    assert not (tmp_path / "predictions.parquet").exists()
    out.abandon()
    assert not (tmp_path / "predictions.parquet").exists()


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    sink = ParquetSink(out, "detect")
    sink.write(record("detect", "a.jpg", CAT))
    sink._file.close()
    sink._file = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb", buffering=0)
    with pytest.raises(OutputError, match="disk is full"):
        sink.close()
    out.abandon()


def test_standard_output_takes_the_document_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(target))
    sink = ParquetSink(None, "detect")
    sink.write(record("detect", "a.jpg", CAT))
    sink.close()
    target.seek(0)
    assert polars.read_parquet(target)["input"].to_list() == ["photos/a.jpg"]


def test_without_its_library_parquet_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'visioncli\[parquet\]'"):
        ParquetSink(OutputFolder(tmp_path), "detect")
