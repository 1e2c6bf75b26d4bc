import csv
import dataclasses
import io
from pathlib import Path

from visioncli.datasets import csv_boxes
from visioncli.datasets.interface import ReadOptions
from visioncli.predictions import Classification, Detection
from visioncli.results import Failure, ModelInfo, Record
from visioncli.sinks.csv_table import CsvSink, flatten
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import CSV_COLUMNS, VIDEO_COLUMNS


def table(tmp_path: Path, *records: Record) -> list[dict[str, str]]:
    out = OutputFolder(tmp_path)
    sink = CsvSink(out, ("label", "label_id", "score"))
    for record in records:
        sink.write(record)
    sink.close()
    return list(csv.DictReader(io.StringIO((tmp_path / "predictions.csv").read_bytes().decode(), newline="")))


def test_a_row_is_one_prediction_and_an_input_without_any_has_a_row_too(tmp_path: Path) -> None:
    model = ModelInfo("m", None)
    rows = table(
        tmp_path,
        Record("classify", "a.png", 2, 2, model, (Classification("cat", 3, 0.5), Classification("dog", 4, 0.25))),
        Record("classify", "b.png", 2, 2, model, ()),
        Record("classify", "c.png", error=Failure("not_found", "There is no such file.")),
    )
    assert rows == [
        {"input": "a.png", "label": "cat", "label_id": "3", "score": "0.5", "error": ""},
        {"input": "a.png", "label": "dog", "label_id": "4", "score": "0.25", "error": ""},
        {"input": "b.png", "label": "", "label_id": "", "score": "", "error": ""},
        {"input": "c.png", "label": "", "label_id": "", "score": "", "error": "not_found: There is no such file."},
    ]


def test_commas_quotes_line_ends_and_odd_bytes_in_names_survive(tmp_path: Path) -> None:
    rows = table(tmp_path, *(Record("classify", n, error=Failure("k", "m")) for n in ('a,"b".png', "a\nb", "\udcff")))
    assert [row["input"] for row in rows] == ['a,"b".png', "a\nb", "\\udcff"]


def test_boxes_and_keypoints_become_columns() -> None:
    cells = flatten(
        {"label": "x", "box": [1, 2, 3, 4], "keypoints": [{"name": "nose", "x": 5, "y": 6, "score": 0.5}]}
    )
    assert cells == {"label": "x", "x1": 1, "y1": 2, "x2": 3, "y2": 4, "nose_x": 5, "nose_y": 6, "nose_score": 0.5}


TEXTS = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "'=1", "''-x", "'cat", "cat", "a=b"]


def test_no_text_is_a_formula_and_numbers_stay_numbers(tmp_path: Path) -> None:
    model = ModelInfo("m", None)
    rows = table(tmp_path, *(Record("classify", t, 2, 2, model, (Classification(t, -3, -0.5),)) for t in TEXTS))
    assert [row["label"] for row in rows] == [f"'{t}" for t in TEXTS[:8]] + TEXTS[8:]
    assert [row["input"] for row in rows] == [row["label"] for row in rows]
    assert {(row["label_id"], row["score"]) for row in rows} == {("-3", "-0.5")}


def test_our_reader_gives_texts_back_as_they_were(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    sink = CsvSink(out, ("label", "label_id", "score", "x1", "y1", "x2", "y2"))
    for n, text in enumerate(TEXTS):
        found = Detection(text, n, 0.5, (0.0, 0.0, 5.0, 5.0))
        sink.write(Record("detect", text, 9, 9, ModelInfo("m", None), (found,)))
    sink.close()
    data = csv_boxes.read(tmp_path / "predictions.csv", ReadOptions())
    assert list(data.categories.names) == TEXTS
    assert list(data.images.names) == TEXTS


def test_frames_of_videos_tell_when_they_are_shown_and_what_is_followed(tmp_path: Path) -> None:
    sink = CsvSink(OutputFolder(tmp_path), CSV_COLUMNS["detect"], VIDEO_COLUMNS["detect"])
    model, cat = ModelInfo("m", None), Detection("cat", 17, 0.5, (0.0, 0.0, 5.0, 5.0), 2)
    sink.write(Record("detect", "clip.mp4#frame=0", 9, 9, model, (cat,), frame=0, time_s=0.0))
    sink.write(Record("detect", "clip.mp4#frame=3", 9, 9, model, (), frame=3, time_s=0.12))
    sink.write(Record("detect", "a.png", 9, 9, model, (dataclasses.replace(cat, track=None),)))
    sink.close()
    text = (tmp_path / "predictions.csv").read_text()
    assert text.startswith("input,label,label_id,score,x1,y1,x2,y2,error,frame,time_s,track\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    told = [(row["input"], row["frame"], row["time_s"], row["track"]) for row in rows]
    assert told == [
        ("clip.mp4#frame=0", "0", "0.0", "2"),
        ("clip.mp4#frame=3", "3", "0.12", ""),
        ("a.png", "", "", ""),
    ]
