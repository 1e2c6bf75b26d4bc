"""`OUT/voc/a/cat.xml`: Pascal VOC annotations (https://host.robots.ox.ac.uk/pascal/VOC/)."""

import xml.etree.ElementTree as ET
from pathlib import PurePosixPath

from visioncli.files import write_whole
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.sinks.xml_text import whole_document, xml_text


class VocSink(PictureSink):
    """One XML file a picture. Corners are written as they are in the record, as most tools read them."""

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        record = outcome.record
        root = ET.Element("annotation")
        for tag, name in _names(record.output or base).items():
            _add(root, tag, name)
        _add(root, "path", xml_text(record.input))
        size = ET.SubElement(root, "size")
        for tag, number in (("width", record.width), ("height", record.height), ("depth", 3)):
            _add(size, tag, str(number))
        _add(root, "segmented", "0")
        for p in record.predictions or ():
            item = ET.SubElement(root, "object")
            _add(item, "name", xml_text(p.label))
            for tag, text in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
                _add(item, tag, text)
            _add(item, "score", f"{p.score:.6g}")
            box = ET.SubElement(item, "bndbox")
            x1, y1, x2, y2 = p.box
            for tag, value in (("xmin", x1), ("ymin", y1), ("xmax", x2), ("ymax", y2)):
                _add(box, tag, f"{value:.7g}")
        target = out.file(f"voc/{out.stem(base)}.xml")
        write_whole(target, whole_document(root), out.partial)
        return {"voc": str(target)}


def called(document: bytes, output: str) -> bytes:
    """The same annotations for a picture whose results are now called after `output`."""
    root = ET.fromstring(document)
    for tag, name in _names(output).items():
        root.find(tag).text = name  # type: ignore[union-attr]
    return whole_document(root)


def _names(output: str) -> dict[str, str]:
    name = PurePosixPath(output)
    return {"folder": xml_text(name.parent.name), "filename": xml_text(name.name)}


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text
