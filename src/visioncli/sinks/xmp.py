"""`OUT/xmp/a/cat.jpg.xmp`: sidecars with labels, captions and boxes for photo programs (ISO 16684-1).

Keywords are `dc:subject` and `lr:hierarchicalSubject`, a caption is `dc:description`. Boxes are the regions of the
Metadata Working Group's Guidelines for Handling Image Metadata 2.0, section 5.9: the middle and the size as parts of
the picture as it is stored, before its EXIF orientation is applied.
"""

import xml.etree.ElementTree as ET
from typing import Any

from visioncli.files import write_whole
from visioncli.pictures.orientation import orientation_of_file, to_stored
from visioncli.predictions import Box
from visioncli.results import Record
from visioncli.runner import Outcome
from visioncli.sinks.declared import classes_of
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.sinks.xml_text import one_line, whole_document, xml_text

ROOT_KEYWORD = "vision"
"""What keywords hang below in a tree: it tells them from one's own, and all of them are removed with it."""
SPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
}
for _prefix, _space in SPACES.items():
    ET.register_namespace(_prefix, _space)
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


class XmpSink(PictureSink):
    """One sidecar a picture, named as digiKam, darktable, Immich and PhotoPrism look for it: with the picture's own
    suffix, so that `cat.jpg` and `cat.png` do not share one."""

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        target = out.file(f"xmp/{base}.xmp")
        orientation = orientation_of_file(outcome.item.path)
        write_whole(target, sidecar(outcome.record, orientation), out.partial)
        return {"xmp": str(target)}


def sidecar(record: Record, orientation: int = 1) -> bytes:
    """The XMP packet about a picture whose EXIF block has this orientation."""
    meta = ET.Element(_name("x:xmpmeta"))
    rdf = ET.SubElement(meta, _name("rdf:RDF"))
    about = ET.SubElement(rdf, _name("rdf:Description"), {_name("rdf:about"): ""})
    keywords = _keywords(record)
    if keywords:
        _list(about, "dc:subject", keywords)
        # A bar parts the levels of the tree.
        _list(about, "lr:hierarchicalSubject", [f"{ROOT_KEYWORD}|{word.replace('|', '/')}" for word in keywords])
    if record.task == "caption" and record.predictions:
        _list(about, "dc:description", [xml_text(record.predictions[0].caption)], "Alt")
    regions = [(p.label, p.box) for p in record.predictions or () if _has_regions(record) and p.box is not None]
    if record.width and record.height and regions:
        if orientation != 1:
            ET.SubElement(about, _name("tiff:Orientation")).text = str(orientation)
        _regions(about, regions, (record.width, record.height), orientation)
    return whole_document(meta)


def _has_regions(record: Record) -> bool:
    return record.task in ("detect", "segment", "pose")


def _keywords(record: Record) -> list[str]:
    found: Any = record.predictions or ()
    if record.task == "classify":
        found = classes_of(record)
    return list(dict.fromkeys(one_line(p.label) for p in found if hasattr(p, "label")))


def _regions(about: ET.Element, regions: list[tuple[str, Box]], size: tuple[int, int], orientation: int) -> None:
    a, b, c, d, e, f = to_stored(orientation, *size)
    width, height = size if orientation < 5 else size[::-1]
    info = _struct(about, "mwg-rs:RegionInfo")
    dimensions = _struct(info, "mwg-rs:AppliedToDimensions")
    for tag, text in (("w", str(width)), ("h", str(height)), ("unit", "pixel")):
        ET.SubElement(dimensions, _name(f"stDim:{tag}")).text = text
    bag = ET.SubElement(ET.SubElement(info, _name("mwg-rs:RegionList")), _name("rdf:Bag"))
    for label, box in regions:
        # Boxes may stand out of the picture, shares of it may not.
        x1, x2 = (min(max(v, 0.0), size[0]) for v in box[::2])
        y1, y2 = (min(max(v, 0.0), size[1]) for v in box[1::2])
        across = sorted((a * x + b * y + c) / width for x, y in ((x1, y1), (x2, y2)))
        down = sorted((d * x + e * y + f) / height for x, y in ((x1, y1), (x2, y2)))
        item = ET.SubElement(bag, _name("rdf:li"), {_name("rdf:parseType"): "Resource"})
        ET.SubElement(item, _name("mwg-rs:Name")).text = one_line(label)
        area = _struct(item, "mwg-rs:Area")
        numbers = {"x": sum(across) / 2, "y": sum(down) / 2, "w": across[1] - across[0], "h": down[1] - down[0]}
        for tag, number in numbers.items():
            ET.SubElement(area, _name(f"stArea:{tag}")).text = f"{number:.6f}"
        ET.SubElement(area, _name("stArea:unit")).text = "normalized"


def _struct(parent: ET.Element, tag: str) -> ET.Element:
    return ET.SubElement(parent, _name(tag), {_name("rdf:parseType"): "Resource"})


def _list(about: ET.Element, tag: str, texts: list[str], kind: str = "Bag") -> None:
    holder = ET.SubElement(ET.SubElement(about, _name(tag)), _name(f"rdf:{kind}"))
    for text in texts:
        item = ET.SubElement(holder, _name("rdf:li"))
        item.text = text
        if kind == "Alt":
            item.set(_LANGUAGE, "x-default")


def _name(tag: str) -> str:
    prefix, local = tag.split(":")
    return f"{{{SPACES[prefix]}}}{local}"
