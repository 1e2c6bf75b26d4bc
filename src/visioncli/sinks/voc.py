"""`OUT/voc/a/cat.xml`: Pascal VOC annotations (https://host.robots.ox.ac.uk/pascal/VOC/)."""

import re
import xml.etree.ElementTree as ET
from pathlib import PurePosixPath

from visioncli.files import write_whole
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink


class VocSink(PictureSink):
    """One XML file a picture. Corners are written as they are in the record, as most tools read them."""

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        record = outcome.record
        root = ET.Element("annotation")
        for tag, name in _names(record.output or base).items():
            _add(root, tag, name)
        _add(root, "path", _xml_text(record.input))
        size = ET.SubElement(root, "size")
        for tag, number in (("width", record.width), ("height", record.height), ("depth", 3)):
            _add(size, tag, str(number))
        _add(root, "segmented", "0")
        for p in record.predictions or ():
            item = ET.SubElement(root, "object")
            _add(item, "name", _xml_text(p.label))
            for tag, text in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
                _add(item, tag, text)
            _add(item, "score", f"{p.score:.6g}")
            box = ET.SubElement(item, "bndbox")
            x1, y1, x2, y2 = p.box
            for tag, value in (("xmin", x1), ("ymin", y1), ("xmax", x2), ("ymax", y2)):
                _add(box, tag, f"{value:.7g}")
        target = out.file(f"voc/{out.stem(base)}.xml")
        write_whole(target, _whole(root), out.partial)
        return {"voc": str(target)}


def called(document: bytes, output: str) -> bytes:
    """The same annotations for a picture whose results are now called after `output`."""
    root = ET.fromstring(document)
    for tag, name in _names(output).items():
        root.find(tag).text = name  # type: ignore[union-attr]
    return _whole(root)


def _names(output: str) -> dict[str, str]:
    name = PurePosixPath(output)
    return {"folder": _xml_text(name.parent.name), "filename": _xml_text(name.name)}


def _whole(root: ET.Element) -> bytes:
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _xml_text(text: str) -> str:
    """File names and labels may hold bytes and control characters that XML cannot; it turns a CR into a line end."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", clean)
