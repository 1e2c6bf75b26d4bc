import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from sinks.samples import BRUSH, CAT, folder, outcome, person, record, ring, segment
from visioncli.inputs.sources import Item
from visioncli.predictions import Caption, Classification, Detection
from visioncli.results import Record
from visioncli.sinks.xmp import XmpSink, sidecar

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
REGIONS = "{http://www.metadataworkinggroup.com/schemas/regions/}"
AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
DIMENSIONS = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
TREE = "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject"


def about(body: Record, orientation: int = 1) -> ET.Element:
    root = ET.fromstring(sidecar(body, orientation))
    assert root.tag == "{adobe:ns:meta/}xmpmeta"
    found = root.find(f"{RDF}RDF/{RDF}Description")
    assert found is not None and found.get(f"{RDF}about") == ""
    return found


def items(body: ET.Element, tag: str, kind: str = "Bag") -> list[str]:
    return [item.text or "" for item in body.findall(f"{tag}/{RDF}{kind}/{RDF}li")]


def regions(body: ET.Element) -> tuple[tuple[int, int], list[tuple[str, tuple[float, ...]]]]:
    """Width and height that the regions are about, and of each its name and its corners in these pixels."""
    info = body.find(f"{REGIONS}RegionInfo")
    assert info is not None
    applied = info.find(f"{REGIONS}AppliedToDimensions")
    assert applied is not None and applied.findtext(f"{DIMENSIONS}unit") == "pixel"
    width, height = (int(applied.findtext(f"{DIMENSIONS}{k}") or "") for k in "wh")
    found = []
    for item in info.findall(f"{REGIONS}RegionList/{RDF}Bag/{RDF}li"):
        area = item.find(f"{REGIONS}Area")
        assert area is not None and area.findtext(f"{AREA}unit") == "normalized"
        x, y, w, h = (float(area.findtext(f"{AREA}{k}") or "") for k in "xywh")
        corners = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        found.append((item.findtext(f"{REGIONS}Name") or "", corners))
    return (width, height), found


def test_labels_are_keywords_once_each_plain_and_in_a_tree() -> None:
    body = about(record("detect", "a.jpg", CAT, BRUSH, CAT))
    assert items(body, f"{DC}subject") == ["cat", "toothbrush"]
    assert items(body, TREE) == ["vision|cat", "vision|toothbrush"]


def test_of_classes_the_best_is_a_keyword() -> None:
    found = [Classification("a|b", 0, 0.6), Classification("c", 1, 0.3)]
    body = about(record("classify", "a.jpg", *found))
    assert items(body, f"{DC}subject") == ["a|b"] and items(body, TREE) == ["vision|a/b"]
    assert body.find(f"{REGIONS}RegionInfo") is None


def test_the_best_caption_is_the_description() -> None:
    body = about(record("caption", "a.jpg", Caption("A cat & a <dog>.", -1.0), Caption("A cow.", -2.0)))
    assert items(body, f"{DC}description", "Alt") == ["A cat & a <dog>."]
    (item,) = body.findall(f"{DC}description/{RDF}Alt/{RDF}li")
    assert item.get("{http://www.w3.org/XML/1998/namespace}lang") == "x-default"
    assert not items(body, f"{DC}subject")


@pytest.mark.parametrize("found", [CAT, person(), segment(ring(), score=0.5, box=(10.0, 10.0, 120.0, 90.0))])
def test_boxes_of_every_task_are_regions(found: Any) -> None:
    task = {"Detection": "detect", "Person": "pose", "Segment": "segment"}[type(found).__name__]
    size, ((name, corners),) = regions(about(record(task, "a.jpg", found)))
    assert (size, name) == ((120, 100), found.label)
    assert corners == pytest.approx(found.box, abs=0.001)


def test_regions_are_cut_to_the_picture() -> None:
    _, ((_, corners),) = regions(
        about(record("detect", "a.jpg", Detection("cat", 1, 0.5, (-9.0, 50.0, 60.0, 130.0))))
    )
    assert corners == pytest.approx((0, 50, 60, 100), abs=0.001)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_are_those_of_the_picture_as_it_is_stored(orientation: int, tmp_path: Path) -> None:
    stored = np.zeros((40, 60, 3), np.uint8)
    stored[8:20, 5:30] = 255
    exif = Image.Exif()
    exif[0x112] = orientation
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    Image.fromarray(stored).save(path, exif=exif)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    down, across = (np.flatnonzero(upright[..., 0].any(axis=axis)) for axis in (1, 0))
    box = float(across[0]), float(down[0]), float(across[-1] + 1), float(down[-1] + 1)
    body = record("detect", "a.png", Detection("x", 1, 0.5, box), size=upright.shape[1::-1])
    one = outcome(body)
    out = folder(tmp_path, "a.png")
    files = XmpSink().write(type(one)(Item(str(path), "a.png"), body, one.picture), out, "a.png")
    assert Path(files["xmp"]) == tmp_path / "out" / "xmp" / "a.png.xmp"
    written = ET.parse(files["xmp"]).getroot().find(f"{RDF}RDF/{RDF}Description")
    assert written is not None
    size, ((_, corners),) = regions(written)
    assert size == (60, 40)
    assert corners == pytest.approx((5, 8, 30, 20), abs=0.001)
    told = written.findtext("{http://ns.adobe.com/tiff/1.0/}Orientation")
    assert told == (None if orientation == 1 else str(orientation))


@pytest.mark.parametrize("label", ['a < b & "c"', "bell\x07\r\nend", "猫", "bad\udcff", ""])
def test_any_label_gives_well_formed_xml(label: str) -> None:
    body = about(record("detect", "a.jpg", Detection(label, 1, 0.5, (0, 0, 9, 9))))
    (word,) = items(body, f"{DC}subject")
    assert word and "\n" not in word


def test_a_picture_without_answers_has_a_sidecar_without_keywords() -> None:
    assert len(about(record("detect", "a.jpg"))) == 0
