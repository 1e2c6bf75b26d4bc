import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sinks.samples import BRUSH, CAT, folder, outcome, record
from visioncli.predictions import Detection
from visioncli.sinks.voc import VocSink


def written(tmp_path: Path, name: str, *found: Detection) -> ET.Element:
    out = folder(tmp_path, name)
    files = VocSink().write(outcome(record("detect", name, *found)), out, name)
    assert Path(files["voc"]).parent.is_relative_to(tmp_path / "out" / "voc")
    return ET.parse(files["voc"]).getroot()


def test_the_file_names_picture_size_and_objects(tmp_path: Path) -> None:
    root = written(tmp_path, "a/cat.jpg", CAT, BRUSH)
    assert root.tag == "annotation"
    assert (root.findtext("folder"), root.findtext("filename")) == ("a", "cat.jpg")
    assert root.findtext("path") == "photos/a/cat.jpg"
    assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == ["120", "100", "3"]
    objects = root.findall("object")
    assert [o.findtext("name") for o in objects] == ["cat", "toothbrush"]
    for item, want in zip(objects, (CAT, BRUSH), strict=True):
        corners = [float(item.findtext(f"bndbox/{c}") or "") for c in ("xmin", "ymin", "xmax", "ymax")]
        assert corners == pytest.approx(want.box)
        assert float(item.findtext("score") or "") == pytest.approx(want.score)
        assert (item.findtext("difficult"), item.findtext("truncated")) == ("0", "0")


def test_a_picture_without_objects_has_a_file_without_objects(tmp_path: Path) -> None:
    assert written(tmp_path, "cat.jpg").findall("object") == []


@pytest.mark.parametrize("name", ["naïve 猫.jpg", 'a<b>&"c".jpg', "bell\x07.jpg", "bad\udcff.jpg", "tab\t.jpg"])
def test_any_name_gives_well_formed_xml(name: str, tmp_path: Path) -> None:
    root = written(tmp_path, name, Detection("a < b & c", 1, 0.5, (0, 0, 1, 1)))
    assert (root.findtext("filename") or "").endswith(".jpg")
    assert root.findtext("object/name") == "a < b & c"


def test_labels_that_xml_cannot_hold_do_not_spoil_the_file(tmp_path: Path) -> None:
    root = written(tmp_path, "cat.jpg", Detection("a<b\x1b[31m\r\x00\udcff", 1, 0.5, (0, 0, 9, 9)))
    assert root.findtext("object/name") == "a<b?[31m??\\udcff"
