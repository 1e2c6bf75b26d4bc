"""`predictions.coco.json`: COCO results, or a COCO data set of its own (https://cocodataset.org/#format-results)."""

import itertools
import json
import re
import zlib
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

from visioncli.datasets.interface import DatasetError
from visioncli.datasets.text import read_json
from visioncli.errors import UsageError
from visioncli.results import Record
from visioncli.sinks.documents import DocumentSink
from visioncli.sinks.folder import OutputFolder

SURE_KEYPOINT = 0.2
"""From this score on a keypoint counts as visible (v = 2); below it as guessed (v = 1). Evaluation ignores v."""


class CocoSink(DocumentSink):
    """With `truth`, the plain list of results that COCO tools take, with the image ids of that ground truth.

    Without, image ids are the number that is the file's name (`000000022892.jpg` is 22892) or else a hash of the
    input's path: the same inputs have the same ids in every run. Of several whose names are the same number the first
    has it, the others have hashes, and `remark` says so. Keypoints and captions (`results_only`) stay a plain list;
    boxes and masks become an object with `images`, `categories` and `annotations`, each with its score.
    """

    suffix = "coco.json"

    def __init__(
        self,
        out: OutputFolder | None,
        labels: dict[int, str],
        truth: Path | None = None,
        *,
        results_only: bool = False,
    ) -> None:
        self._labels = labels
        self._truth = _image_ids(truth) if truth is not None else None
        self._plain = results_only or truth is not None
        self._used: dict[int, str] = {}
        self._images: list[dict[str, Any]] = []
        self._inputs: list[str] = []
        self._count = 0
        self._unlisted: list[str] = []
        self._same_number: dict[str, None] = {}
        super().__init__(out)

    def begin(self) -> None:
        self.put(b"[" if self._plain else b'{"annotations": [')

    def write(self, record: Record) -> None:
        if self._truth is not None:
            image_id = find_image(self._truth, record.input)
            if image_id is None:
                self._unlisted.append(record.input)
                return
        else:
            image_id = self._own_id(record.input)
        if record.ok and not self._plain:
            size = {"width": record.width, "height": record.height}
            self._images.append({"id": image_id, "file_name": record.output or record.input} | size)
            self._inputs.append(record.input)
        predictions = record.to_json()["predictions"] or []
        # One caption a picture is what caption evaluation expects: the best.
        for prediction in predictions[:1] if record.task == "caption" else predictions:
            self._annotation(image_id, prediction)

    @property
    def remark(self) -> str | None:
        """Says which pictures the ground truth does not list, or which have ids that are not their number."""
        if self._unlisted:
            count, names = _counted(self._unlisted)
            return f"--images does not list {count}, so the COCO results leave them out: {names}."
        if self._same_number:
            count, names = _counted(list(self._same_number))
            return (
                f"{count} had the same number for a name as one of another folder, so the image id in the COCO file "
                f"is a hash of the path: {names}. With --images TRUTH.json ids are those of your ground truth."
            )
        return None

    def finish(self) -> None:
        if self._plain:
            self.put(b"\n]\n")
            return
        self._tell_apart()
        categories = [{"id": i, "name": name} for i, name in self._labels.items()]
        rest = f'],\n"images": {json.dumps(self._images)},\n"categories": {json.dumps(categories)}}}\n'
        self.put(rest.encode())

    def _tell_apart(self) -> None:
        """Names pictures by the paths that were given where they share a name but not the root."""
        alike: dict[str, list[int]] = defaultdict(list)
        for i, image in enumerate(self._images):
            alike[PurePosixPath(image["file_name"]).name].append(i)
        for group in alike.values():
            roots = {self._inputs[i].removesuffix(self._images[i]["file_name"]) for i in group}
            if len(roots) > 1:
                for i in group:
                    self._images[i]["file_name"] = self._inputs[i]

    def _annotation(self, image_id: int, prediction: dict[str, Any]) -> None:
        entry: dict[str, Any] = {"image_id": image_id} | coco_result(prediction)
        self._count += 1
        if "mask" in prediction:
            # In a list of results, a box beside it would make pycocotools take the box's area for the mask's.
            if self._plain:
                entry.pop("bbox", None)
            else:
                entry.setdefault("bbox", _around(prediction["mask"]))
        if not self._plain:
            width, height = entry.get("bbox", (0, 0, 0, 0))[2:]
            area = prediction.get("area", round(width * height, 3))
            entry = {"id": self._count, **entry, "area": area, "iscrowd": 0}
        self.put((b",\n" if self._count > 1 else b"\n") + json.dumps(entry).encode())

    def _own_id(self, path: str) -> int:
        stem = Path(path).stem
        raw = path.encode("utf-8", "replace")
        number = int(stem) if re.fullmatch(r"[0-9]{1,15}", stem) else None
        hashes = (zlib.crc32(raw + b"\0" * n) for n in itertools.count())
        for wanted in itertools.chain([] if number is None else [number], hashes):
            if self._used.setdefault(wanted, path) == path:
                break
        if number not in (None, wanted):
            self._same_number[path] = None
        return wanted


def _counted(names: list[str]) -> tuple[str, str]:
    """How many pictures, and the first of them."""
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} picture{'s'[: len(names) > 1]}", shown


def coco_result(prediction: dict[str, Any]) -> dict[str, Any]:
    """A prediction's JSON as the fields of a COCO result: category_id, bbox (x, y, width, height), score, …"""
    if "caption" in prediction:
        return {"caption": prediction["caption"]}
    entry: dict[str, Any] = {"category_id": prediction.get("label_id", 1)}
    if "box" in prediction:
        x1, y1, x2, y2 = prediction["box"]
        entry["bbox"] = [x1, y1, round(x2 - x1, 6), round(y2 - y1, 6)]
    if "mask" in prediction:
        entry["segmentation"] = prediction["mask"]
    if "keypoints" in prediction:
        points = prediction["keypoints"]
        entry["keypoints"] = [v for p in points for v in (p["x"], p["y"], 2 if p["score"] >= SURE_KEYPOINT else 1)]
        entry["num_keypoints"] = sum(p["score"] >= SURE_KEYPOINT for p in points)
    # A class's mask has no score of its own; results need one.
    entry["score"] = prediction.get("score", 1.0)
    return entry


def _around(mask: dict[str, Any]) -> list[float]:
    """x, y, width, height of a run-length encoded mask; tools that draw annotations want it in every one."""
    from pycocotools import mask as coco_mask

    box: list[float] = coco_mask.toBbox(mask).tolist()
    return box


def _image_ids(truth: Path) -> dict[str, int]:
    """File name -> image id of a COCO ground truth. Raises UsageError."""
    try:
        images = read_json(truth)["images"]
        return {str(image["file_name"]): int(image["id"]) for image in images}
    except DatasetError as problem:
        raise UsageError(f"--images {problem}") from None
    except (ValueError, KeyError, TypeError, OverflowError) as problem:
        raise UsageError(f"--images {truth} is not a COCO ground truth with an images list ({problem}).") from None


def find_image(ids: dict[str, int], path: str) -> int | None:
    """The id of the picture at `path`: its whole name, or the longest end of it that the ground truth lists."""
    parts = path.split("/")
    for start in range(len(parts)):
        name = "/".join(parts[start:])
        if name in ids:
            return ids[name]
    return None
