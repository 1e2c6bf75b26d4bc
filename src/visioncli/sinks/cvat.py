"""`predictions.cvat.xml`: pre-annotations as "CVAT for images 1.1" (https://docs.cvat.ai/docs/other/xml_format), and
`predictions.cvat.labels.json`, the labels that the task must have, as CVAT's raw editor takes them.

Pixels are those of the upright picture, which CVAT shows. Scores are an attribute of each label.
"""

import json
import shutil
import tempfile
import xml.etree.ElementTree as ET
from typing import IO, Any

import numpy as np

from visioncli.files import explain
from visioncli.predictions import Person, Segment
from visioncli.results import Record
from visioncli.sinks.coco import SURE_KEYPOINT
from visioncli.sinks.declared import as_recorded, classes_of, declared
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.seekable import with_disk_errors
from visioncli.sinks.xml_text import one_line, xml_text
from visioncli.tasks.pose.joints import KEYPOINT_NAMES, SKELETON

KINDS = {"classify": "tag", "detect": "rectangle", "segment": "mask", "pose": "skeleton"}
"""Of each task what CVAT calls its annotations."""
SCORE: dict[str, Any] = {
    "name": "score",
    "mutable": False,
    # A number of CVAT's has a step, which answers do not keep to.
    "input_type": "text",
    "default_value": "",
    "values": [""],
}
_FIGURE = (
    *((50, 12), (54, 8), (46, 8), (59, 11), (41, 11), (64, 27), (36, 27), (71, 43), (29, 43), (75, 57), (25, 57)),
    *((58, 55), (42, 55), (60, 74), (40, 74), (61, 93), (39, 93)),
)
"""Where each joint stands in the drawing of a person, in percent: CVAT draws new skeletons like it."""


def cvat_sinks(out: OutputFolder | None, task: str, labels: dict[int, str]) -> list[DocumentSink]:
    """Annotations, and in a folder the labels too."""
    return [CvatSink(out, task, labels), *([CvatLabelsSink(out, task, labels)] if out is not None else [])]


class CvatSink(DocumentSink):
    """One `image` element a picture; failures and recordings have none.

    How many there are stands before them, so they wait in a file of their own.
    """

    suffix = "cvat.xml"

    def __init__(self, out: OutputFolder | None, task: str, labels: dict[int, str]) -> None:
        self._task, self._labels = task, labels
        self._found: dict[str, None] = {}
        self._count = 0
        super().__init__(out)

    def begin(self) -> None:
        """What stands first is known last."""
        place = self._out.partial if self._out else None
        try:
            self._images: IO[bytes] = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 - `finish` closes it
        except OSError as problem:
            raise explain(problem, self.target) from problem

    def write(self, record: Record) -> None:
        if not record.ok or record.width is None:
            return
        record = as_recorded(record)
        image = ET.Element("image", id=str(self._count), name=xml_text(record.output or record.input))
        size = record.width or 0, record.height or 0
        image.set("width", str(size[0]))
        image.set("height", str(size[1]))
        for p in classes_of(record) if record.task == "classify" else record.predictions or ():
            self._found[p.label] = None
            _annotate(image, p, size)
        self._count += 1
        ET.indent(image, level=1)
        with_disk_errors(lambda: self._images.write(b"  " + ET.tostring(image, encoding="utf-8") + b"\n"), self)

    def finish(self) -> None:
        meta = ET.Element("meta")
        task = ET.SubElement(meta, "task")
        for tag, text in (("name", "vision"), ("size", str(self._count)), ("mode", "annotation")):
            ET.SubElement(task, tag).text = text
        labels = ET.SubElement(task, "labels")
        for label in _labels(self._task, self._labels, self._found):
            _declare(labels, label)
        ET.indent(meta, level=1)
        head = b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  '
        self.put(head + ET.tostring(meta, encoding="utf-8") + b"\n")
        with_disk_errors(self._append_images, self)
        self.put(b"</annotations>\n")

    def _append_images(self) -> None:
        with self._images as images:
            images.seek(0)
            shutil.copyfileobj(images, self._file)


class CvatLabelsSink(DocumentSink):
    """The labels of a task that takes the annotations."""

    suffix = "cvat.labels.json"

    def __init__(self, out: OutputFolder | None, task: str, labels: dict[int, str]) -> None:
        self._task, self._labels = task, labels
        self._found: dict[str, None] = {}
        super().__init__(out)

    def begin(self) -> None:
        """They are known last."""

    def write(self, record: Record) -> None:
        if record.ok and record.width is not None:
            predictions = classes_of(record) if record.task == "classify" else record.predictions or ()
            self._found.update((p.label, None) for p in predictions)

    def finish(self) -> None:
        labels = _labels(self._task, self._labels, self._found)
        self.put(json.dumps(labels, indent=1, ensure_ascii=False).encode() + b"\n")


def run_lengths(mask: np.ndarray) -> list[int]:
    """Runs of 0 and 1 in turn, row by row, the first one of 0; `mask` is `(H, W) bool`."""
    pixels = np.ascontiguousarray(mask, bool).ravel()
    starts = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], starts, [pixels.size]])).tolist()
    return [0, *lengths] if pixels[0] else lengths


def _annotate(image: ET.Element, p: Any, size: tuple[int, int]) -> None:
    common = {"label": one_line(p.label), "source": "auto"}
    if isinstance(p, Segment):
        mask = p.mask.decode()
        down, across = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not down.size:
            return
        (top, bottom), (left, right) = ((int(v[0]), int(v[-1]) + 1) for v in (down, across))
        rle = ", ".join(map(str, run_lengths(mask[top:bottom, left:right])))
        place = {"left": left, "top": top, "width": right - left, "height": bottom - top}
        item = _shape(image, "mask", common | {"occluded": "0", "rle": rle} | {k: str(v) for k, v in place.items()})
    elif isinstance(p, Person):
        item = _shape(image, "skeleton", common)
        for point in p.keypoints:
            outside = not (0 <= point.x <= size[0] and 0 <= point.y <= size[1])
            ET.SubElement(
                item,
                "points",
                label=one_line(point.name),
                source="auto",
                outside=str(int(outside)),
                occluded=str(int(point.score < SURE_KEYPOINT)),
                points=f"{point.x:.2f},{point.y:.2f}",
            )
    elif box := getattr(p, "box", None):
        corners = {name: f"{value:.2f}" for name, value in zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True)}
        item = _shape(image, "box", common | {"occluded": "0"} | corners)
    else:
        item = ET.SubElement(image, "tag", common)
    if p.score is not None:
        ET.SubElement(item, "attribute", name="score").text = f"{p.score:.4g}"


def _shape(image: ET.Element, tag: str, attributes: dict[str, str]) -> ET.Element:
    return ET.SubElement(image, tag, attributes | {"z_order": "0"})


def _labels(task: str, known: dict[int, str], found: dict[str, None]) -> list[dict[str, Any]]:
    labels = []
    for name in declared(known, found):
        label: dict[str, Any] = {"name": name, "type": KINDS[task], "attributes": [SCORE]}
        if task == "pose":
            label["sublabels"] = [{"name": n, "type": "points", "attributes": []} for n in KEYPOINT_NAMES]
            label["svg"] = _figure()
        labels.append(label)
    return labels


def _figure() -> str:
    drawing = []
    for a, b in SKELETON:
        (x1, y1), (x2, y2) = _FIGURE[a], _FIGURE[b]
        drawing.append(
            f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="black" data-type="edge" '
            f'data-node-from="{a + 1}" stroke-width="0.5" data-node-to="{b + 1}"></line>'
        )
    for n, ((x, y), name) in enumerate(zip(_FIGURE, KEYPOINT_NAMES, strict=True), 1):
        drawing.append(
            f'<circle r="1.5" stroke="black" fill="#b3b3b3" cx="{x}" cy="{y}" stroke-width="0.1" '
            f'data-type="element node" data-element-id="{n}" data-node-id="{n}" data-label-name="{name}"></circle>'
        )
    return "".join(drawing)


def _declare(labels: ET.Element, label: dict[str, Any], parent: str | None = None) -> None:
    item = ET.SubElement(labels, "label")
    for tag in ("name", "type", "svg"):
        if tag in label:
            ET.SubElement(item, tag).text = label[tag]
    if parent:
        ET.SubElement(item, "parent").text = parent
    attributes = ET.SubElement(item, "attributes")
    for attribute in label["attributes"]:
        one = ET.SubElement(attributes, "attribute")
        for tag in ("name", "mutable", "input_type", "default_value"):
            ET.SubElement(one, tag).text = str(attribute[tag])
        ET.SubElement(one, "values").text = "\n".join(attribute["values"])
    for sublabel in label.get("sublabels", ()):
        _declare(labels, sublabel, label["name"])
