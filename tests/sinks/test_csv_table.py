import csv
import io
from pathlib import Path

from visioncli.results import Classification, Failure, ModelInfo, Record
from visioncli.sinks.csv_table import CsvSink, flatten
from visioncli.sinks.folder import OutputFolder


def table(tmp_path: Path, *records: Record) -> list[dict[str, str]]:
    out = OutputFolder(tmp_path)
    sink = CsvSink(out, ("label", "label_id", "score"))
    for record in records:
        sink.write(record)
    sink.close()
    return list(csv.DictReader(io.StringIO((tmp_path / "predictions.csv").read_text("utf-8"), newline="")))


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
