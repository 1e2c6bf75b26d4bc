"""`predictions.labelstudio.json`: tasks with pre-annotations, and `predictions.labelstudio.xml`, the labelling
configuration that they fit (https://labelstud.io/guide/predictions).

Coordinates are percent of the upright picture, as browsers show it. What lies outside of the picture is left out.
"""

import json
import posixpath
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from statistics import fmean
from typing import Any
from urllib.parse import quote

from visioncli.inputs.addresses import is_url
from visioncli.results import Record
from visioncli.sinks.brush import brush
from visioncli.sinks.declared import classes_of, declared
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.xml_text import one_line
from visioncli.tasks.pose.joints import KEYPOINT_NAMES

LOCAL = "/data/local-files/?d="
"""How Label Studio is told of a file below its LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT."""
PICTURE = "image"
KEYPOINT_WIDTH = 0.5
"""Percent of the picture's width."""
CONTROLS = {
    "classify": (("class", "Choices", "Choice"),),
    "detect": (("label", "RectangleLabels", "Label"),),
    "segment": (("label", "BrushLabels", "Label"),),
    "pose": (("label", "RectangleLabels", "Label"), ("keypoint", "KeyPointLabels", "Label")),
    "caption": (("caption", "TextArea", ""),),
}
"""Of each task the controls of its configuration: name, tag, and the tag of each of its labels."""


def labelstudio_sinks(out: OutputFolder | None, task: str, labels: dict[int, str]) -> list[DocumentSink]:
    """Tasks, and in a folder the configuration too."""
    return [LabelStudioSink(out), *([ConfigurationSink(out, task, labels)] if out is not None else [])]


class LabelStudioSink(DocumentSink):
    """One task a picture; failures and recordings have none."""

    suffix = "labelstudio.json"

    def begin(self) -> None:
        self._separator = b"\n"
        self.put(b"[")

    def write(self, record: Record) -> None:
        if not record.ok or record.width is None:
            return
        task = {"data": {PICTURE: address_of(record.input)}, "predictions": [_prediction(record)]}
        self.put(self._separator + json.dumps(task).encode())
        self._separator = b",\n"

    def finish(self) -> None:
        self.put(b"\n]\n")


class ConfigurationSink(DocumentSink):
    """What Label Studio's project must be set up with, so that it takes the tasks."""

    suffix = "labelstudio.xml"

    def __init__(self, out: OutputFolder | None, task: str, labels: dict[int, str]) -> None:
        self._task, self._labels = task, labels
        self._found: dict[str, None] = {}
        self._keypoints = dict.fromkeys(KEYPOINT_NAMES)
        super().__init__(out)

    def begin(self) -> None:
        """It is known last."""

    def write(self, record: Record) -> None:
        if record.ok and record.width is not None:
            for p in record.predictions or ():
                self._found[getattr(p, "label", "")] = None
                self._keypoints.update((k.name, None) for k in getattr(p, "keypoints", ()))

    def finish(self) -> None:
        view = ET.Element("View")
        ET.SubElement(view, "Image", name=PICTURE, value=f"${PICTURE}")
        for name, tag, label in CONTROLS[self._task]:
            control = ET.SubElement(view, tag, name=name, toName=PICTURE)
            if tag == "Choices":
                control.set("choice", "multiple")
            elif tag == "TextArea":
                control.set("editable", "true")
                control.set("maxSubmissions", "1")
            if name == "keypoint":
                for n, keypoint in enumerate(self._keypoints):
                    ET.SubElement(control, label, value=one_line(keypoint), model_index=str(n))
            elif label:
                for value in declared(self._labels, self._found):
                    ET.SubElement(control, label, value=value)
        ET.indent(view)
        self.put(ET.tostring(view, encoding="utf-8") + b"\n")


def address_of(path: str) -> str:
    """What Label Studio fetches a picture by: an address as it is, a file below the folder that it serves."""
    if is_url(path) or "://" in path:
        return path
    return LOCAL + quote(posixpath.normpath(path).lstrip("/").encode("utf-8", "surrogateescape"))


def _prediction(record: Record) -> dict[str, Any]:
    results = list(_results(record))
    scores = [result["score"] for result in results if "score" in result]
    model = record.model
    body: dict[str, Any] = {"model_version": "" if model is None else model.name}
    if scores:
        body["score"] = round(fmean(scores), 6)
    return body | {"result": results}


def _results(record: Record) -> Iterator[dict[str, Any]]:
    assert record.width and record.height  # successes have a size
    size = record.width, record.height
    predictions = record.predictions or ()
    if record.task == "classify":
        if chosen := classes_of(record):
            labels = [one_line(p.label) for p in chosen]
            yield _result(record, "1", "class", "choices", {"choices": labels}, chosen[0].score)
    elif record.task == "caption":
        if predictions:
            yield _result(record, "1", "caption", "textarea", {"text": [predictions[0].caption]})
    elif record.task == "segment":
        for n, p in enumerate(predictions, 1):
            value = {"format": "rle", "rle": brush(p.mask.decode()), "brushlabels": [one_line(p.label)]}
            yield _result(record, str(n), "label", "brushlabels", value, p.score)
    else:
        for n, p in enumerate(predictions, 1):
            value = _rectangle(p.box, size) | {"rectanglelabels": [one_line(p.label)]}
            yield _result(record, str(n), "label", "rectanglelabels", value, p.score)
            for m, point in enumerate(getattr(p, "keypoints", ()), 1):
                if 0 <= point.x <= size[0] and 0 <= point.y <= size[1]:
                    place = {"x": 100 * point.x / size[0], "y": 100 * point.y / size[1], "width": KEYPOINT_WIDTH}
                    value = place | {"keypointlabels": [one_line(point.name)]}
                    one = _result(record, f"{n}-{m}", "keypoint", "keypointlabels", value, point.score)
                    yield one | {"parentID": str(n)}


def _result(
    record: Record, name: str, control: str, kind: str, value: dict[str, Any], score: float | None = None
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": name,
        "from_name": control,
        "to_name": PICTURE,
        "type": kind,
        "original_width": record.width,
        "original_height": record.height,
        "image_rotation": 0,
        "value": value,
    }
    return body if score is None else body | {"score": float(score)}


def _rectangle(box: tuple[float, float, float, float], size: tuple[int, int]) -> dict[str, Any]:
    (x1, x2), (y1, y2) = ([min(max(v, 0), side) for v in box[n::2]] for n, side in enumerate(size))
    width, height = size
    return {
        "x": 100 * x1 / width,
        "y": 100 * y1 / height,
        "width": 100 * (x2 - x1) / width,
        "height": 100 * (y2 - y1) / height,
        "rotation": 0,
    }
