"""Predict and evaluate close without glue: what our sinks write is read back with the same boxes."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from visioncli.datasets import recognise
from visioncli.datasets.align import align
from visioncli.datasets.interface import ReadOptions, Role
from visioncli.inputs.sources import Item
from visioncli.predictions import Detection
from visioncli.results import Failure, ModelInfo, Record
from visioncli.sinks.coco import CocoSink
from visioncli.sinks.csv_table import CsvSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import CSV_COLUMNS
from visioncli.sinks.journal import Journal
from visioncli.sinks.json_array import JsonArraySink
from visioncli.sinks.voc import VocSink
from visioncli.sinks.yolo import YoloSink

LABELS = {1: "person", 17: "cat", 90: "toothbrush"}
MODEL = ModelInfo("tiny", None)
TRUTH = {
    "images": [
        {"id": 42, "file_name": "b.jpg", "width": 640, "height": 480},
        {"id": 7, "file_name": "cat.jpg", "width": 333, "height": 251},
        {"id": 9, "file_name": "torn.jpg", "width": 20, "height": 20},
    ],
    "categories": [{"id": i, "name": name} for i, name in LABELS.items()],
    "annotations": [],
}


def record(name, width, height, found):
    rows = tuple(Detection(LABELS[k], k, s, b) for k, s, b in found)
    return Record("detect", f"photos/{name}", width, height, MODEL, rows, output=name)


RECORDS = (
    record("a/cat.jpg", 333, 251, [(17, 0.9, (10.25, 20.5, 200.125, 240.0)), (1, 0.5, (0.0, 0.0, 332.9, 250.9))]),
    record("b.jpg", 640, 480, []),
    Record("detect", "photos/torn.jpg", error=Failure("unreadable_picture", "It ends early."), output="torn.jpg"),
    record("c/naïve.png", 50, 60, [(90, 0.75, (1.5, 2.5, 3.5, 59.0))]),
)


def write(tmp_path, *, truth=None, records=RECORDS):
    out = OutputFolder(tmp_path / "out")
    documents = [
        Journal(out, "detect", resume=False),
        JsonArraySink(out),
        CsvSink(out, CSV_COLUMNS["detect"]),
        CocoSink(out, LABELS, truth),
    ]
    for body in records:
        out.reserve(body.output, body.input)
    pictures = [YoloSink(out, LABELS, scores=True), VocSink()]
    for body in records:
        for sink in documents:
            sink.write(body)
        if body.ok:
            for sink in pictures:
                sink.write(
                    SimpleNamespace(record=body, item=Item(body.input, body.output), picture=None), out, body.output
                )
    for sink in documents:
        sink.close()
    out.close()
    return tmp_path / "out"


def sizes(tmp_path):
    path = tmp_path / "sizes.json"
    entries = [{"file_name": r.output, "width": r.width, "height": r.height} for r in RECORDS if r.ok]
    path.write_text(json.dumps({"images": entries}))
    return path


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("", "jsonl"),
        ("predictions.jsonl", "jsonl"),
        ("predictions.json", "jsonl"),
        ("predictions.csv", "csv"),
        ("predictions.coco.json", "coco"),
        ("yolo", "yolo"),
        ("yolo/labels", "yolo"),
        ("voc", "voc"),
    ],
)
def test_every_output_reads_back_as_the_same_boxes(tmp_path, name, form):
    path = write(tmp_path) / name
    assert recognise.recognise(path) == form
    options = ReadOptions(role=Role.PREDICTIONS, images=sizes(tmp_path))
    data = recognise.read(path, recognise.Format(form), options)
    expected = sorted((p.label, p.score, *p.box) for r in RECORDS for p in r.predictions or ())
    rows = data.annotations
    got = sorted(
        (data.categories.names[k], s, *b)
        for k, s, b in zip(rows.category, rows.score.tolist(), rows.boxes.tolist(), strict=True)
    )
    assert [g[0] for g in got] == [e[0] for e in expected]
    assert np.allclose([g[1:] for g in got], [e[1:] for e in expected], atol=1e-3)


@pytest.mark.parametrize("name", ["predictions.jsonl", "predictions.csv", "predictions.coco.json", "voc", "yolo"])
def test_every_output_finds_its_pictures_in_a_coco_truth(tmp_path, name):
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps(TRUTH))
    path = write(tmp_path, records=RECORDS[:3]) / name
    ours = recognise.read(truth, recognise.Format.COCO, ReadOptions())
    theirs = recognise.read(path, recognise.recognise(path), ReadOptions(role=Role.PREDICTIONS, images=truth))
    both = align(ours, theirs)
    assert both.images.ids == (7, 9, 42)
    assert both.detections.image.tolist() == [0, 0]
    assert [both.categories.names[k] for k in both.detections.category] == ["cat", "person"]


def test_results_with_the_ids_of_a_truth_are_found_by_id(tmp_path):
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps(TRUTH))
    path = write(tmp_path, truth=truth) / "predictions.coco.json"
    assert isinstance(json.loads(path.read_text()), list)
    ours = recognise.read(truth, recognise.Format.COCO, ReadOptions())
    theirs = recognise.read(path, recognise.Format.COCO, ReadOptions(role=Role.PREDICTIONS))
    assert align(ours, theirs).detections.image.tolist() == [0, 0]
