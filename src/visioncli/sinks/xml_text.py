"""Texts as XML 1.0 can hold them."""

import re
import xml.etree.ElementTree as ET

_NOT_XML = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """File names and labels may hold bytes and control characters that XML cannot; it turns a CR into a line end."""
    return _NOT_XML.sub("?", text.encode("utf-8", "backslashreplace").decode())


def one_line(text: str) -> str:
    """As `xml_text`, on one line: attributes and lists of labels lose line ends and spaces at the ends."""
    return " ".join(xml_text(text).split()) or "?"


def whole_document(root: ET.Element) -> bytes:
    """A document in UTF-8 with its declaration, indented."""
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
