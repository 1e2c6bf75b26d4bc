import csv
import json

import numpy as np

from visioncli.labelled.interface import TRAIN, VAL, Example, PictureSet
from visioncli.results import Failure
from visioncli.training.data.look import Seen
from visioncli.training.run_files import write_confusion, write_files


def test_confusion_csv_has_a_row_a_true_class(tmp_path):
    write_confusion(tmp_path / "confusion.csv", ("=cat", "dög, big"), np.array([[5, 1], [0, 7]]))
    rows = list(csv.reader((tmp_path / "confusion.csv").open(encoding="utf-8")))
    assert rows == [["truth \\ predicted", "'=cat", "dög, big"], ["'=cat", "5", "1"], ["dög, big", "0", "7"]]


def test_files_jsonl_has_a_line_a_picture(tmp_path):
    examples = (
        Example("p/cat/\udcff.jpg", "cat/1.jpg", labels=(0,), box=(1.0, 2.0, 3.0, 4.0)),
        Example("p/dog/2.jpg", "dog/2.jpg", labels=(1,)),
    )
    pictures = PictureSet("p", "class folders", ("cat", "dog"), examples)
    seen = [Seen("ab", 4, 3), Seen(error=Failure("empty_file", "The file is empty."))]
    write_files(tmp_path / "files.jsonl", pictures, seen, [TRAIN, VAL])
    first, second = map(json.loads, (tmp_path / "files.jsonl").read_text().splitlines())
    assert first == {
        "path": "p/cat/\udcff.jpg",
        "label": "cat",
        "split": TRAIN,
        "box": [1.0, 2.0, 3.0, 4.0],
        "sha256": "ab",
        "width": 4,
        "height": 3,
        "error": None,
    }
    assert second["error"] == {"kind": "empty_file", "message": "The file is empty."} and "sha256" not in second


def test_files_jsonl_lists_all_labels_of_a_picture_with_several(tmp_path):
    examples = (Example("1.jpg", "1.jpg", labels=(0, 1)), Example("2.jpg", "2.jpg"))
    pictures = PictureSet("p", "csv", ("cat", "dog"), examples, multi_label=True)
    write_files(tmp_path / "files.jsonl", pictures, [Seen("a", 1, 1)] * 2, [TRAIN, TRAIN])
    lines = [json.loads(line) for line in (tmp_path / "files.jsonl").read_text().splitlines()]
    assert [line["labels"] for line in lines] == [["cat", "dog"], []]
