"""The readers of YOLO, Pascal VOC, CSV and our own records, and what writes them."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visioncli.datasets import class_names, csv_boxes, vision_jsonl, voc, yolo
from visioncli.datasets.interface import DatasetError, ReadOptions, Role

FOUND = ReadOptions(role=Role.PREDICTIONS)
LABELS = ("cat", "naïve dog, big", "猫")

whole_boxes = st.lists(
    st.tuples(st.floats(0, 500), st.floats(0, 400), st.floats(0.5, 100), st.floats(0.5, 80), st.integers(0, 2)),
    max_size=5,
)


def corners(rows):
    return np.array([[x, y, x + w, y + h] for x, y, w, h, _ in rows], float).reshape(-1, 4)


def check(data, rows, atol):
    assert np.allclose(data.annotations.boxes, corners(rows), atol=atol)
    assert [data.categories.call(int(k)) for k in data.annotations.category] == [LABELS[r[4]] for r in rows]


@settings(max_examples=25, deadline=None)
@given(whole_boxes)
def test_every_format_reads_back_the_boxes_that_were_written(tmp_path_factory, rows):
    tmp = tmp_path_factory.mktemp("formats")
    boxes = corners(rows).tolist()
    predictions = [
        {"label": LABELS[r[4]], "label_id": r[4], "score": 0.5, "box": b} for r, b in zip(rows, boxes, strict=True)
    ]
    record = {"schema": "vision/1", "task": "detect", "input": "p/a.jpg", "width": 640, "height": 480}
    (tmp / "p.jsonl").write_text(json.dumps(record | {"predictions": predictions, "error": None}) + "\n")
    check(vision_jsonl.read(tmp / "p.jsonl", FOUND), rows, 1e-9)
    (tmp / "p.json").write_text(json.dumps([record | {"predictions": predictions}], indent=1))
    check(vision_jsonl.read(tmp / "p.json", FOUND), rows, 1e-9)

    lines = ["input,label,label_id,score,x1,y1,x2,y2"]
    lines += [f'a.jpg,"{p["label"]}",{p["label_id"]},0.5,{",".join(map(repr, p["box"]))}' for p in predictions]
    (tmp / "p.csv").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    check(csv_boxes.read(tmp / "p.csv", FOUND), rows, 1e-9)

    (tmp / "yolo").mkdir()
    Image.new("RGB", (640, 480)).save(tmp / "yolo/a.png")
    (tmp / "yolo/classes.txt").write_text("\n".join(LABELS), encoding="utf-8")
    (tmp / "yolo/a.txt").write_text(
        "".join(f"{k} {(x + w / 2) / 640} {(y + h / 2) / 480} {w / 640} {h / 480} 0.5\n" for x, y, w, h, k in rows)
    )
    check(yolo.read(tmp / "yolo", FOUND), rows, 1e-6)

    (tmp / "voc").mkdir()
    things = "".join(
        f"<object><name>{p['label']}</name><score>0.5</score><bndbox>"
        + "".join(f"<{t}>{v!r}</{t}>" for t, v in zip(voc.CORNERS, p["box"], strict=True))
        + "</bndbox></object>"
        for p in predictions
    )
    (tmp / "voc/a.xml").write_text(f"<annotation><filename>a.jpg</filename>{things}</annotation>", encoding="utf-8")
    check(voc.read(tmp / "voc", FOUND), rows, 1e-9)


def refused(reader, path, options=FOUND):
    with pytest.raises(DatasetError) as caught:
        reader.read(path, options)
    return str(caught.value)


def test_failed_records_are_pictures_without_detections(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"schema": "vision/1", "input": "a.jpg", "predictions": null, "error": {"kind": "x"}}\n')
    data = vision_jsonl.read(path, FOUND)
    assert data.images.names == ("a.jpg",)
    assert "1 of 1 pictures failed" in data.warnings[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"input": "a", "predictions": []}\n{"input": }', "malformed JSON at line 2, column 11"),
        ('{"a": 1}', "line 1 is no record of ours"),
        ('{"schema": "other/2", "input": "a"}', "not vision/1"),
        ('{"input": "a"}\n{"input": "a"}', "line 2: a was already given by line 1"),
        ('{"input": "a", "predictions": 3}', "must be a list or null"),
        ('{"input": "a", "predictions": [{"label": "x", "box": [9, 1, 2, 3]}]}', "line 1: prediction 0: the corners"),
        ('{"input": "a", "predictions": [{"label": "x", "score": 1}]}', "prediction 0 has no box"),
        ('{"input": "a", "predictions": [{"box": [1, 1, 2, 3]}]}', "neither label nor label_id"),
        ('{"input": "a", "predictions": [3]}', "must be an object"),
        ('{"input": "a", "width": "x", "predictions": []}', "width must be a number of pixels"),
        ("", "the file is empty"),
    ],
)
def test_wrong_records_are_named_with_their_line(tmp_path, text, words):
    path = tmp_path / "p.jsonl"
    path.write_text(text)
    assert words in refused(vision_jsonl, path)


def test_keypoints_of_records_are_put_in_cocos_order(tmp_path):
    names = vision_jsonl.NAMES
    points = [{"name": n, "x": i, "y": 2 * i, "score": 0.5} for i, n in enumerate(names)][::-1]
    path = tmp_path / "p.jsonl"
    person = {"label": "person", "score": 0.5, "box": [0, 0, 9, 9], "keypoints": points}
    path.write_text(json.dumps({"input": "a", "predictions": [person]}))
    data = vision_jsonl.read(path, ReadOptions(role=Role.PREDICTIONS, keypoints=True))
    assert data.annotations.keypoints[0, :, 0].tolist() == list(range(17))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.jpg,cat,1,2,3,4", "must be a header"),
        ("input,x1,y1,x2,y2\n", "no column label"),
        ("input,label,x1\n", "no columns x1, y1, x2, y2"),
        ("input,label,x1,y1,x2,y2\na,cat,1,2\n", "line 2 has 4 cells, but the header has 6"),
        ("input,label,x1,y1,x2,y2\na,cat,ten,1,2,3\n", 'line 2: x1 must be a number, not the text "ten"'),
        ("input,label,x1,y1,x2,y2\na,cat,1,1,inf,3\n", "line 2: x2 is inf"),
        ("input,label,x1,y1,x2,y2\n\na,cat,9,1,2,3\n", "line 3: the corners"),
        ("input,label,x,y,w,h\na,cat,9,1,-2,3\n", "line 2: the width of the box is negative"),
        ("input,label,x1,y1,x2,y2\na,,1,1,2,3\n", "line 2: the label is empty"),
        ("input,label,x1,y1,x2,y2\n,cat,1,1,2,3\n", "does not name its picture"),
    ],
)
def test_wrong_csv_is_named_with_its_line(tmp_path, text, words):
    path = tmp_path / "b.csv"
    path.write_text(text)
    assert words in refused(csv_boxes, path)


def test_csv_takes_other_headers_and_rows_without_a_box(tmp_path):
    path = tmp_path / "b.csv"
    path.write_text('\ufefffile,class,xmin,ymin,xmax,ymax\na.jpg,"cat, big",1,2,3,4\nb.jpg,,,,,\n')
    data = csv_boxes.read(path, ReadOptions())
    assert data.images.names == ("a.jpg", "b.jpg")
    assert data.categories.names == ("cat, big",)
    assert data.annotations.boxes.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 .5 .5 .2", "line 1 has 4 numbers"),
        ("x .5 .5 .2 .2", 'a number belongs where the text "x" is'),
        ("0 50 50 20 20", "shares of the picture"),
        ("0 .5 .5 nan .2", "not finite"),
        ("0.5 .5 .5 .2 .2", "the class must be a whole number"),
        ("0 .5 .5 -.2 .2", "negative"),
        ("9 .5 .5 .2 .2", "class 9 is unknown"),
        ("0 .5 .5 .2 .2 .9\n0 .5 .5 .2 .2", "line 2: there is no score"),
    ],
)
def test_wrong_yolo_lines_are_named(tmp_path, line, words):
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "a.txt").write_text(line)
    assert words in refused(yolo, tmp_path)


def test_yolo_without_picture_sizes_says_how_to_give_them(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 .5 .5 .5 .5")
    assert "--images" in refused(yolo, tmp_path / "labels")
    truth = tmp_path / "truth.json"
    truth.write_text('{"images": [{"id": 1, "file_name": "x/a.jpg", "width": 64, "height": 48}]}')
    data = yolo.read(tmp_path / "labels", ReadOptions(images=truth))
    assert data.images.names == ("x/a.jpg",)
    assert data.annotations.boxes.tolist() == [[16, 12, 48, 36]]


def test_yolo_takes_the_pictures_beside_labels_upright(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (64, 48)).save(tmp_path / "images/a.JPG", "JPEG", exif=turned)
    (tmp_path / "labels/a.txt").write_text("0 .5 .5 .5 .5\n0 .1 .1 .9 .1 .9 .9\n")
    data = yolo.read(tmp_path / "labels", ReadOptions())
    assert data.images.sizes.tolist() == [[48, 64]]
    assert np.allclose(data.annotations.boxes, [[12, 16, 36, 48], [4.8, 6.4, 43.2, 57.6]])


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("classes.txt", "cat\nbig dog\n", ("cat", "big dog")),
        ("data.yaml", "path: x\nnames: ['cat', \"big dog\"]\nnc: 2\n", ("cat", "big dog")),
        ("data.yaml", "names:\n  0: cat\n  1: big dog # yes\nnc: 2\n", ("cat", "big dog")),
        ("data.yaml", "names:\n- cat\n- big dog\nnc: 2\n", ("cat", "big dog")),
    ],
)
def test_class_names_are_found_above_the_labels(tmp_path, name, text, names):
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / name).write_text(text)
    found = class_names.find(tmp_path / "labels/train")
    assert found is not None and class_names.read(found) == names


def test_difficult_objects_of_voc_are_ignored_ones(tmp_path):
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3.5</xmax><ymax>4</ymax></bndbox>"
    path = tmp_path / "a.xml"
    path.write_text(f"<annotation><object><name>cat</name><difficult>1</difficult>{box}</object></annotation>")
    data = voc.read(path, ReadOptions())
    assert data.annotations.ignore.tolist() == [True]
    assert data.annotations.boxes.tolist() == [[1, 2, 3.5, 4]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("<annotation><object>\n</annotation>", "malformed XML at line 2, column 3"),
        ("<svg/>", "no Pascal VOC file"),
        ("<annotation><object><bndbox/></object></annotation>", "object 0 has no name"),
        ("<annotation><object><name>cat</name></object></annotation>", "object 0 has no bndbox xmin"),
        (
            "<annotation><object><name>cat</name><bndbox><xmin>x</xmin></bndbox></object></annotation>",
            'object 0: xmin must be a number, not the text "x"',
        ),
    ],
)
def test_wrong_voc_files_are_named(tmp_path, text, words):
    path = tmp_path / "a.xml"
    path.write_text(text)
    assert words in refused(voc, path)


LAUGHS = '<!DOCTYPE a [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (f"{LAUGHS}<annotation><object><name>&b;</name></object></annotation>".encode(), "document type"),
        (f"<?xml version='1.0'?>\n{LAUGHS}<annotation/>".encode("utf-16"), "document type"),
        (b"<!DOCTYPE annotation SYSTEM 'http://localhost/a.dtd'><annotation/>", "document type"),
        (b"<?xml version='1.0' encoding='cp037'?>" + f"{LAUGHS}<annotation/>".encode("cp037"), "XML"),
        (b"<?xml version='1.0' encoding='klingon'?><annotation/>", "encoding that is not read here"),
        (b"<?xml version='1.0' encoding='shift_jis'?><annotation/>", "encoding that is not read here"),
        (b"<annotation><name>&undefined;</name></annotation>", "malformed XML at line 1"),
        (b"<annotation>\0</annotation>", "malformed XML at line 1"),
    ],
)
def test_voc_files_with_entities_or_odd_encodings_are_refused(tmp_path, data, words):
    path = tmp_path / "a.xml"
    path.write_bytes(data)
    assert words in refused(voc, path)


def test_voc_files_may_say_their_encoding_and_be_nested_deeply(tmp_path):
    path = tmp_path / "a.xml"
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
    body = f"<annotation><object><name>chät</name>{box}</object>{'<a>' * 20_000}{'</a>' * 20_000}</annotation>"
    for encoding in ("utf-8", "iso-8859-1", "utf-16"):
        path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?><!-- ours -->{body}'.encode(encoding))
        assert voc.read(path, ReadOptions()).categories.names == ("chät",)


def test_sizes_in_voc_files_that_are_no_plain_digits_are_unknown(tmp_path):
    path = tmp_path / "a.xml"
    for text in ("\u00b2", "9" * 5000, "-1", "640.5", ""):
        path.write_text(f"<annotation><size><width>{text}</width><height>7</height></size></annotation>", "utf-8")
        assert voc.read(path, ReadOptions()).images.sizes.tolist() == [[0, 7]]


@pytest.mark.parametrize("number", ["100000000", "9" * 5000, "\u0663\u0664"])
def test_class_numbers_of_a_yaml_file_are_bounded(tmp_path, number):
    path = tmp_path / "data.yaml"
    path.write_text(f"names:\n  {number}: cup\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"numbered too high|no class number|malformed YAML"):
        class_names.read(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("input,label,x1,y1,x2,y2," + "x" * 140_000 + "\n", "a cell is longer than 131,072 characters"),
        ('input,label,x1,y1,x2,y2\na,"' + "cat\n" * 40_000, "line 32770: malformed CSV: a cell is longer"),
        ("input,label,x1,y1,x2,y2\n" + "a" * (1 << 21), "line 2 is longer than 1,048,576 characters"),
        (f"input,label,x1,y1,x2,y2\na,cat,1,1,{'9' * 5000},2\n", "line 2: x2 is inf"),
        ("input,label,x1,y1,x2,y2\na,cat,1,1,1e300,2\n", "line 2: the box reaches to 1e+300 pixels"),
        ("\n \n", "the file is empty"),
        ("input,label,score,x1,y1,x2,y2\na,cat,nan,1,1,2,2\n", "line 2: score is nan"),
    ],
)
def test_csv_without_bounds_is_refused(tmp_path, text, words):
    path = tmp_path / "b.csv"
    path.write_text(text)
    assert words in refused(csv_boxes, path)


def test_csv_in_another_encoding_is_named_with_its_line(tmp_path):
    path = tmp_path / "b.csv"
    path.write_bytes("input,label,x1,y1,x2,y2\na,cat,1,1,2,2\nb,chät,1,1,2,2\n".encode("iso-8859-1"))
    assert "line 3 is not UTF-8 text" in refused(csv_boxes, path)


def test_label_ids_that_are_no_plain_digits_are_no_numbers(tmp_path):
    path = tmp_path / "b.csv"
    for number in ("\u00b2", "9" * 5000):
        path.write_text(f"input,label,label_id,x1,y1,x2,y2\na,cat,{number},1,1,2,2\n", encoding="utf-8")
        assert csv_boxes.read(path, ReadOptions()).categories.ids is None


def test_csv_rows_are_read_a_part_at_a_time_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_boxes, "ROWS_AT_ONCE", 2)
    path = tmp_path / "b.csv"
    lines = ["b,,,,,", "a,cat,0,0,9,9", "", 'a,"big\ndog",1,1,9,9', "c,cat,2,2,9,9", ",,,,,", "a,cow,3,3,9,9"]
    path.write_text("input,label,x1,y1,x2,y2\n" + "\n".join(lines))
    told = []
    data = csv_boxes.read(path, ReadOptions(progress=lambda *words: told.append(words)))
    assert data.images.names == ("b", "a", "c")
    assert data.categories.names == ("cat", "big\ndog", "cow")
    assert data.annotations.image.tolist() == [1, 1, 2, 1]
    assert data.annotations.boxes[:, 0].tolist() == [0, 1, 2, 3]
    assert data.annotations.ids.tolist() == [3, 6, 7, 9]
    assert told[-1] == (f"reading {path}", path.stat().st_size, path.stat().st_size)


def test_csv_takes_less_than_a_few_hundred_bytes_a_row(tmp_path):
    path = tmp_path / "b.csv"
    rows = 60_000
    path.write_text("input,label,score,x1,y1,x2,y2\n" + "a,cat,0.5,1.25,1.5,9.75,8.25\n" * rows)
    tracemalloc.start()
    csv_boxes.read(path, FOUND)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400 * rows


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label_id": float("nan")}, "label_id must be a whole number, not nan"),
        ({"label_id": float("inf")}, "label_id must be a whole number, not inf"),
        ({"label_id": 10**400}, "label_id must be a whole number, not 1000"),
        ({"box": [0, 0, 10**400, 1]}, "must be a finite number"),
        ({"box": [0, 0, 1e300, 1]}, "farther than any picture"),
        ({"score": "x" * 1000}, 'score must be a number, not the text "xxx'),
        ({"label": None, "label_id": None}, "neither label nor label_id"),
    ],
)
def test_impossible_values_of_our_records_are_named(tmp_path, change, words):
    path = tmp_path / "p.jsonl"
    prediction = {"label": "cat", "label_id": 3, "score": 0.5, "box": [1, 2, 3, 4]} | change
    path.write_text(json.dumps({"schema": "vision/1", "input": "a.jpg", "predictions": [prediction]}))
    with pytest.raises(DatasetError) as caught:
        vision_jsonl.read(path, FOUND)
    assert words in str(caught.value) and len(str(caught.value)) < 300


def test_keypoints_whose_names_are_no_text_are_taken_in_order(tmp_path):
    path = tmp_path / "p.jsonl"
    points = [{"name": [k], "x": k, "y": 0} for k in range(17)]
    prediction = {"label": "person", "score": 0.5, "box": [1, 2, 3, 4], "keypoints": points}
    path.write_text(json.dumps({"schema": "vision/1", "input": "a.jpg", "predictions": [prediction]}))
    data = vision_jsonl.read(path, ReadOptions(role=Role.PREDICTIONS, keypoints=True))
    assert data.annotations.keypoints[0, :, 0].tolist() == list(range(17))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_json_nested_too_deeply_is_refused(tmp_path, text):
    path = tmp_path / "p.jsonl"
    path.write_text(text)
    assert "nested too deeply" in refused(vision_jsonl, path)


def test_json_with_numbers_of_thousands_of_digits_is_refused(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"input": ' + "9" * 5000 + "}")
    assert "a number of thousands of digits" in refused(vision_jsonl, path)
