import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.samples import BRUSH, CAT, LABELS, folder, outcome, record
from visioncli.datasets import class_names, roots
from visioncli.datasets.interface import ReadOptions, Role
from visioncli.datasets.yolo import read
from visioncli.predictions import Detection
from visioncli.sinks.yolo import YoloSink


def rows(path: Path) -> list[list[float]]:
    """The file by the letter of the format: five or six numbers a line, blanks between."""
    return [[float(word) for word in line.split(" ")] for line in path.read_text("ascii").splitlines()]


def test_a_line_is_class_number_and_normalised_centre_and_size(tmp_path: Path) -> None:
    out = folder(tmp_path, "a/cat.jpg")
    files = YoloSink(out, LABELS).write(outcome(record("detect", "a/cat.jpg", CAT, BRUSH)), out, "a/cat.jpg")
    path = tmp_path / "out" / "yolo" / "labels" / "a" / "cat.txt"
    picture = tmp_path / "out" / "yolo" / "images" / "a" / "cat.jpg"
    assert files == {"yolo": str(path), "yolo_picture": str(picture)}
    assert picture.is_file()
    names = (tmp_path / "out" / "yolo" / "classes.txt").read_text().splitlines()
    assert names == ["person", "cat", "toothbrush"]
    (cat, brush) = rows(path)
    assert names[int(cat[0])] == "cat" and names[int(brush[0])] == "toothbrush"
    x, y, w, h = cat[1:]
    corners = ((x - w / 2) * 120, (y - h / 2) * 100, (x + w / 2) * 120, (y + h / 2) * 100)
    assert corners == pytest.approx(CAT.box, abs=1e-4)
    assert brush[1:] == [0.5, 0.5, 1, 1]


def test_scores_are_a_sixth_column_on_request(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    YoloSink(out, LABELS, scores=True).write(outcome(record("detect", "cat.jpg", CAT)), out, "cat.jpg")
    assert rows(tmp_path / "out" / "yolo" / "labels" / "cat.txt")[0][5] == 0.9


def test_a_picture_without_objects_has_an_empty_file(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    YoloSink(out, LABELS).write(outcome(record("detect", "cat.jpg")), out, "cat.jpg")
    assert (tmp_path / "out" / "yolo" / "labels" / "cat.txt").read_bytes() == b""


def test_two_pictures_that_differ_by_suffix_have_two_files(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg", "cat.png")
    sink = YoloSink(out, LABELS)
    paths = {sink.write(outcome(record("detect", n, CAT)), out, n)["yolo"] for n in ("cat.jpg", "cat.png")}
    assert len(paths) == 2


@given(
    st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)),
    st.tuples(*[st.floats(0, 1)] * 4),
)
def test_boxes_survive_at_any_size(size: tuple[int, int], shares: tuple[float, ...]) -> None:

    (x1, x2), (y1, y2) = sorted(shares[:2]), sorted(shares[2:])
    box = (x1 * size[0], y1 * size[1], x2 * size[0], y2 * size[1])
    with tempfile.TemporaryDirectory() as place:
        out = folder(Path(place), "cat.jpg")
        body = record("detect", "cat.jpg", Detection("cat", 17, 0.5, box), size=size)
        YoloSink(out, LABELS).write(outcome(body, rgb=np.zeros((1, 1, 3), np.uint8)), out, "cat.jpg")
        ((_, x, y, w, h),) = rows(Path(place) / "out" / "yolo" / "labels" / "cat.txt")
    assert all(0 <= v <= 1 for v in (x, y, w, h))
    assert ((x - w / 2) * size[0], (y + h / 2) * size[1]) == pytest.approx((box[0], box[3]), abs=0.02)


def test_the_line_of_a_class_is_its_number_whatever_its_name(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    YoloSink(out, {1: "two\nlines\r\n", 17: "cat\u2028\x85\x1b[31m", 90: "\udcff"})
    text = (tmp_path / "out" / "yolo" / "classes.txt").read_text("utf-8")
    assert text.splitlines() == ["two lines ", "cat [31m", "\\udcff"]


def data_yaml(tmp_path: Path) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    body: dict[str, Any] = yaml.safe_load((tmp_path / "out" / "yolo" / "data.yaml").read_text("utf-8"))
    return body


def test_data_yaml_says_what_tools_of_training_ask_for(tmp_path: Path) -> None:
    YoloSink(folder(tmp_path), LABELS)
    body = data_yaml(tmp_path)
    assert body == {
        "train": "images",
        "val": "images",
        "nc": 3,
        "names": {0: "person", 1: "cat", 2: "toothbrush"},
    }  # no path: then the folder may be moved


def test_names_of_classes_stand_in_data_yaml_as_they_are(tmp_path: Path) -> None:
    odd = ["no", "1.5", "a: b", 'say "hi" \\', "# 1", "naïve 猫 🐈", "\ufeffbom\uffff", "- x", "~", ""]
    YoloSink(folder(tmp_path), dict(enumerate([*odd, "two\nlines"])))
    assert list(data_yaml(tmp_path)["names"].values()) == [*odd, "two lines"]
    assert class_names.read(tmp_path / "out/yolo/data.yaml") == tuple(name.strip() for name in (*odd, "two lines"))


def test_every_picture_has_the_name_of_its_labels(tmp_path: Path) -> None:
    names = ("cat.jpg", "cat.png", "images/cat.jpg", "images_/cat.jpg", "images/images/a.b.jpg")
    out = folder(tmp_path, *names)
    sink = YoloSink(out, LABELS)
    seen = set()
    for name in names:
        files = sink.write(outcome(record("detect", name, CAT)), out, name)
        picture = files["yolo_picture"]
        # How ultralytics finds the labels of a picture.
        assert "/labels/".join(picture.rsplit("/images/", 1)).rsplit(".", 1)[0] + ".txt" == files["yolo"]
        seen |= {picture, files["yolo"]}
    assert len(seen) == 2 * len(names)


def test_labels_may_go_without_pictures(tmp_path: Path) -> None:
    out = folder(tmp_path, "cat.jpg")
    files = YoloSink(out, LABELS, pictures=False).write(outcome(record("detect", "cat.jpg", CAT)), out, "cat.jpg")
    assert list(files) == ["yolo"]
    assert not (tmp_path / "out/yolo/images").exists()


def test_what_is_written_is_read_back_as_it_is(tmp_path: Path) -> None:
    out = folder(tmp_path, "a/cat.jpg", "dog.jpg")
    sink = YoloSink(out, LABELS, scores=True)
    for name, found in (("a/cat.jpg", (CAT, BRUSH)), ("dog.jpg", ())):
        sink.write(outcome(record("detect", name, *found)), out, name)
    (part,) = roots.find(tmp_path / "out" / "yolo")
    options = ReadOptions(role=Role.PREDICTIONS, files=part.files, images=part.images)
    data = read(part.path, options)
    assert data.images.names == ("a/cat.jpg", "dog.jpg")
    assert data.annotations.boxes[0].tolist() == pytest.approx(CAT.box, abs=1e-4)
